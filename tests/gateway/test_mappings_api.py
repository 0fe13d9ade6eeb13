"""Mappings on real records over the API: explained, compared, captured; nothing of it is stored."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from core.strict import read_yaml
from core.tables import metadata
from tests.bridges.plant import BRIDGES, ENTITIES, MAPPINGS
from tests.gateway.ground import Ground

AT = "/mappings/memory-alerts"
NARROW: dict[str, Any] = {
    **MAPPINGS[0],
    "fields": {**MAPPINGS[0]["fields"], "status": {"from": "$.status", "table": {"problem": "open"}}},
}
"""It does not know that an alert can be resolved."""


def made_busy(ground: Ground) -> Ground:
    """Let it handle six alerts, a minute apart; one of them is refused by its mapping."""
    ground.register("tickets")
    made = ground.register("monitoring", inbound={"scheme": "path"})
    definitions = [*ENTITIES, NARROW, *MAPPINGS[1:], *BRIDGES]
    ground.ok("POST", "/definitions/apply", {"header": {"name": "plant"}, "definitions": definitions})
    world = ground.world("monitoring")
    for n in range(6):
        ground.clock.move(60)
        status = "resolved" if n == 3 else "problem"
        world.raise_alert(f"70{n}", name=f"Oil hot {n}", severity=n % 5, status=status, machine=f"press-{n}")
        ground.deliver(made["door"]["url"].removeprefix("http://tieline.test"), world.push("alerts", f"70{n}"))
    ground.work()
    return ground


@pytest.fixture
def busy(ground_on_each: Ground) -> Ground:
    """Give a Tieline that has handled them, on each database in turn."""
    return made_busy(ground_on_each)


@pytest.fixture
def busy_one(ground: Ground) -> Ground:
    """Give the same on SQLite."""
    return made_busy(ground)


def rows(ground: Ground) -> dict[str, int]:
    with ground.db.read() as conn:
        return {
            name: conn.execute(select(func.count()).select_from(table)).scalar_one() for name, table in metadata.tables.items()
        }


def changed(**fields: Any) -> dict[str, Any]:
    return {**NARROW, "fields": {**NARROW["fields"], **fields}}


def test_the_newest_record_is_explained(busy: Ground) -> None:
    """Without a record or an id it is the newest that is kept; by event or receipt it is that one."""
    found = busy.ok("POST", f"{AT}/explain", {})
    refused = next(one for one in busy.ok("GET", "/events")["items"] if one["state"] == "dead")
    other = busy.ok("POST", f"{AT}/explain", {"id": refused["id"]})

    fields = {one["field"]: one for one in found["fields"]}
    assert (found["version"], found["connector"], fields["title"]["value"]) == (1, "monitoring", "Oil hot 5")
    assert fields["status"]["steps"][0]["value"] == "open"
    status = next(one for one in other["fields"] if one["field"] == "status")
    assert (other["refused"], status["raw"], status["policy"]) == (True, "resolved", "unmapped: error")
    assert "it has problem" in status["why"]


def test_a_record_can_be_given_with_a_mapping_that_is_not_stored(busy: Ground) -> None:
    """What an author has on his screen is explained before it is saved."""
    body = {"record": {"name": " x ", "status": "problem"}, "definition": changed(title={"from": "$.name", "steps": ["trim"]})}

    found = busy.ok("POST", f"{AT}/explain", body)

    assert (found["version"], found["receipt"]) == (None, None)
    assert next(one for one in found["fields"] if one["field"] == "title")["value"] == "x"


def test_a_change_is_compared_with_what_is_live(busy: Ground) -> None:
    """Changed, newly failing, newly fixed, on the records that really came; and no row anywhere comes of it."""
    before = rows(busy)
    table = {"problem": "open", "resolved": "resolved"}
    definition = changed(
        status={"from": "$.status", "table": table}, severity={"from": "$.severity", "table": {"4": 5, "0": 1}}
    )

    found = busy.ok("POST", f"{AT}/compare", {"definition": definition})

    assert (found["before"], found["after"], found["looked_at"], found["more"]) == (1, None, 6, False)
    assert found["counts"] == {"same": 0, "changed": 3, "newly_failing": 3, "newly_fixed": 0}
    assert found["failing"] == 1
    severity = next(one for one in found["fields"] if one["field"] == "severity")
    assert severity["newly_failing"] == 3
    assert severity["examples"][0]["verdict"] == "newly_failing"
    assert "no word" in severity["examples"][0]["after"]["why"]
    assert next(one for one in found["fields"] if one["field"] == "status")["newly_fixed"] == 1
    assert rows(busy) == before


def test_a_window_is_replayed_with_any_version_into_a_comparison(busy: Ground) -> None:
    """Version 1 against version 2 over a part of the time; what is live does not matter; the archive is read as well."""
    busy.ok(
        "POST", "/definitions/mapping/memory-alerts/drafts", {"spec": changed(title={"from": "$.name", "steps": ["upper"]})}
    )
    window = {"since": "2026-01-01T00:01:30Z", "until": "2026-01-01T00:04:30Z"}

    found = busy.ok("POST", f"{AT}/compare", {"version": 2, "against": 1, **window})
    again = busy.ok("POST", f"{AT}/compare", {"version": 1, "against": 2, "last": 2})

    assert (found["before"], found["after"], found["looked_at"]) == (1, 2, 3)
    assert {one["external_id"] for one in found["records"]} <= {"701", "702", "703"}
    assert (again["looked_at"], again["more"]) == (2, True)
    assert again["records"][0]["fields"][0]["after"]["value"] == "Oil hot 5"


def test_captured_cases_can_be_published(busy: Ground) -> None:
    """Cases from traffic stand in a definition as they are, pass, and are run from then on."""
    found = busy.ok("POST", f"{AT}/capture", {"last": 10})

    assert (found["looked_at"], len(found["cases"])) == (6, 6)
    assert sum(one.get("refused", False) for one in found["cases"]) == 1
    assert read_yaml(found["yaml"], "x")[0].value == {"cases": found["cases"]}
    spec = {**NARROW, "cases": found["cases"]}
    busy.ok("POST", "/definitions/mapping/memory-alerts/drafts", {"spec": spec})
    report = busy.ok("POST", "/definitions/mapping/memory-alerts/test", {})
    assert (report["state"], [one["passes"] for one in report["cases"]]) == ("tested", [True] * 6)
    busy.ok("POST", "/definitions/mapping/memory-alerts/publish", {})
    assert busy.ok("POST", f"{AT}/capture", {"last": 10})["cases"] == []


def test_personal_parts_leave_no_trace_in_captured_cases(busy: Ground) -> None:
    """A field that the mapping marks is masked in each."""
    definition = changed(title={"from": "$.name", "pii": True}, device={"from": "$.machine", "pii": True})

    found = busy.ok("POST", f"{AT}/capture", {"definition": definition, "whole": True})

    assert found["cases"]
    assert "Oil" not in found["yaml"]
    assert "press-" not in found["yaml"]


@pytest.mark.parametrize(
    ("what", "body", "status", "says"),
    [
        ("explain", {"record": {}, "id": "evt_1"}, 422, "not both"),
        ("explain", {"id": "evt_1"}, 404, "evt_1"),
        ("explain", {"version": 7}, 404, "1 (live)"),
        ("explain", {"definition": {"to": "alert"}}, 422, "missing"),
        ("explain", {"definition": changed(titel="$.name")}, 422, "Did you mean 'title'"),
        ("compare", {"connector": "nowhere"}, 404, "monitoring, tickets"),
        ("compare", {"last": 0}, 422, "last"),
        ("capture", {"definition": changed(title={"from": "name"})}, 422, "begins with $"),
    ],
)
def test_what_cannot_be_used_is_said(busy_one: Ground, what: str, body: Any, status: int, says: str) -> None:
    """Each fault has its status and names the place."""
    answer = busy_one.call("POST", f"{AT}/{what}", body)
    assert (answer.status_code, says in answer.get_data(as_text=True)) == (status, True), answer.get_data(as_text=True)


def test_an_unknown_mapping_is_answered_with_the_near_name(busy_one: Ground) -> None:
    """As everywhere."""
    assert "Did you mean 'memory-alerts'" in busy_one.call("POST", "/mappings/memory-alert/explain", {}).get_json()["fix"]
