"""Polling hands out every last state once, whatever happens between and during the pages."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import SECOND
from core.words import Record
from tests.connectors.roundup.conftest import Desk


def test_the_first_poll_reads_recent_history_and_then_only_changes(desk: Desk) -> None:
    """Old tickets stay where they are; what was handed out does not come again until it changes."""
    desk.clock.move(-40 * 86_400)
    desk.open(title="old")
    desk.clock.move(40 * 86_400)
    number = desk.open(title="new", tieline_ref="TICK-2026-000001")
    records, cursor, more = desk.poll(None)

    assert [(one.external_id, one.hint, more) for one in records] == [(number, "TICK-2026-000001", False)]
    assert desk.poll(cursor)[0] == []
    desk.standin.tracker.as_person(number, "tech", status="resolved")
    again, _, _ = desk.poll(cursor)
    assert [(one.data["status"], one.actor) for one in again] == [("resolved", "tech")]


def test_two_changes_within_one_second_are_both_seen(desk: Desk) -> None:
    """Roundup's times are whole seconds; the state decides, not the time."""
    number = desk.open()
    _, cursor, _ = desk.poll(None)
    desk.standin.tracker.as_person(number, "tech", status="resolved")
    records, _, _ = desk.poll(cursor)

    assert [one.data["status"] for one in records] == ["resolved"]


def test_a_change_that_is_committed_late_is_found(desk: Desk) -> None:
    """An activity from before the newest one seen, within the overlap, is not skipped."""
    number = desk.open()
    early = desk.issue(number)["activity"]
    row = desk.standin.tracker.rows["issue"].pop(number)
    desk.clock.move(30)
    desk.open()
    _, cursor, _ = desk.poll(None)
    desk.standin.tracker.rows["issue"]["7"] = row
    records, _, _ = desk.poll(cursor)

    assert [one.external_id for one in records] == ["7"]
    assert early == row["activity"]


def test_a_clock_that_was_ahead_hides_nothing(desk: Desk) -> None:
    """After the tracker's clock was set back, what happens now is still found."""
    number = desk.open()
    future = desk.clock.at + 86_400 * SECOND * 3650
    desk.clock.at, now = future, desk.clock.at
    desk.standin.tracker.as_person(number, "tech", status="testing")
    desk.clock.at = now
    _, cursor, _ = desk.poll(None)

    assert cursor["at"] < future


def test_a_tracker_without_some_fields_is_read_without_them(desk: Desk) -> None:
    """Missing properties are absent from the record, which is not the same as empty."""
    del desk.standin.tracker.schema["issue"]["asset"]
    desk.open(machine="press-07")
    records, _, _ = desk.poll(None)

    assert "asset" not in records[0].data
    assert records[0].data["part"] is None


def test_the_page_of_an_issue_is_the_public_one(desk: Desk) -> None:
    """People get a link they can open, also when we talk to an internal address."""
    number = desk.open()
    records, _, _ = desk.poll(None)

    assert records[0].data["url"] == f"{desk.standin.url}issue{number}"


def test_recent_tickets_are_the_newest_of_that_machine(desk: Desk) -> None:
    """Newest first, exactly this machine, counted in all, without the ticket that asks."""
    for title in ("one", "two", "three"):
        desk.open(title=title, machine="press-07")
        desk.clock.move(60)
    desk.open(title="other", machine="press-070")
    desk.open(title="asks", machine="press-07", tieline_ref="TICK-2026-000009")
    wish = {"machine": "press-07", "limit": "2", "except_ref": "TICK-2026-000009"}
    found = desk.connector.lookup("recent_tickets", wish, timeout_s=2)

    assert [one["title"] for one in found.values["tickets"]] == ["three", "two"]
    assert (found.values["count"], found.absent) == (3, False)
    assert desk.connector.lookup("recent_tickets", {"machine": "nobody"}, timeout_s=2).absent


@pytest.mark.parametrize("limit", [1, 3])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from(["open", "change", "poll", "wait", "long wait"]), max_size=30), seed=st.integers(0, 2**16)
)
def test_the_last_state_of_every_ticket_arrives(desk: Desk, limit: int, steps: list[str], seed: int) -> None:
    """However opening, changing, waiting and small pages interleave: at the end each ticket's last state was handed out."""
    chance, cursor = random.Random(seed), None
    desk.standin.tracker.rows["issue"].clear()
    seen: dict[str, Record] = {}

    def poll() -> Any:
        records, after, more = desk.poll(cursor, limit)
        seen.update({one.external_id: one for one in records})
        return after, more

    for step in steps:
        numbers = list(desk.standin.tracker.rows["issue"])
        if step == "open":
            desk.open()
        elif step == "change" and numbers:
            desk.standin.tracker.as_person(chance.choice(numbers), "tech", title=str(chance.random()))
        elif step == "poll":
            cursor, _ = poll()
        else:
            desk.clock.move(chance.randint(0, 2) if step == "wait" else 100)
    more = True
    while more:
        cursor, more = poll()

    wanted = {number: desk.issue(number)["title"] for number in desk.standin.tracker.rows["issue"]}
    assert {number: one.data["title"] for number, one in seen.items() if number in wanted} == wanted
