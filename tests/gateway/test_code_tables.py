"""Code tables and ways back over the API and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.definitions import live
from core.errors import TielineError
from core.repairs import open_keys, open_repair
from mappings.rows import read_rows
from tests.bridges.plant import ENTITIES, MAPPINGS
from tests.gateway.cli_fixture import Run, tieline
from tests.gateway.ground import Ground

__all__ = ["tieline"]

TABLE: dict[str, Any] = {
    "kind": "code_table",
    "name": "states",
    "rows": {"problem": "open", "resolved": "resolved"},
    "unmapped": "review",
}
ZONED = {"from": "$.at", "zone": "America/New_York"}
ALERT = {**ENTITIES[1], "fields": {**ENTITIES[1]["fields"], "since": {"type": "time"}}}
MAPPING = {
    **MAPPINGS[0],
    "fields": {**MAPPINGS[0]["fields"], "status": {"from": "$.status", "table": "states"}, "since": ZONED},
}
PACK: dict[str, Any] = {"header": {"name": "plant"}, "definitions": [ENTITIES[0], ALERT, ENTITIES[2], TABLE, MAPPING]}


def rows(ground: Ground) -> Any:
    with ground.db.read() as conn:
        return next(one.spec["rows"] for one in live(conn, "code_table") if one.name == "states")


def test_rows_are_imported_whole_or_not_at_all(ground_on_each: Ground) -> None:
    """A dry run says what would change; a file with faults names each with its line and changes nothing."""
    ground = ground_on_each
    ground.ok("POST", "/definitions/apply", PACK)
    before = rows(ground)
    bad = 'word,to,relation\nacknowledged,opne,equivalent\n,open,\nflapping,open,like\nresolved,\nresolved,x\n"a'
    refused = ground.call("POST", "/tables/states/import", {"csv": bad})
    assert refused.status_code == 422
    assert [one["line"] for one in refused.get_json()["facts"]["problems"]] == [3, 4, 5, 7]
    assert "line 4: There is no relation 'like'." in refused.get_json()["why"]
    assert rows(ground) == before

    good = "\ufeffword,to,relation\nacknowledged,open,narrower\nproblem,open,\n"
    dry = ground.ok("POST", "/tables/states/import", {"csv": good, "dry": True})
    assert dry["dry"]
    assert [one["path"] for one in dry["changes"]] == ["acknowledged"]
    assert rows(ground) == before

    with ground.db.write() as conn:
        error = TielineError("The code table states lacks a word.", why="w", fix="f")
        open_repair(conn, "word:states", error, connector=None, now=1)
    done = ground.ok("POST", "/tables/states/import", {"csv": good})
    assert (done["dry"], done["rows"]) == (False, 3)
    assert rows(ground) == {**before, "acknowledged": {"to": "open", "relation": "narrower"}}
    with ground.db.read() as conn:
        assert not open_keys(conn, "word:"), "the steward has decided"
        assert next(one.pack for one in live(conn, "code_table")) == "plant", "it stays in its pack"
    assert ground.ok("POST", "/tables/states/import", {"csv": "word,to\nx,y\n", "replace": True})["rows"] == 1
    assert ground.call("POST", "/tables/state/import", {"csv": good}).status_code == 404


def test_coverage_says_what_a_table_lacks(ground: Ground) -> None:
    """The list shows how many look-ups found their word, the words show which did not."""
    ground.ok("POST", "/definitions/apply", PACK)
    door = ground.register("monitoring", inbound={"scheme": "path"})["door"]["url"].removeprefix("http://tieline.test")
    world = ground.world("monitoring")
    for n, status in enumerate(("problem", "problem", "resolved", "problem")):
        world.raise_alert(str(n), name="Hot", severity=1, machine="m")
        world.change("alerts", str(n), status=status)
        ground.deliver(door, world.push("alerts", str(n)))
    ground.work()

    (states,) = ground.ok("GET", "/tables")["items"]
    assert (states["known"], states["unknown"], states["coverage"]) == (4, 0, 1.0)
    found = ground.ok("GET", "/tables/states/words")["items"]
    assert [(one["word"], one["n"], one["connector"]) for one in found] == [
        ("problem", 3, "monitoring"),
        ("resolved", 1, "monitoring"),
    ]
    assert ground.ok("GET", "/tables/states/words?unknown=true")["items"] == []
    assert "Did you mean 'states'?" in ground.call("GET", "/tables/statess/words").get_json()["fix"]


def test_the_laws_are_tried_when_a_mapping_is_published(ground: Ground) -> None:
    """The plan shows the counterexample, the version keeps it, and the API says what would be written."""
    plan = ground.ok("POST", "/definitions/plan", PACK)
    (notice,) = [one for one in plan["notices"] if one.startswith("mapping memory-alerts: since is one-way.")]
    assert "PutGet fails" in notice
    assert "2025-11-02T06:" in notice
    item = next(one for one in plan["items"] if one["name"] == "memory-alerts")
    assert {one["field"]: one["law"] for one in item["one_way"]} == {"since": "PutGet", "device": ""}
    ground.ok("POST", "/definitions/apply", PACK)

    ways = ground.ok("GET", "/mappings/memory-alerts/ways")
    assert {one["field"]: one["way"] for one in ways["items"]} == {
        "title": "two-way",
        "severity": "two-way",
        "status": "two-way",
        "acknowledged": "two-way",
        "device": "one-way",
        "since": "one-way",
    }
    back = ground.ok("POST", "/mappings/memory-alerts/reverse", {"field": "status", "value": "open"})
    assert (back["path"], back["theirs"]) == ("$.status", "problem")
    refused = ground.call("POST", "/mappings/memory-alerts/reverse", {"field": "status", "value": "gone"})
    assert refused.get_json()["code"] == "reverse"
    assert ground.call("POST", "/mappings/memory-alerts/reverse", {"field": "statu", "value": "x"}).status_code == 404
    assert ground.call("GET", "/mappings/memory-alert/ways").status_code == 404


def test_an_author_accepts_the_loss(ground: Ground) -> None:
    """With reverse: always the field is two-way, and the counterexample is still told and kept."""
    accepted = {**MAPPING, "fields": {**MAPPING["fields"], "since": {**ZONED, "reverse": "always"}}}
    pack = {**PACK, "definitions": [*PACK["definitions"][:-1], accepted]}
    assert any("written back all the same" in one for one in ground.ok("POST", "/definitions/plan", pack)["notices"])
    ground.ok("POST", "/definitions/apply", pack)
    (since,) = [one for one in ground.ok("GET", "/mappings/memory-alerts/ways")["items"] if one["field"] == "since"]
    assert (since["way"], since["accepted"], since["law"]) == ("two-way", True, "PutGet")
    assert since["example"]["ours"].startswith("2025-11-02T06:")


def test_circles_and_missing_tables_are_refused(ground: Ground) -> None:
    """A table that asks another one that asks it is named with the whole circle; a misspelt one with the near name."""
    other = {"kind": "code_table", "name": "more", "rows": {"x": "open"}, "unmapped": {"ask": "states"}}
    round_ = {**PACK, "definitions": [*PACK["definitions"][:3], {**TABLE, "unmapped": {"ask": "more"}}, other, MAPPING]}
    plan = ground.ok("POST", "/definitions/plan", round_)
    faults = {(one["name"], one["path"]): one["what"] for one in plan["problems"]}
    assert faults["states", "unmapped.ask"] == "It asks itself: states -> more -> states."
    assert faults["more", "unmapped.ask"] == "It asks itself: more -> states -> more."
    near = {
        **PACK,
        "definitions": [*PACK["definitions"][:3], {**TABLE, "unmapped": {"ask": "mor"}}, {**other, "unmapped": "error"}],
    }
    (fault,) = ground.ok("POST", "/definitions/plan", near)["problems"]
    assert (fault["path"], fault["fix"].split("?")[0]) == ("unmapped.ask", "Did you mean 'more'")


@pytest.mark.parametrize(
    ("text", "of_type", "line", "words"),
    [
        ("", "text", 1, "column 'word' 0 times"),
        ("wrd,to\na,b\n", "text", 1, "Did you mean 'word'?"),
        ("word,to\n", "text", 1, "There is no row."),
        ("word,to\na,b,c\n", "text", 2, "more cells"),
        ("word,to\na,4.5\n", "integer", 2, "'4.5' is no integer"),
        ("word,to\na,\n", "text", 2, "cell under `to` is empty"),
        ("word,to\na,b\na,c\n", "text", 3, "stands in line 2 already"),
        ("word,to\n" + "a" * 1001 + ",b\n", "text", 2, "cannot be a word"),
        ("word,to\na\x00b,c\n", "text", 2, "cannot be a word"),
        ('word,to\n"a,b\n', "text", 2, "It is not CSV"),
        ("word,to\n" + "x" * 200_000 + ",b\n", "text", 2, "It is not CSV: field larger"),
    ],
)
def test_a_fault_of_a_file_has_its_line(text: str, of_type: str, line: int, words: str) -> None:
    """Nothing of a file with a fault is taken."""
    found, faults = read_rows(text, of_type)
    assert found == {}
    assert faults[0].line == line
    assert words in f"{faults[0].what} {faults[0].fix}"


@given(st.text(max_size=60) | st.text("word,to\n\"'ab;=\r\0", max_size=60).map(lambda text: f"word,to\n{text}"))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is sent gives rows or faults, never both and never another error."""
    found, faults = read_rows(text, "text")
    assert bool(found) is not bool(faults)


def test_chinese_headings_and_types() -> None:
    """The heading may be Chinese; numbers and booleans are read as the table holds them."""
    assert read_rows("外部词,内部词,关系\n高,4,\n低,1,broader\n", "integer")[0] == {
        "高": 4,
        "低": {"to": 1, "relation": "broader"},
    }
    assert read_rows("word,to\nyes,TRUE\n", "boolean")[0] == {"yes": True}


def test_the_command_line_does_the_same(tieline: Run, tmp_path: Path) -> None:
    """A dry run first, then --run; GB18030 only when it is named; `reverse` says what would be written."""
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "pack.yaml").write_text("name: plant\n")
    (folder / "all.yaml").write_text(
        "kind: entity\nname: alert\nprefix: ALRT\ntitle: {en: a, zh: 告}\nfields:\n  status: {type: string}\n---\n"
        "kind: code_table\nname: states\nrows: {problem: open}\n---\n"
        "kind: mapping\nname: m\nfrom: {kind: memory, stream: alerts}\nto: alert\n"
        "fields:\n  status: {from: $.status, table: states}\n",
        encoding="utf-8",
    )
    assert tieline("apply", str(folder), "--yes").exit_code == 0
    file = tmp_path / "rows.csv"
    file.write_bytes("word,to\n已解决,resolved\n".encode("gb18030"))
    refused = tieline("tables", "import", "states", str(file))
    assert "--encoding" in refused.output
    assert refused.exit_code != 0
    assert "Dry run: 1 rows" in tieline("tables", "import", "states", str(file), "--encoding", "gb18030").output
    assert "1 rows changed" in tieline("tables", "import", "states", str(file), "--encoding", "gb18030", "--run").output
    assert "'已解决'" in tieline("reverse", "m", "status", "resolved").output
    assert "two-way" in tieline("reverse", "m").output
    assert "states" in tieline("tables").output
    assert "It was not asked yet." in tieline("tables", "words", "states").output
