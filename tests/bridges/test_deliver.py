"""Delivering: leases, fences, retries, families, breaker, holds; one effect each, whatever happens."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from bridges import explain, replay
from bridges.accounting import balance
from bridges.actions import release, retry, skip
from bridges.claims import BREAKER_AFTER, claim, forget_owner, renew
from bridges.heal import escalate_late, heal_held
from bridges.results import Result, settle
from bridges.retry import SCHEDULE_S
from core.clock import SECOND
from core.errors import ConflictError, CredentialsError, InputError, PermissionDeniedError, RefusedError, TransientError
from core.tables import action, connector, crosswalk, repair, written
from core.words import Outcome
from tests.bridges.plant import BRIDGES, Plant, publish_all

SLOW = TransientError("It did not answer.", why="Timeout.")


def _claim(plant: Plant, owner: str, limit: int = 10) -> list[str]:
    return [one.step for one in claim(plant.db, owner, limit=limit, lease_s=15)]


def _one(plant: Plant, step: str = "ticket") -> dict[str, object]:
    return next(dict(row) for row in plant.actions if row["step"] == step)


def test_a_later_step_waits_for_the_earlier_one_and_takes_from_it(plant: Plant) -> None:
    """A step after another is held by it, becomes due with it, and gets what it brought back."""
    plant.push_alert("7001")
    plant.handler.run()
    assert _one(plant, "ack")["held_by"] == "step:ticket"

    plant.deliverer.run()

    assert _one(plant, "ack")["arguments"] == {
        "id": {"$entity": _one(plant, "ack")["target_id"]},
        "message": _one(plant)["external_id"],
    }
    assert plant.monitoring.get("alerts", "7001")["acknowledged"] is True


def test_a_created_thing_is_in_the_crosswalk_and_in_the_ledger(plant: Plant) -> None:
    """After the act, the far side's id belongs to the minted master ID, and what it holds is remembered."""
    plant.push_alert("7001")
    plant.work()

    done = _one(plant)
    [row] = plant.rows(crosswalk, crosswalk.c.etype == "ticket")
    assert (row["external_raw"], row["home_id"], row["origin"]) == (done["external_id"], done["target_id"], "act")
    assert {one["external_id"] for one in plant.rows(written)} == {done["external_id"], "7001"}


def test_a_claimed_action_is_nobody_elses_until_its_lease_lapses(plant: Plant) -> None:
    """Two workers never hold the same action; a lapsed lease is taken over and recorded as lost."""
    plant.push_alert("7001")
    plant.handler.run()

    assert _claim(plant, "one") == ["ticket"]
    assert _claim(plant, "two") == []
    plant.clock.move(16)
    assert _claim(plant, "two") == ["ticket"]
    assert [(row["worker"], row["outcome"]) for row in plant.attempts] == [("one", "lost")]


def test_a_renewed_lease_does_not_lapse(plant: Plant) -> None:
    """Who is still at it keeps it."""
    plant.push_alert("7001")
    plant.handler.run()
    mine = claim(plant.db, "one", limit=10, lease_s=15)
    plant.clock.move(10)
    renew(plant.db, "one", mine, lease_s=15)
    plant.clock.move(10)

    assert _claim(plant, "two") == []


def test_a_stale_worker_cannot_close_what_was_taken_over(plant: Plant) -> None:
    """The fence decides: a late result leaves an attempt that says so, and changes nothing else."""
    plant.push_alert("7001")
    plant.handler.run()
    [late] = claim(plant.db, "one", limit=10, lease_s=15)
    plant.clock.move(16)
    assert _claim(plant, "two") == ["ticket"]

    settle(plant.db, "one", [Result(late, Outcome(external_id="stolen"), None, None, 0, 1)], spread=lambda: 0.0)

    assert (_one(plant)["state"], _one(plant)["external_id"]) == ("waiting", None)
    assert "took over" in plant.attempts[-1]["detail"]["stale"]


def test_a_worker_known_to_be_dead_frees_its_leases_at_once(plant: Plant) -> None:
    """Its parent saw it end: nobody waits for the lease."""
    plant.push_alert("7001")
    plant.handler.run()
    _claim(plant, "dead-one")

    forget_owner(plant.db, "dead-one")

    assert _claim(plant, "two") == ["ticket"]


def test_transient_failures_follow_the_schedule_and_then_succeed_once(plant: Plant) -> None:
    """Each failure is an attempt with its error; the wait is the schedule's; the effect happens once."""
    plant.tickets.script("act", fail=SLOW, times=3)
    plant.push_alert("7001")
    plant.work()
    for seconds in SCHEDULE_S[1:4]:
        row = _one(plant)
        assert row["state"] == "waiting"
        assert row["next_at"] == plant.clock.now() + seconds * SECOND
        assert balance(plant.db).holds
        plant.clock.move(seconds)
        plant.work()

    assert _one(plant)["state"] == "done"
    assert [row["outcome"] for row in plant.attempts if row["action_id"] == _one(plant)["id"]] == ["failed"] * 3 + ["done"]
    assert plant.tickets.writes == 1


def test_eighty_simulated_hours_of_failures_end_in_a_dead_letter_that_is_kept(plant: Plant) -> None:
    """After twelve attempts the action is dead, with its reason and a repair; its followers say what they wait for."""
    plant.tickets.script("act", fail=SLOW, times=100)
    plant.push_alert("7001")
    began = plant.clock.now()
    plant.work()
    while _one(plant)["state"] == "waiting":
        with plant.db.write() as conn:  # the breaker is another test's matter
            conn.execute(update(connector).values(breaker_open_until=None, breaker_failures=0))
        plant.clock.at = int(str(_one(plant)["next_at"]))
        plant.work()

    assert _one(plant)["attempts"] == 12
    assert 70 < (plant.clock.now() - began) / SECOND / 3600 < 80
    assert str(_one(plant)["reason"]).startswith("transient: It did not answer.")
    assert _one(plant, "ack")["held_by"] == f"dead:{_one(plant)['id']}"
    assert [row["key"] for row in plant.rows(repair, repair.c.closed_at.is_(None))] == [f"action:{_one(plant)['id']}"]
    assert balance(plant.db).holds


@pytest.mark.parametrize(
    "error", [RefusedError("No.", why="Closed.", fix="Open it."), InputError("Bad.", why="Word.", fix="Mend it.")]
)
def test_what_would_fail_again_is_dead_at_once_and_can_be_retried(plant: Plant, error: RefusedError) -> None:
    """A refusal is not tried again by itself; a person's retry uses the same key and lets the followers go on."""
    plant.tickets.script("act", fail=error)
    plant.push_alert("7001")
    plant.work()
    assert _one(plant)["state"] == "dead"

    with plant.db.write() as conn:
        retry(conn, str(_one(plant)["id"]), by="person:li", now=plant.clock.now())
    plant.work()

    assert [(row["step"], row["state"]) for row in plant.actions] == [("ticket", "done"), ("ack", "done")]
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []


def test_wrong_credentials_hold_the_connector_and_heal_by_themselves(plant: Plant) -> None:
    """Nothing is tried with credentials that are refused; when they work again, everything goes on in order."""
    plant.tickets.script("act", fail=CredentialsError("Refused.", why="Expired.", fix="Renew it."))
    plant.push_alert("7001")
    plant.push_alert("7002")
    plant.work()
    held = [row for row in plant.actions if row["step"] == "ticket"]
    assert [(row["state"], row["held_by"]) for row in held] == [("held", "repair:credentials:tickets")] * 2 or held[1][
        "state"
    ] == "done"
    assert plant.rows(connector, connector.c.name == "tickets")[0]["state"] == "held"

    plant.registered.refresh()
    assert heal_held(plant.db, plant.registered) == 1
    plant.registered.refresh()
    plant.work()

    assert {row["state"] for row in plant.actions} == {"done"}
    assert len(plant.tickets.things["tickets"]) == 2
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []


def test_a_missing_permission_holds_only_that_act(plant: Plant) -> None:
    """The connector goes on; the action names the repair that a person must do."""
    plant.tickets.script("act", fail=PermissionDeniedError("No.", why="Role.", fix="Grant it."))
    plant.push_alert("7001")
    plant.work()
    assert _one(plant)["held_by"] == "repair:permission:tickets:create_ticket"
    assert plant.rows(connector, connector.c.name == "tickets")[0]["state"] == "ok"

    with plant.db.write() as conn:
        release(conn, str(_one(plant)["id"]), now=plant.clock.now())
    plant.work()

    assert _one(plant)["state"] == "done"


def test_a_far_side_that_executes_and_then_times_out_gets_one_effect(plant: Plant) -> None:
    """The retry has the same key: the far side that honours it does it once."""
    plant.tickets.script("act", lie=True)
    plant.push_alert("7001")
    plant.work()
    plant.clock.move(5)
    plant.work()

    assert _one(plant)["state"] == "done"
    assert len(plant.tickets.things["tickets"]) == 1


def test_a_write_that_cannot_be_read_back_is_tried_again(plant: Plant) -> None:
    """Accepted is not done: done is what reading back shows."""
    plant.tickets.script("verify", unsettled=True, times=50)
    plant.push_alert("7001")
    plant.deliverer.run()
    plant.handler.run()
    plant.deliverer.run()

    assert _one(plant)["state"] == "waiting"
    assert [row["outcome"] for row in plant.attempts] == ["unverified"]


def test_the_breaker_stops_attempts_not_intake_and_probes_with_one(plant: Plant) -> None:
    """After five failures in a row nothing is sent until the pause is over; then one action probes, and success closes it."""
    plant.tickets.script("act", fail=SLOW, times=BREAKER_AFTER)
    for n in range(BREAKER_AFTER + 3):
        plant.push_alert(f"70{n:02d}")
    plant.handler.run()
    for _ in range(BREAKER_AFTER):  # one at a time, so that exactly five fail
        [one] = claim(plant.db, "test-deliverer", limit=1, lease_s=15)
        settle(plant.db, "test-deliverer", [plant.deliverer.attempt(one)], spread=lambda: 0.0)

    row = plant.rows(connector, connector.c.name == "tickets")[0]
    assert row["breaker_open_until"] == plant.clock.now() + 30 * SECOND
    assert _claim(plant, "two") == []
    plant.clock.move(31)
    assert len(_claim(plant, "two")) == 1
    plant.clock.move(16)
    plant.work()
    assert plant.rows(connector, connector.c.name == "tickets")[0]["breaker_failures"] == 0
    assert len(plant.tickets.things["tickets"]) == BREAKER_AFTER + 3


def test_order_is_strict_per_target_and_a_dead_head_blocks_only_its_own(plant: Plant) -> None:
    """Behind a dead action on the same target nothing overtakes; other targets go on."""
    for id_ in ("7001", "7002"):
        plant.push_alert(id_)
    plant.work()
    plant.monitoring.script("act", fail=RefusedError("No.", why="x", fix="y"))
    for n, ticket in enumerate(list(plant.tickets.things["tickets"].values())):
        plant.clock.move(10 + n)
        plant.push("tickets", {"ticket": plant.tickets.change("tickets", ticket["id"], actor="tech", status="resolved")})
        plant.work()
    closes = [row for row in plant.actions if row["step"] == "close"]

    assert [row["state"] for row in closes] == ["dead", "done"]


def test_skipping_needs_a_reason_and_is_recorded_with_who(plant: Plant) -> None:
    """A person's decision not to act is kept; what needed the step is skipped with it."""
    plant.tickets.script("act", fail=RefusedError("No.", why="x", fix="y"))
    plant.push_alert("7001")
    plant.work()

    with plant.db.write() as conn:
        skip(conn, str(_one(plant)["id"]), by="person:li", reason="machine is scrapped", now=plant.clock.now())

    assert _one(plant)["reason"] == "skipped by person:li: machine is scrapped"
    assert _one(plant, "ack")["state"] == "skipped"
    assert balance(plant.db).holds
    with plant.db.write() as conn, pytest.raises(ConflictError):
        skip(conn, str(_one(plant)["id"]), by="person:li", reason="again", now=plant.clock.now())


def test_a_dead_head_goes_on_by_a_decision_that_says_who_when_and_why(plant: Plant) -> None:
    """Retry, skip and replay of a dead action each leave who decided it; the explanation tells it."""
    publish_all(plant.db, [{**BRIDGES[0], "when": 'alert.status == "open"'}])
    plant.tickets.script("act", fail=RefusedError("No.", why="x", fix="y"), times=2)
    receipt = plant.push_alert("7001")
    plant.work()
    dead = str(_one(plant)["id"])
    with plant.db.write() as conn:
        retry(conn, dead, by="person:li", reason="the tracker was mended", now=plant.clock.now())
    plant.work()
    replay.run(plant.db, replay.Choice(id=receipt), by="person:eve")
    plant.work()

    decided = [(row["worker"], row["started_at"]) for row in plant.attempts if row["outcome"] == "decided"]
    assert decided == [("person:li", plant.clock.now()), ("replay by person:eve", plant.clock.now())]
    with plant.db.read() as conn:
        told = "\n".join(explain.event(conn, receipt)["summary"])
    assert "person:li: try it again. the tracker was mended" in told
    assert "replay by person:eve: try it again. It was dead: refused: No." in told
    assert _one(plant)["state"] == "done"


def test_an_urgent_action_that_is_late_is_escalated(plant: Plant) -> None:
    """After two minutes undelivered a repair tells people to use another channel; it closes when the action is done."""
    plant.tickets.script("act", fail=SLOW, times=2)
    plant.push_alert("7001", severity=5)
    plant.work()
    plant.clock.move(119)
    assert escalate_late(plant.db) == 0
    plant.clock.move(1)
    assert escalate_late(plant.db) == 1
    plant.work()
    assert "120 s ago" in plant.rows(repair)[0]["why"]

    plant.clock.move(61)
    plant.work()

    assert _one(plant)["state"] == "done"
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []


def test_no_transaction_is_open_while_the_far_side_is_spoken_to(plant: Plant) -> None:
    """During an act, another process can write at once."""
    seen: list[int] = []
    plant.push_alert("7001")
    plant.handler.run()
    honest = plant.registered.open("tickets").act

    def act(name: str, arguments: object, *, key: str) -> Outcome:
        with plant.db.write() as conn:
            seen.append(conn.execute(select(action.c.attempts).where(action.c.key == key)).scalar_one())
        return honest(name, arguments, key=key)  # type: ignore[arg-type]

    plant.registered.open("tickets").act = act  # type: ignore[method-assign]
    plant.deliverer.run()

    assert seen[0] == 1


def test_an_unforeseen_error_is_tried_again_and_never_shows_a_secret(plant: Plant) -> None:
    """A library's own words are kept with the attempt, without the connector's secrets."""
    vault = plant.registered._vault
    with plant.db.write() as conn:
        conn.execute(
            update(connector).values(secrets=vault.seal({"token": "s3cr3t-t0ken"}), updated_at=connector.c.updated_at + 1)
        )
    plant.registered.refresh()
    plant.push_alert("7001")
    plant.handler.run()

    def act(name: str, arguments: object, *, key: str) -> Outcome:
        raise KeyError("token=s3cr3t-t0ken was not expected")

    plant.registered.open("tickets").act = act  # type: ignore[method-assign]
    plant.deliverer.run()

    assert _one(plant)["state"] == "waiting"
    [failed] = plant.attempts
    assert failed["code"] == "unexpected"
    assert "KeyError" in failed["detail"]["why"]
    assert "s3cr3t" not in str(failed["detail"])
