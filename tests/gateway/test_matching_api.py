"""Matching, reviews and the golden record through the API and the command line."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.database import Database
from core.errors import NotFoundError
from gateway.cli import exits
from tests.bridges.plant import publish_all
from tests.gateway.cli_fixture import Run, tieline
from tests.gateway.ground import Ground
from tests.mappings.registers import FIELDS, NOW, customers, say

__all__ = ["tieline"]  # a fixture

CUSTOMER: dict[str, Any] = {
    "kind": "entity",
    "name": "customer",
    "prefix": "CUST",
    "title": {"en": "Customer", "zh": "客户"},
    "fields": {name: {"type": "string", "title": {"en": name.title(), "zh": "字段"}} for name in FIELDS},
    "survive": {"name": "longest"},
    "match": {"fields": FIELDS},
}
ZHANG = {"name": "张伟", "phone": "13800138000", "birthday": "1980-01-02"}
AGAIN = {"name": "張偉", "phone": "+86 138 0013 8000"}
THIN = {"name": "张伟", "birthday": "1980-01-08"}
NAMESAKE = {"name": "张伟", "phone": "13911112222"}


def fill(db: Database) -> None:
    publish_all(db, [CUSTOMER])
    with db.write() as conn:
        customers(conn, db, ZHANG, AGAIN, THIN, NAMESAKE)
        say(conn, 2, {"name": "张伟先生"}, source="erp", at=NOW - 5)


@pytest.fixture
def full(ground: Ground) -> Ground:
    """Give a Tieline with four customers, matched."""
    fill(ground.db)
    from mappings import catalogue
    from mappings.matching import batch

    with ground.db.read() as conn:
        rule = catalogue.load(conn).rules["customer"]
    batch.match(ground.db, rule)
    return ground


def test_who_could_this_be(full: Ground) -> None:
    """A record is answered with candidates and their evidence; nothing is minted."""
    asked = {"entity": "customer", "values": {"name": "Zhang Wei", "phone": "138 0013 8000"}}
    [first, *_] = full.ok("POST", "/identity/match", asked)["items"]
    assert (first["master_id"], first["band"], first["evidence"]["points"]) == ("CUST-2026-000001", "link", 12.5)
    assert {one["field"]: one["level"] for one in first["evidence"]["fields"]}["name"] == "sound"
    assert full.call("POST", "/identity/match", {"entity": "alert", "values": {}}).status_code == 404
    assert len(full.ok("GET", "/entities?type=customer")["items"]) == 3


def test_the_queue_from_list_to_undo(full: Ground) -> None:
    """List, filter, assign, decide many at once with one that cannot be, show every decision, undo."""
    waiting = full.ok("GET", "/reviews?entity=customer&reason=unsure")["items"]
    assert len(waiting) == full.ok("GET", "/reviews")["items"].__len__()
    pairs = {(one["one"], one["other"]): one for one in waiting}
    mine = pairs["CUST-2026-000001", "CUST-2026-000003"]
    assert mine["why"]["zh"] == "证据不足以自动关联。"
    assert mine["fields"][0] == {"field": "name", "compared_as": "person", "level": "equal", "points": 7.0, "best": 7.0}
    ids = [one["id"] for one in waiting]
    assert full.ok("POST", "/reviews/assign", {"ids": ids, "assignee": "bob"})["count"] == len(ids)
    assert full.ok("GET", "/reviews?assignee=")["items"] == []
    assert len(full.ok("GET", "/reviews?assignee=bob&limit=1")["items"]) == 1

    done = full.ok("POST", "/reviews/decide", {"ids": [mine["id"], 999], "verdict": "same", "why": "phoned"})["items"]
    assert [bool(one["problem"]) for one in done] == [False, True]
    assert done[0]["changed"]["moved"] == [
        {"master_id": "CUST-2026-000003", "before": "CUST-2026-000003", "after": "CUST-2026-000001"}
    ]
    assert "There is no review 999" in done[1]["problem"]
    [again] = full.ok("POST", "/reviews/decide", {"ids": [mine["id"]], "verdict": "distinct"})["items"]
    assert "Undo it first" in again["problem"]
    shown = full.ok("GET", f"/reviews/{mine['id']}")
    assert [(one["verdict"], one["why"], one["undone_by"]) for one in shown["decisions"]] == [("same", "phoned", None)]
    assert full.ok("GET", "/reviews?master_id=CUST-2026-000003&state=same")["items"][0]["id"] == mine["id"]

    [undone] = full.ok("POST", "/reviews/undo", {"ids": [mine["id"]]})["items"]
    assert undone["changed"]["moved"][0]["after"] == "CUST-2026-000003"
    assert full.call("GET", "/reviews/xyz").status_code == 404
    assert full.call("GET", "/reviews/999").status_code == 404


def test_explain_and_tune(full: Ground) -> None:
    """Both languages, the edges, the review; tuning says how little it stands on."""
    same = full.ok("GET", "/identity/explain?one=CUST-2026-000002&other=CUST-2026-000001")
    assert (same["relation"], same["edges"]) == ("same", [1])
    open_pair = full.ok("GET", "/identity/explain?one=CUST-2026-000001&other=CUST-2026-000003")
    assert open_pair["relation"] == "open"
    assert open_pair["review"]
    assert all(re.search("[\u4e00-\u9fff]", one["zh"]) for part in ("says", "reasons", "changes") for one in open_pair[part])
    assert full.call("GET", "/identity/explain?one=CUST-2026-000001&other=CUST-2026-000001").status_code == 404
    assert full.call("GET", "/identity/explain?one=CUST-2026-000001&other=CUST-2026-999999").status_code == 404
    full.ok("POST", "/reviews/decide", {"ids": [open_pair["review"]], "verdict": "distinct"})
    tuned = full.ok("GET", "/identity/tune?entity=customer")
    assert (tuned["same"], tuned["distinct"], tuned["link"], tuned["proposed_link"]) == (0, 1, 12.0, None)
    assert tuned["curve"] == [{"threshold": 11.5, "linked": 1, "precision": 0.0, "surely": 0.0, "recall": 0.0}]


def test_the_golden_record(full: Ground) -> None:
    """One value per field with why and the losers; a pin overrules, null withdraws it; entities tell the same why."""
    told = {one["field"]: one for one in full.ok("GET", "/entities/CUST-2026-000002/golden")["fields"]}
    assert (told["name"]["value"], told["name"]["rule"], told["name"]["survives_by"]) == ("张伟先生", "longest", "longest")
    assert [lost["value"] for lost in told["name"]["losers"]] == ["張偉", "张伟"] or len(told["name"]["losers"]) == 2
    pinned = full.ok("POST", "/entities/CUST-2026-000001/pins", {"field": "name", "source": "crm", "why": "his own card"})
    name = next(one for one in pinned["fields"] if one["field"] == "name")
    assert (name["source"], name["rule"]) == ("crm", "pin")
    known = full.ok("GET", "/entities/CUST-2026-000001")["fields"]["name"]
    assert (known["decided_by"], known["why"]["en"]) == ("pin", "A steward pinned crm.")
    back = full.ok("POST", "/entities/CUST-2026-000001/pins", {"field": "name", "source": None})
    assert next(one["rule"] for one in back["fields"] if one["field"] == "name") == "longest"
    assert full.call("POST", "/entities/CUST-2026-000001/pins", {"field": "email", "source": "crm"}).status_code == 409
    assert full.call("POST", "/entities/CUST-2026-000001/pins", {"field": "name", "source": "nobody"}).status_code == 404


@pytest.fixture
def shell(tieline: Run, tmp_path: Path) -> Run:
    """Give the command line over four customers that nobody has matched yet."""
    assert tieline("migrate").exit_code == 0
    with closing(Database(f"sqlite:///{tmp_path}/home/tieline.db")) as db:
        fill(db)
    return tieline


def run(shell: Run, *words: str, code: int = exits.OK, language: str = "en") -> str:
    result = shell(*words, env={"TIELINE_LANGUAGE": language})
    assert result.exit_code == code, result.output
    return result.output


def test_a_stewards_morning_at_the_command_line(shell: Run) -> None:
    """Match, look, explain, decide, undo, tune, golden, pin: in words that can be followed, in both languages."""
    assert "would join 1" in run(shell, "ids", "match", "customer", "--dry-run")
    found = orjson.loads(run(shell, "ids", "match", "customer", "--json"))
    assert (found["compared"], found["linked"], found["proposed"]) == (4, 1, 5)
    assert "比对 0 条" in run(shell, "ids", "match", "customer", language="zh")
    run(shell, "ids", "match", "alert", code=exits.code_of(NotFoundError("", why="", fix="")))

    listed = run(shell, "reviews")
    assert "The evidence is not enough for a machine." in listed
    number = next(
        str(one["id"])
        for one in orjson.loads(run(shell, "reviews", "list", "--json"))["items"]
        if (one["one"], one["other"]) == ("CUST-2026-000001", "CUST-2026-000003")
    )
    assert "1 assigned" in run(shell, "reviews", "assign", number, "--to", "bob")
    run(shell, "reviews", "assign", number, code=2)
    told = run(shell, "ids", "explain", "CUST-2026-000001", "CUST-2026-000003")
    assert "11.5 points: a person has to say (2 to 12)." in told
    assert "An equal Phone on both sides would add 9 points and link them." in told
    assert "姓名" not in told
    assert "须由人判断" in run(shell, "ids", "explain", "CUST-2026-000001", "CUST-2026-000003", language="zh")
    assert "CUST-2026-000003 -> CUST-2026-000001" in run(shell, "reviews", "decide", "same", number, "--why", "phoned")
    run(shell, "reviews", "decide", "same", number, code=exits.PROBLEM)
    assert "phoned" in run(shell, "reviews", "show", number)
    assert "11.5" in run(shell, "ids", "tune", "customer")
    run(shell, "reviews", "undo", number)
    assert "It is the longest: 4 characters" in run(shell, "ids", "golden", "CUST-2026-000001")
    assert "由数据管理员指定" in run(shell, "ids", "pin", "CUST-2026-000001", "name", "crm", language="zh")
    assert "longest" in run(shell, "ids", "pin", "CUST-2026-000001", "name", "--json")
