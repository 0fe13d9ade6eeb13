"""One alert's whole way as the API tells it, from the push to where every value came from."""

from __future__ import annotations

from tests.gateway.ground import Ground


def test_the_api_tells_the_whole_way_of_an_alert(ground_on_each: Ground) -> None:
    """Delivery, event, decision, actions with attempts, entity, snapshot, lineage and accounting: all can be asked."""
    ground = ground_on_each
    ground.story()

    event = next(one for one in ground.ok("GET", "/events?type=alert.created")["items"])
    trail = ground.ok("GET", f"/events/{event['id']}")
    (told,) = trail["events"]
    fired = next(one for one in told["decisions"] if one["bridge"] == "alert-to-ticket")
    assert fired["verdict"] == "fired"
    assert [(one["step"], one["state"]) for one in told["actions"]] == [("ticket", "done"), ("ack", "done")]
    assert all(one["attempts"][-1]["outcome"] == "done" for one in told["actions"])
    assert ground.ok("GET", f"/events/{event['receipt']}")["delivery"]["state"] == "done"

    alert = ground.ok("GET", f"/entities/{event['master_id']}")
    assert alert["fields"]["title"]["value"] == "Oil hot"
    assert alert["fields"]["priority"]["value"] == "P1"
    assert alert["external_ids"][0]["external_id"] == "7001"
    lineage = ground.ok("GET", f"/lineage/values/{event['master_id']}/severity")
    assert lineage["values"][0]["source"]["path"] == "$.severity"
    assert lineage["values"][0]["receipt"] == event["receipt"]
    formula = ground.ok("GET", f"/lineage/values/{event['master_id']}/priority")["values"][0]["formula"]
    assert list(formula["operands"]) == ["alert.severity"]
    assert formula["recomputed"]["agrees"] is True

    snapshot = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": event["master_id"]})
    assert {name: facet["status"] for name, facet in snapshot["facets"].items()} == {"cpu": "ok", "history": "ok"}
    assert ground.ok("GET", f"/snapshots/{snapshot['id']}") == snapshot
    assert ground.ok("GET", "/snapshots")["items"][0]["id"] == snapshot["id"]

    balance = ground.ok("GET", "/accounting")
    assert balance["holds"] is True
    assert (balance["accepted"], balance["deliveries"]["done"]) == (1, 1)
    assert ground.client().get("/readyz").status_code == 200


def test_a_replay_is_planned_first_and_does_nothing_twice(ground: Ground) -> None:
    """The plan names what exists already; running it adds no action and no second ticket."""
    ground.story()
    world = ground.world("tickets")

    plan = ground.ok("POST", "/replay/plan", {"connector": "monitoring"})
    assert plan["dry"] is True
    assert len(plan["deliveries"]) == 1
    done = ground.ok("POST", "/replay/run", {"connector": "monitoring"})
    ground.work()

    assert done["dry"] is False
    assert len(world.things["tickets"]) == 2, "the one that was there, and ours"
    assert ground.call("POST", "/replay/run", {}).status_code == 422


def test_a_list_is_read_page_by_page(ground: Ground) -> None:
    """The cursor goes on after the last row, also while new rows arrive; every row comes once."""
    made = ground.register("plant", inbound={"scheme": "path"})
    path = made["door"]["url"].removeprefix("http://tieline.test")
    wanted = [ground.deliver(path, b"%d" % n).get_json()["receipt"] for n in range(7)]

    seen: list[str] = []
    cursor = ""
    while True:
        page = ground.ok("GET", f"/deliveries?limit=3{cursor}")
        seen += [row["receipt"] for row in page["items"]]
        ground.deliver(path, b"new" + str(len(seen)).encode())
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert seen == wanted[::-1]


def test_a_cursor_of_another_list_is_refused(ground: Ground) -> None:
    """422, not a silent wrong page."""
    for cursor in ("bnVsbA", "ImFjdF8xIg", "!!!", "W10"):
        assert ground.call("GET", f"/deliveries?cursor={cursor}").status_code == 422


def test_a_snapshot_of_an_unknown_subject_names_what_is_missing(ground: Ground) -> None:
    """404 with the sentence, for the subject as for the recipe."""
    ground.story()
    assert ground.call("POST", "/snapshots", {"recipe": "alert-context", "subject": "ALRT-1999-000001"}).status_code == 404
    subject = ground.ok("GET", "/events")["items"][0]["master_id"]
    assert ground.call("POST", "/snapshots", {"recipe": "nothing", "subject": subject}).status_code == 404


def test_a_person_decides_about_an_action_and_the_reason_stays(ground: Ground) -> None:
    """A dead action can be tried again or skipped with a reason; a done one can be neither."""
    from core.errors import RefusedError

    ground.world("tickets").script("act", fail=RefusedError("No.", why="Closed for today.", fix="Open it."))
    ground.story()
    dead = ground.ok("GET", "/actions?state=dead")["items"][0]
    assert dead["error"]["why"].startswith("Closed")
    assert ground.ok("GET", "/repairs")["items"]

    ground.ok("POST", f"/actions/{dead['id']}/retry")
    ground.work()

    done = ground.ok("GET", f"/actions/{dead['id']}")
    assert done["state"] == "done"
    assert [one["outcome"] for one in done["attempts"]] == ["failed", "decided", "done"]  # who decided is kept among them
    assert ground.call("POST", f"/actions/{dead['id']}/retry").status_code == 409
    assert ground.call("POST", f"/actions/{dead['id']}/skip", {"why": "too late"}).status_code == 409
