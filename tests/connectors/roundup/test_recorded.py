"""What a real Roundup 2.6.0 said is understood, and the stand-in says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import urllib3

from connectors.roundup.issues import parse
from connectors.roundup.kind import RoundupSettings
from core.words import Delivery
from lab.standins.roundup import Roundup as Standin

RECORDED = Path(__file__).with_name("recorded")
SETTINGS = RoundupSettings(url="http://127.0.0.1:28917/demo", username="tieline", password="gw-pass-2026")  # type: ignore[arg-type]
EXCHANGES = sorted(path.stem for path in RECORDED.glob("rest_*.json"))


def read(name: str) -> dict[str, Any]:
    """Return one recording."""
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def test_pushed_and_polled_are_the_same_record() -> None:
    """The detector's message and the row of a list, of the same state of an issue, become equal records."""
    pushed = parse(Delivery("r", "t", (RECORDED / "push_created.json").read_bytes(), {}, 0), SETTINGS)[0]
    row = json.loads(read("rest_list")["body"])["data"]["collection"][0]
    polled = parse(Delivery("r", "t", json.dumps({"polled": "issues", "issues": [row]}).encode(), {}, 0), SETTINGS)[0]

    assert pushed.data.keys() == polled.data.keys()
    assert (pushed.stream, pushed.external_id, pushed.actor) == (polled.stream, polled.external_id, polled.actor)
    assert {
        name: type(value) for name, value in pushed.data.items() if value is not None and polled.data[name] is not None
    } == {name: type(value) for name, value in polled.data.items() if value is not None and pushed.data[name] is not None}


def test_the_way_of_a_ticket_is_read_from_its_pushes() -> None:
    """Opened, taken, commented, resolved: four messages, one technician."""
    names = ("push_created", "push_taken", "push_message", "push_resolved")
    records = [parse(Delivery("r", "t", (RECORDED / f"{one}.json").read_bytes(), {}, 0), SETTINGS)[0] for one in names]

    assert [one.data["status"] for one in records] == ["unread", "in-progress", "in-progress", "resolved"]
    assert [one.data["messages"] for one in records] == [0, 0, 1, 1]
    assert {one.actor for one in records} == {"tech"}
    assert all(one.version and one.version.endswith("/tech") for one in records)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_stand_in_answers_in_the_recorded_form(name: str) -> None:
    """Status, content type and the shape of the answer are those of the real one, exchange by exchange."""
    recorded = read(name)
    asked = recorded["request"]
    with Standin() as standin, urllib3.PoolManager() as pool:
        tracker = standin.tracker
        fields = {"title": "recorded", "machine": "press-07", "priority": "bug", "assignedto": "tech", "part": "SEAL-81"}
        tracker.say(tracker.create("issue", fields, "tech"), "tech", "x")
        tracker.create("issue", {"title": "recorded", "tieline_ref": "TICK-2026-000009"}, "tieline")
        tracker.create("msg", {"content": "recorded", "messageid": "<recorded@tieline>"}, "tieline")
        headers = {
            "Origin": "http://elsewhere.example" if name == "rest_error_origin" else standin.origin,
            "X-Requested-With": "rest",
            "Content-Type": "application/json",
            "Authorization": urllib3.make_headers(
                basic_auth="tieline:" + ("wrong" if name == "rest_error_password" else "gw-pass-2026")
            )["authorization"],
        } | asked["headers"]
        if name == "rest_change":
            headers["If-Match"] = tracker.mark("issue", "1")
        base = f"{standin.origin}/nope/" if name == "rest_error_address" else standin.url
        body = None if asked["body"] is None else json.dumps(asked["body"]).encode()
        query = asked["query"] if asked["method"] == "GET" else None
        answer = pool.request(asked["method"], base + asked["path"], fields=query, body=body, headers=headers, retries=False)

        assert answer.status == recorded["status"]
        assert answer.headers["Content-Type"] == recorded["headers"].get("content-type", "application/json")
        if recorded["body"].lstrip().startswith("{"):
            assert shape(answer.json()) == shape(json.loads(recorded["body"]))
        else:
            assert answer.data.decode() == recorded["body"]


def shape(value: Any, name: str = "") -> Any:
    """Return names and types; the words of errors as they are; what is empty fits anything."""
    if isinstance(value, dict):
        gone = ("@links", "links")
        return {key: found for key, one in value.items() if key not in gone and (found := shape(one, key)) not in (None, [])}
    if isinstance(value, list):
        return [shape(value[0], name)] if value else []
    return value if name == "msg" else None if value is None else type(value).__name__
