"""The register over HTTP and the command line: who is who, what a steward says, and what ids look like."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.tables import crosswalk
from mappings.identity.check_digits import spoken
from tests.bridges.plant import BRIDGES, ENTITIES, publish_all
from tests.gateway.ground import Ground

A, B = "DEV-2026-000001", "DEV-2026-000002"


@pytest.fixture
def plant(ground: Ground) -> Ground:
    """Give a Tieline with two devices of two connectors."""
    publish_all(ground.db, [*ENTITIES, *BRIDGES[:0]])
    for name in ("mes", "erp"):
        ground.register(name)
    write(ground, "add", ("mes", "M-1"), ("erp", "E-1"))
    return ground


def write(ground: Ground, mode: str, *ids: tuple[str, str], **more: Any) -> list[dict[str, Any]]:
    items = [{"connector": name, "entity": "device", "external_id": external_id, **more} for name, external_id in ids]
    found: list[dict[str, Any]] = ground.ok("POST", "/identity/ids", {"mode": mode, "items": items})["items"]
    return found


def pair(one: str = A, other: str = B) -> dict[str, str]:
    return {"one": one, "other": other, "why": "same serial number"}


def test_every_reply_says_what_was_asked_who_it_is_and_as_of_when(plant: Ground) -> None:
    """Requested ID, current ID, moved and the moment stand in each reply, before and after a merge."""
    plant.ok("POST", "/identity/merge", pair())
    asked = [{"connector": "erp", "entity": "device", "external_id": "E-1"}]

    resolved = plant.ok("POST", "/identity/resolve", {"items": asked})["items"][0]
    current = plant.ok("POST", "/identity/current", {"ids": [B, spoken(B).lower()]})["items"]
    again = write(plant, "resolve_or_mint", ("erp", "E-1"))[0]
    shown = plant.ok("GET", f"/entities/{B}")

    for one in (resolved, *current, again, shown):
        assert (one["requested"], one["master_id"], one["moved"]) == (B, A, True)
        assert one["as_of"] == "2026-01-01T00:00:00.000000Z"
    assert len(current) == 1


def test_a_wrong_state_is_an_answer_of_its_own(plant: Ground) -> None:
    """An item in the wrong state says so by its code; the others of the call are written."""
    known, new = write(plant, "add", ("mes", "M-1"), ("mes", "M-2"))
    assert (known["code"], known["master_id"], known["minted"]) == ("crosswalk-state", None, False)
    assert A in known["problem"]
    assert (new["master_id"], new["minted"], new["problem"]) == ("DEV-2026-000003", True, None)


def test_a_reused_tag(plant: Ground) -> None:
    """After it was closed, a tag is minted anew; as of an earlier time it still names the first thing."""
    asked = {"connector": "mes", "entity": "device", "external_id": "M-1"}
    plant.clock.move(60)
    assert plant.ok("POST", "/identity/close", asked)["master_id"] == A
    plant.clock.move(60)
    assert write(plant, "add", ("mes", "M-1"))[0]["minted"]

    def at(time: str | None) -> Any:
        return plant.ok("POST", "/identity/resolve", {"items": [asked], "at": time})["items"][0]["master_id"]

    assert (at("2026-01-01T08:00:30+08:00"), at("2026-01-01T00:01:30Z"), at(None)) == (A, None, "DEV-2026-000003")
    assert [one["external_id"] for one in plant.ok("GET", f"/entities/{A}")["former_ids"]] == ["M-1"]
    too_early = plant.call("POST", "/identity/close", {**asked, "at": "2025-01-01T00:00:00Z"})
    assert too_early.status_code == 422


def test_a_dry_run_shows_what_would_follow_and_changes_nothing(ground: Ground) -> None:
    """Keys gained and lost, bridges, snapshots and tickets; afterwards everything is as it was."""
    ground.story()
    alert = ground.ok("GET", "/events?type=alert.created")["items"][0]["master_id"]
    ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": alert})
    device = ground.ok("GET", f"/entities/{alert}")["fields"]["device"]["value"]
    (other,) = write(ground, "add", ("tickets", "press-07b"))
    older = ground.ok("GET", f"/entities/{device}")

    tried = ground.ok("POST", "/identity/merge?dry_run=true", pair(device, other["master_id"]))

    assert (tried["dry_run"], tried["new"]) == (True, True)
    what = tried["consequences"]
    assert [(one["external_id"], one["after"]) for one in what["keys"]] == [("press-07b", device)]
    assert {"master_id": device, "gained": 1, "lost": 0} in what["balance"]
    assert (alert, "device") in {(one["master_id"], one["field"]) for one in what["tickets"]}
    assert ground.ok("GET", f"/entities/{device}") == older
    assert ground.ok("GET", "/identity/events") == {"items": [], "after": 0}

    second = ground.ok("POST", "/identity/ids", {"mode": "add", "items": [_alert("a-1")]})["items"][0]["master_id"]
    about = ground.ok("POST", "/identity/merge?dry_run=true", pair(alert, second))["consequences"]
    assert [one["subject"] for one in about["snapshots"]] == [alert]
    assert {"name": "alert-to-ticket", "how": "watches"} in about["bridges"]
    assert {one["how"] for one in about["bridges"]} == {"watches", "joins"}


def _alert(external_id: str) -> dict[str, str]:
    return {"connector": "tickets", "entity": "alert", "external_id": external_id}


def test_nothing_answers_404_because_of_a_merge(ground: Ground) -> None:
    """Every address that takes a master ID takes that of a merged thing, and so do snapshots and lists."""
    ground.story()
    alert = ground.ok("GET", "/events?type=alert.created")["items"][0]["master_id"]
    snapshot = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": alert})["id"]
    (older,) = ground.ok("POST", "/identity/ids", {"mode": "add", "items": [_alert("a-0")]})["items"]
    ground.ok("POST", "/identity/pin", {"master_id": older["master_id"], "rank": 1})
    merged = ground.ok("POST", "/identity/merge", pair(alert, older["master_id"]))
    assert merged["moved"] == [{"master_id": alert, "before": alert, "after": older["master_id"]}]

    for asked in (alert, older["master_id"], spoken(alert)):
        assert ground.ok("GET", f"/entities/{asked}")["master_id"] == older["master_id"]
        assert ground.ok("GET", f"/lineage/values/{asked}/severity")["values"]
        assert [one["type"] for one in ground.ok("GET", f"/events?master_id={asked}")["items"]].count("alert.created") == 1
        assert ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": asked})["subject"]["gid"]
        page = ground.client()
        page.post("/sign-in", data={"key": ground.key})
        assert page.get(f"/entities/{asked}").status_code == 200
        assert page.get(f"/lineage/{asked}/severity").status_code == 200
    assert ground.ok("GET", f"/snapshots/{snapshot}")["subject"]["gid"] == alert


def test_an_unmerge_asks_whose_the_keys_are(plant: Ground) -> None:
    """What was linked meanwhile becomes a repair that names the command; the answer closes it."""
    edge = plant.ok("POST", "/identity/merge", pair())["edge_id"]
    plant.clock.move(60)
    write(plant, "link", ("erp", "E-77"), master_id=B)
    tried = plant.ok("POST", f"/identity/edges/{edge}/end?dry_run=true")
    assert (tried["asked"], len(tried["consequences"]["keys"])) == (1, 2)
    assert plant.ok("GET", "/repairs")["items"] == []

    done = plant.ok("POST", f"/identity/edges/{edge}/end")

    assert (done["asked"], done["moved"]) == (1, [{"master_id": B, "before": A, "after": B}])
    (repair,) = plant.ok("GET", "/repairs")["items"]
    assert "tieline ids assign erp device 'E-77' MASTER_ID" in repair["fix"]
    asked = {"connector": "erp", "entity": "device", "external_id": "E-77", "master_id": A}
    assert plant.ok("POST", "/identity/assign", asked)["master_id"] == A
    assert plant.ok("GET", "/repairs")["items"] == []
    stream = plant.ok("GET", "/identity/events?after=0&limit=10")
    assert [one["type"] for one in stream["items"]] == ["identity.merged", "identity.unmerged"]
    assert plant.ok("GET", f"/identity/events?after={stream['after']}")["items"] == []


def test_a_learned_shape_is_shown_confirmed_and_then_guards(plant: Ground) -> None:
    """From the first ids a shape is learned; confirmed, it refuses what does not fit and proposes what would take it."""
    write(plant, "resolve_or_mint", *(("mes", f"M-{n}") for n in range(2, 60)))
    (mes,) = plant.ok("GET", "/identity/shapes?connector=mes")["items"]
    assert (mes["declared"], mes["ids"], mes["learned"]["pattern"], mes["learned"]["thin"]) == (None, 59, "M-[0-9]+", False)
    place = {"connector": "mes", "entity": "device"}
    assert plant.ok("POST", "/identity/shapes?dry_run=true", place)["ok"]
    assert plant.ok("GET", "/identity/shapes?connector=mes")["items"][0]["declared"] is None

    confirmed = plant.ok("POST", "/identity/shapes", place)
    (strange,) = write(plant, "resolve_or_mint", ("mes", "press 12"))

    assert (confirmed["ok"], confirmed["known"], confirmed["changed"]) == (True, 59, 0)
    assert strange["code"] == "unknown-id-shape"
    (mes,) = plant.ok("GET", "/identity/shapes?connector=mes")["items"]
    assert (mes["declared"]["pattern"], mes["strange"]) == ("M-[0-9]+", ["press 12"])
    assert mes["proposed"]["pattern"] == "(?:M-[0-9]+)|(?:[a-z]{5} [0-9]{2})"


def test_the_digits_trap_over_http(plant: Ground) -> None:
    """A dry run shows the counter-example, publishing is refused with it."""
    write(plant, "add", ("mes", "EC-20260215-8891"))
    asked = {"connector": "mes", "entity": "device", "pattern": "[0-9]+", "normaliser": "trim+digits"}
    tried = plant.ok("POST", "/identity/shapes?dry_run=true", asked)
    assert (tried["ok"], tried["counter_example"]["other"]) == (False, "EC-2026021-58891")
    refused = plant.call("POST", "/identity/shapes", asked)
    assert (refused.status_code, refused.get_json()["code"]) == (422, "id-shape-refused")
    assert refused.get_json()["facts"]["counter_example"][1] == "EC-2026021-58891"


def test_placeholders_over_http(plant: Ground) -> None:
    """The list is shown, extended and taken back; an id in use is not swallowed."""
    added = plant.ok("POST", "/identity/placeholders", {"words": ["Lager"]})
    assert (added["own"], "未知" in added["built_in"]) == (["lager"], True)
    assert write(plant, "add", ("mes", "LAGER"))[0]["code"] == "placeholder-id"
    assert plant.call("POST", "/identity/placeholders", {"words": ["m-1"]}).status_code == 409
    assert plant.ok("DELETE", "/identity/placeholders/lager")["own"] == []
    assert plant.call("DELETE", "/identity/placeholders/0").status_code == 404


@pytest.mark.parametrize("bad", ["x" * 10_240, "a\x00b", "a\nb", "\ud800", "x" * 500 + "y" * 13])
def test_hostile_ids_are_refused_and_nothing_is_written(plant: Ground, bad: str) -> None:
    """Ids of 10 kB, control characters, NUL, lone surrogates: a clear refusal, and no row more."""
    with plant.db.read() as conn:
        before = conn.execute(select(crosswalk.c.id)).all()
    items = [{"connector": "mes", "entity": "device", "external_id": bad}]
    response = plant.call("POST", "/identity/ids", {"mode": "add", "items": items})
    if response.status_code == 200:
        assert response.get_json()["items"][0]["code"] == "input"
    else:
        assert response.status_code in (400, 422)
        assert response.get_json()["fix"]
    with plant.db.read() as conn:
        assert conn.execute(select(crosswalk.c.id)).all() == before


TOLD: dict[str, Any] = {
    "kind": "bridge",
    "name": "device-merged",
    "title": {"en": "x", "zh": "x"},
    "on": {"entity": "device", "events": ["merged", "unmerged"]},
    "when": "1 == 1",
    "steps": [{"id": "take", "snapshot": "of-device"}],
}
ABOUT: dict[str, Any] = {
    "kind": "recipe",
    "name": "of-device",
    "title": {"en": "x", "zh": "x"},
    "subject": "device",
    "deadline_ms": 500,
    "facets": {},
}


def test_bridges_decide_on_merges_and_unmerges(ground_on_each: Ground) -> None:
    """A merge is an event of the survivor with old and new ID: stored with the edge, in the books, replayable."""
    ground = ground_on_each
    publish_all(ground.db, [*ENTITIES, ABOUT, TOLD])
    for name in ("mes", "erp"):
        ground.register(name)
    write(ground, "add", ("mes", "M-1"), ("erp", "E-1"))
    ground.ok("POST", "/identity/merge?dry_run=true", pair())
    edge = ground.ok("POST", "/identity/merge", pair())["edge_id"]
    ground.work()
    ground.ok("POST", f"/identity/edges/{edge}/end")
    ground.work()

    events = {one["type"]: one for one in ground.ok("GET", "/events")["items"]}

    assert events.keys() == {"device.merged", "device.unmerged"}
    assert events["device.merged"]["changes"] == {"master_id": [B, A]}
    assert events["device.unmerged"]["changes"] == {"master_id": [A, B]}
    assert [(one["connector"], one["state"]) for one in events.values()] == [("erp", "done")] * 2
    decisions = ground.ok("GET", "/decisions?bridge=device-merged")["items"]
    assert [one["verdict"] for one in decisions] == ["fired", "fired"], decisions
    assert ground.ok("GET", "/accounting")["holds"] is True
    ground.ok("POST", "/replay/run", {"id": events["device.merged"]["id"]})
    ground.work()
    assert ground.ok("GET", "/accounting")["holds"] is True
    assert len(ground.ok("GET", "/decisions?bridge=device-merged")["items"]) == 3
