"""Drift over the API and the command line: what is there, what changed, and taking it as the new form."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.cli import exits
from tests.bridges.plant import ENTITIES
from tests.gateway.cli_fixture import Run, tieline
from tests.gateway.ground import Ground
from tests.gateway.test_cli_flow import Engine, engine, folder, said, world

__all__ = ["engine", "folder", "tieline", "world"]  # fixtures

MAPPING: dict[str, Any] = {
    "kind": "mapping",
    "name": "hooks",
    "from": {"kind": "webhook", "stream": "messages"},
    "to": "alert",
    "contract": "freeze",
    "fields": {"title": "$.data.name"},
}


def drifted(ground: Ground) -> Ground:
    """Let a webhook send fifty messages of one form, and then one of another."""
    settings = {"id_field": "number"}
    made = ground.ok(
        "POST", "/connectors", {"name": "hooks", "kind": "webhook", "settings": settings, "inbound": {"scheme": "path"}}
    )
    ground.ok("POST", "/definitions/apply", {"header": {"name": "p"}, "definitions": [*ENTITIES, MAPPING]})
    door = made["door"]["url"].removeprefix("http://tieline.test")
    for n in range(51):
        more = {"owner": {"phone": "13800138000"}} if n == 50 else {}
        ground.deliver(door, orjson.dumps({"number": str(n), "name": "Oil hot", **more}))
        if n % 10 == 9:
            ground.work()
    ground.work()
    return ground


def test_a_change_of_form_is_listed_and_accepted(ground_on_each: Ground) -> None:
    """It is open with its repair until somebody with the right accepts it; the profile shows forms and never a value."""
    ground = drifted(ground_on_each)

    [open_one] = ground.ok("GET", "/drift?open=true&connector=hooks")["items"]
    profile = ground.ok("GET", "/profiles?connector=hooks&stream=messages")
    repairs = ground.ok("GET", "/repairs")["items"]

    assert (open_one["path"], open_one["kind"], open_one["mode"]) == ("$.data.owner", "new_path", "freeze")
    assert open_one["receipt"].startswith("rcp_")
    assert any("never sent before" in one["what"] for one in repairs)
    phone = next(one for one in profile["items"] if one["path"] == "$.data.owner.phone")
    assert (phone["form"], phone["types"], phone["accepted"]) == ("99999999999", {"string": 1}, None)
    assert "13800138000" not in str(profile)
    name = next(one for one in profile["items"] if one["path"] == "$.data.name")
    assert (name["share"], name["null_rate"]) == (1.0, 0.0)

    reader = ground.make_key("read")
    assert ground.call("POST", f"/drift/{open_one['id']}/accept", {}, key=reader).status_code == 403
    accepted = ground.ok("POST", f"/drift/{open_one['id']}/accept", {})
    assert accepted["closed_at"] is not None
    assert ground.ok("GET", "/drift?open=true")["items"] == []
    assert not [one for one in ground.ok("GET", "/repairs")["items"] if one["code"] == "drift"]
    again = ground.ok("GET", "/profiles?connector=hooks")["items"]
    assert next(one for one in again if one["path"] == "$.data.owner.phone")["accepted"] == ["string"]


@pytest.mark.parametrize("path", ["/drift/99/accept", "/drift/x/accept", f"/drift/{'9' * 30}/accept"])
def test_an_unknown_drift_is_not_found(ground: Ground, path: str) -> None:
    """404 with where to look."""
    assert ground.call("POST", path, {}).status_code == 404
    assert ground.call("GET", "/profiles?connector=nobody").status_code == 404


def test_the_command_line_shows_and_accepts(tieline: Run, engine: Engine, world: Any) -> None:
    """Nothing yet is said so; a profile has a line per path; an unknown number is the user's matter."""
    world.raise_alert("7001", name="Oil hot", severity=1)
    engine.push(world.push("alerts", "7001"))

    assert "Every source sends" in tieline("drift").stdout
    assert said(tieline, "drift", "list", "--all")["items"] == []
    shown = tieline("drift", "profile", "plant", "--stream", "alerts")
    assert "$.name" in shown.stdout, shown.output
    assert "Aaa aaa" in shown.stdout
    assert "Oil hot" not in shown.stdout
    assert tieline("drift", "accept", "7").exit_code not in (0, exits.BROKEN)
