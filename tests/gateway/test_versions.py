"""One definition's way over the API: draft, tested, live, retired; refused while a case fails; told in sentences."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.tables import definition_version, observation
from gateway.authoring import told
from tests.bridges.plant import ENTITIES, MAPPINGS
from tests.gateway.ground import Ground

CASE = {
    "name": "hot",
    "given": {"name": "Oil hot", "severity": 4, "status": "problem"},
    "expect": {"title": "Oil hot", "severity": 4},
}
FIRST: dict[str, Any] = {**MAPPINGS[0], "cases": [CASE]}
UPPER: dict[str, Any] = {**FIRST, "fields": {**FIRST["fields"], "title": {"from": "$.name", "steps": ["upper"]}}}
BETTER: dict[str, Any] = {**UPPER, "cases": [{**CASE, "expect": {"title": "OIL HOT", "severity": 4}}]}
AT = "/definitions/mapping/memory-alerts"


def planted(ground: Ground) -> dict[str, Any]:
    """Publish entities and the first version of the mapping; return the connector that pushes."""
    made = ground.register("monitoring", inbound={"scheme": "path"})
    ground.ok("POST", "/definitions/apply", {"header": {"name": "plant"}, "definitions": [*ENTITIES, FIRST]})
    return made


def test_a_draft_is_tested_and_published_only_when_its_cases_pass(ground_on_each: Ground) -> None:
    """A draft may be wrong; while a case fails it stays a draft and nothing changes; corrected it becomes live."""
    ground = ground_on_each
    planted(ground)

    draft = ground.ok("POST", f"{AT}/drafts", {"spec": UPPER})
    report = ground.ok("POST", f"{AT}/test", {"version": draft["version"]})
    refused = ground.call("POST", f"{AT}/publish", {"version": draft["version"]})

    assert (draft["version"], draft["state"]) == (2, "draft")
    assert (report["ok"], report["state"], report["cases"][0]["passes"]) == (False, "draft", False)
    assert (refused.status_code, refused.get_json()["code"]) == (422, "definition")
    assert "expects 'Oil hot' and gets 'OIL HOT'" in refused.get_json()["why"]
    assert ground.ok("GET", AT)["version"] == 1

    better = ground.ok("POST", f"{AT}/drafts", {"spec": BETTER})
    assert ground.ok("POST", f"{AT}/test", {})["state"] == "tested"
    assert ground.ok("POST", f"{AT}/publish", {})["state"] == "live"
    states = [(one["version"], one["state"]) for one in ground.ok("GET", f"{AT}/versions")["items"]]
    assert states == [(better["version"], "live"), (2, "draft"), (1, "retired")]

    assert ground.ok("POST", f"{AT}/rollback", {})["version"] == 1
    assert ground.call("POST", f"{AT}/publish", {"version": 1}).status_code == 409


def test_what_would_break_elsewhere_is_refused(ground: Ground) -> None:
    """An entity without the field that a live mapping fills cannot be published alone; the mapping is named."""
    planted(ground)
    fields = {name: one for name, one in ENTITIES[1]["fields"].items() if name != "severity"}
    ground.ok("POST", "/definitions/entity/alert/drafts", {"spec": {**ENTITIES[1], "fields": fields}})

    report = ground.ok("POST", "/definitions/entity/alert/test", {})

    assert [(one["name"], one["path"]) for one in report["problems"]] == [("memory-alerts", "fields.severity")]
    assert ground.call("POST", "/definitions/entity/alert/publish", {}).status_code == 422


def test_every_observation_names_its_version(ground_on_each: Ground) -> None:
    """What was learned under version 1 says so for ever, what came later names version 3, and both are of this mapping."""
    ground = ground_on_each
    door = planted(ground)["door"]["url"].removeprefix("http://tieline.test")
    world = ground.world("monitoring")
    for n, spec in enumerate((FIRST, BETTER)):
        ground.ok("POST", f"{AT}/drafts", {"spec": spec})
        if n:
            ground.ok("POST", f"{AT}/publish", {})
        world.raise_alert(f"700{n}", name="Oil hot", severity=4)
        ground.deliver(door, world.push("alerts", f"700{n}"))
        ground.work()

    query = select(observation.c.value, definition_version.c.n).where(observation.c.field == "title")
    with ground.db.read() as conn:
        found = conn.execute(query.join(definition_version, definition_version.c.id == observation.c.version_id)).all()
        nameless = conn.execute(select(observation.c.id).where(observation.c.version_id.is_(None))).all()
    assert sorted((row.value, row.n) for row in found) == [("OIL HOT", 2), ("Oil hot", 1)]
    assert nameless == []


def test_two_versions_are_told_apart_in_both_languages(ground: Ground) -> None:
    """By field, readable; without numbers the live version and the newest."""
    planted(ground)
    ground.ok("POST", f"{AT}/drafts", {"spec": BETTER})

    found = ground.ok("GET", f"{AT}/diff")

    assert (found["before"], found["after"]) == (1, 2)
    assert [(one["field"], one["en"], one["zh"]) for one in found["items"]] == [
        ("title", "title: the steps are now upper (none before)", "title：步骤改为 upper（原 无）"),
        (None, "case 'hot': changed", "用例“hot”：修改"),
    ]
    assert ground.call("GET", f"{AT}/diff?after=9").status_code == 422


@pytest.mark.parametrize(
    ("before", "after", "en", "zh"),
    [
        ({"from": "$.a"}, None, "n: removed, was read from $.a", "n：移除，原为取自 $.a"),
        (None, {"from": "$.a", "steps": ["trim"]}, "n: new, read from $.a through trim", "n：新增，取自 $.a，经 trim"),
        ("$.a", "$.b", "n: read from $.b instead of $.a", "n：改为取自 $.b（原 $.a）"),
        (
            {"from": "$.a", "on_invalid": "skip"}, {"from": "$.a"},
            "n: when the value cannot be used is gone (was skip)", "n：值不可用时已移除（原 skip）",
        ),
        (
            {"from": "$.a", "table": {"x": "open"}}, {"from": "$.a", "table": {"x": "closed"}},
            "n: the word 'x' means closed instead of open", "n：词“x”改译为 closed（原 open）",
        ),
    ],
)  # fmt: skip
def test_each_sort_of_difference_has_its_sentence(before: Any, after: Any, en: str, zh: str) -> None:
    """A field added, removed, read elsewhere; a policy; a word of a table."""
    one, other = ({"fields": {} if field is None else {"n": field}} for field in (before, after))

    [found] = told(one, other)

    assert (found.en, found.zh) == (en, zh)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (f"{AT}/drafts", {"spec": {**FIRST, "name": "other"}}, 422, "memory-alerts"),
        ("/definitions/mapping/Bad%00Name/drafts", {"spec": {}}, 422, "small ASCII letters"),
        ("/definitions/maping/x/drafts", {"spec": {}}, 422, "code_table"),
        (f"{AT}/test", {"version": 99}, 404, "1 (live)"),
        ("/definitions/mapping/none/publish", {}, 404, "never written"),
    ],
)
def test_what_cannot_be_meant_is_refused_clearly(ground: Ground, path: str, body: Any, status: int, says: str) -> None:
    """Another name than the address, a name that cannot be, an unknown kind, version or definition."""
    planted(ground)
    answer = ground.call("POST", path, body)
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert says in answer.get_data(as_text=True)
