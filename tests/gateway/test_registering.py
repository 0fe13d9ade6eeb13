"""Registering: the check comes first; the id stays; secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.errors import CredentialsError, UnreachableError
from core.tables import connector, delivery, stream
from tests.gateway.ground import Ground

TOKEN = "s3cr3t-token-of-the-world"


def test_a_connector_is_saved_only_if_its_check_passes(ground_on_each: Ground) -> None:
    """The refusal carries the report, step by step, and no row exists."""
    ground = ground_on_each
    ground.world("plant").script("check", fail=UnreachableError("The plant is away.", why="No route.", fix="Plug it in."))

    response = ground.call("POST", "/connectors", {"name": "plant", "kind": "memory", "settings": {"world": "plant"}})

    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (422, "check-failed")
    assert "No route" in problem["why"]
    assert "Plug it in." in problem["fix"]
    assert problem["facts"]["report"]["steps"][0]["name"] == "reachable"
    assert ground.ok("GET", "/connectors")["items"] == []

    made = ground.register("plant")
    assert (made["state"], made["report"]["ok"]) == ("ok", True)
    assert {step["name"] for step in made["report"]["steps"]} >= {"reachable", "credentials", "permission:ticket.create"}


def test_a_draft_is_saved_with_its_failing_report_and_ends_when_the_check_passes(ground: Ground) -> None:
    """A draft polls nothing it cannot; correcting it needs no second registration."""
    ground.world("plant").token = TOKEN
    draft = ground.register("plant", draft=True)
    assert (draft["state"], draft["report"]["ok"]) == ("draft", False)
    assert ground.call("POST", "/connectors/plant/release").status_code == 409

    fixed = ground.ok("PATCH", "/connectors/plant", {"settings": {"token": TOKEN}})

    assert (fixed["state"], fixed["report"]["ok"], fixed["secrets"]) == ("ok", True, ["token"])


def test_secrets_are_never_shown_and_never_stored_in_the_clear(ground: Ground) -> None:
    """Not in the answer, not in the list, not in the row, not in the error of a failing check."""
    world = ground.world("plant")
    world.token = TOKEN
    ground.register("plant", settings={"token": TOKEN})
    world.token = "another"
    checked = ground.call("POST", "/connectors/plant/check")

    with ground.db.read() as conn:
        row = conn.execute(select(connector)).mappings().one()
    shown = ground.call("GET", "/connectors").get_data(as_text=True) + checked.get_data(as_text=True)
    assert TOKEN not in shown + str(dict(row))
    assert row["secrets"] is not None
    assert checked.get_json()["ok"] is False


def test_new_settings_keep_the_id_the_secrets_and_what_is_held(ground: Ground) -> None:
    """Re-authorising is a change of the same row; deliveries held for it are still its own."""
    world = ground.world("plant")
    world.token = TOKEN
    made = ground.register("plant", settings={"token": TOKEN}, inbound={"scheme": "path"})
    path = made["door"]["url"].removeprefix("http://tieline.test")
    before = ground.parts.registered.row("plant").id
    ground.ok("POST", "/connectors/plant/hold")
    ground.deliver(path, b"kept")
    world.token = "new-token"

    refused = ground.call("PATCH", "/connectors/plant", {"settings": {"user": "robot"}})
    assert refused.get_json()["code"] == "check-failed"
    ground.ok("PATCH", "/connectors/plant", {"settings": {"user": "robot", "token": "new-token"}, "title": "Plant 1"})

    row = ground.parts.registered.row("plant")
    assert (row.id, row.settings["user"], row.secrets["token"], row.state) == (before, "robot", "new-token", "held")
    assert ground.deliver(path, b"still the same door").status_code == 202
    assert ground.ok("POST", "/connectors/plant/release")["state"] == "ok"
    with ground.db.read() as conn:
        assert set(conn.execute(select(delivery.c.connector_id)).scalars()) == {before}


def test_a_setting_is_taken_away_by_null_and_an_unknown_one_is_named(ground: Ground) -> None:
    """Members replace members; a misspelt one is refused before anything is asked."""
    ground.register("plant", settings={"user": "robot"})

    assert ground.ok("PATCH", "/connectors/plant", {"settings": {"user": None}})["settings"] == {"world": "plant"}

    fault = ground.call("PATCH", "/connectors/plant", {"settings": {"usr": "x"}}).get_json()["facts"]["faults"][0]
    assert fault["path"] == "settings.usr"


def test_a_name_is_taken_once(ground: Ground) -> None:
    """409 says how to change the existing one instead."""
    ground.register("plant")

    problem = ground.call("POST", "/connectors", {"name": "plant", "kind": "memory"}).get_json()

    assert problem["status"] == 409
    assert "PATCH /api/v1/connectors/plant" in problem["fix"]


def test_polled_streams_are_due_at_once_and_can_be_slowed_or_stopped(ground: Ground) -> None:
    """The kind's own pace is the default."""
    made = ground.register("plant")
    assert {one["name"]: one["every_s"] for one in made["streams"]} == {"alerts": 60, "tickets": 60}

    changed = ground.ok("PATCH", "/connectors/plant/streams/alerts", {"every_s": 5, "enabled": False})

    assert next(one for one in changed["streams"] if one["name"] == "alerts")["enabled"] is False
    assert ground.call("PATCH", "/connectors/plant/streams/nothing", {"every_s": 5}).status_code == 404
    with ground.db.read() as conn:
        assert set(conn.execute(select(stream.c.next_at)).scalars()) == {ground.clock.now()}


def test_a_door_must_be_one_that_the_kind_offers(ground: Ground) -> None:
    """An unknown scheme, or settings that cannot be safe, are refused and the schemes are listed."""
    for inbound in ({"scheme": "open"}, {"scheme": "hmac"}, {"scheme": "hmac", "header": "X", "signed": "{timestamp}"}):
        response = ground.call("POST", "/connectors", {"name": "plant", "kind": "memory", "inbound": inbound})
        assert (response.status_code, response.get_json()["code"]) == (422, "validation"), inbound
    assert ground.ok("GET", "/connectors")["items"] == []


def test_a_doors_secret_is_shown_once(ground: Ground) -> None:
    """Right after it was made, and never again; a secret of one's own is not shown at all."""
    made = ground.register("plant", inbound={"scheme": "path"})
    assert made["door"]["secret"] in made["door"]["url"]
    assert ground.ok("GET", "/connectors/plant")["door"]["secret"] is None
    assert made["door"]["secret"] not in ground.call("GET", "/connectors/plant").get_data(as_text=True)

    own = ground.ok(
        "PATCH", "/connectors/plant", {"inbound": {"scheme": "header", "header": "X-Token"}, "door_secret": "my-own-one"}
    )
    assert own["door"]["secret"] is None
    assert ground.deliver("/in/plant", b"1", headers={"X-Token": "my-own-one"}).status_code == 202


def test_a_failing_check_opens_a_repair_that_closes_by_itself(ground: Ground) -> None:
    """The repair says what and how; the next good check ends it."""
    world = ground.world("plant")
    ground.register("plant")
    world.script("check", fail=CredentialsError("The token has expired.", why="It said so.", fix="Enter a new one."))

    assert ground.ok("POST", "/connectors/plant/check")["ok"] is False
    (repair,) = ground.ok("GET", "/repairs")["items"]
    assert (repair["key"], repair["connector"]) == ("check:plant", "plant")

    assert ground.ok("POST", "/connectors/plant/check")["ok"] is True
    assert ground.ok("GET", "/repairs")["items"] == []
    assert len(ground.ok("GET", "/repairs?closed=true")["items"]) == 1


def test_kinds_carry_everything_a_form_needs(ground: Ground) -> None:
    """Schema with both languages, secrets by name, streams, lookups, acts and doors, for every kind there is."""
    kinds = {one["name"]: one for one in ground.ok("GET", "/kinds")["items"]}

    assert set(kinds) == set(ground.parts.kinds)
    for kind in kinds.values():
        assert set(kind["title"]) == {"en", "zh"}
        for name, member in kind["settings"]["properties"].items():
            assert member["title"], (kind["name"], name)
            assert member["zh"], (kind["name"], name)
    assert kinds["memory"]["secrets"] == ["token"]
    assert ground.call("GET", "/kinds/zabix").get_json()["why"].endswith("Did you mean 'zabbix'?")


def test_a_stored_secret_goes_to_no_other_host(ground: Ground) -> None:
    """Who moves a connector to another address gives its secrets again; the same host with another path needs none."""
    secret = "whsec_dGllbGluZS10ZXN0LXNlY3JldC1vZi0zMi1ieXRlcw=="
    ground.ok(
        "POST",
        "/connectors",
        {"name": "out", "kind": "webhook", "draft": True, "settings": {"url": "http://127.0.0.1:9/a", "secret": secret}},
    )
    moved: dict[str, Any] = {"settings": {"url": "http://127.0.0.2:9/a"}, "draft": True}

    refused = ground.call("PATCH", "/connectors/out", moved).get_json()

    assert (refused["status"], refused["facts"]["faults"][0]["path"]) == (422, "settings.secret")
    assert "give it again" in refused["facts"]["faults"][0]["what"]
    assert ground.ok("PATCH", "/connectors/out", {"settings": {"url": "http://127.0.0.1:9/b"}, "draft": True})
    assert ground.ok("PATCH", "/connectors/out", {"settings": {**moved["settings"], "secret": secret}, "draft": True})
