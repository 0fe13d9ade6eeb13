"""Polling: nothing is missed, however long nobody looked, however small the pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.zabbix import poll
from connectors.zabbix.connector import Zabbix
from core.words import Json, Record
from tests.connectors.zabbix.plant import CPU_HIGH, HOT, LATHE, PAYMENT, PRESS, VIBRATION, plant, records

TRIGGERS = (HOT, CPU_HIGH, VIBRATION, PAYMENT)


def round_of(made: Zabbix, cursor: Json, limit: int = 500) -> tuple[list[Record], Json]:
    """Poll until nothing more waits; return what came and the cursor to go on from."""
    found: list[Record] = []
    while True:
        page = made.poll("problems", cursor, limit)
        assert page.count <= limit
        found += records(made, page)
        cursor = page.cursor
        if not page.more:
            return found, cursor


def states(found: list[Record]) -> dict[str, str]:
    """Return what a reader knows in the end: the last state of each event."""
    return {one.external_id: str(one.data.get("status", "deleted")) for one in found}


def test_the_first_round_starts_with_what_is_open() -> None:
    """Without a cursor the open problems come; what was over before we came is history."""
    with plant() as (standin, made):
        standin.world.recover(standin.world.raise_problem(HOT))
        opened = standin.world.raise_problem(VIBRATION)

        found, _ = round_of(made, None)

    assert states(found) == {opened: "problem"}


def test_a_problem_that_ended_while_nobody_looked_is_found() -> None:
    """A problem of the last round that is gone comes once more, resolved, with the time and the user of its end."""
    with plant() as (standin, made):
        opened = standin.world.raise_problem(HOT)
        _, cursor = round_of(made, None)
        standin.world.recover(opened)
        found, cursor = round_of(made, cursor)
        again, _ = round_of(made, cursor)

    assert [(one.external_id, one.data["status"], one.actor) for one in found] == [(opened, "resolved", None)]
    assert found[0].data["r_clock"] is not None
    assert again == []


def test_a_problem_that_came_and_went_between_two_polls_is_found() -> None:
    """Nobody saw it open and no push arrived: the poll still brings it."""
    with plant() as (standin, made):
        _, cursor = round_of(made, None)
        missed = [standin.world.raise_problem(HOT), standin.world.raise_problem(PAYMENT)]
        for eventid in missed:
            standin.world.recover(eventid)
        found, _ = round_of(made, cursor, limit=1)

    assert states(found) == dict.fromkeys(missed, "resolved")


def test_a_problem_that_begins_during_a_round_is_followed() -> None:
    """What opens between two pages is seen open in this round and resolved in the next, though no open list held it."""
    with plant() as (standin, made):
        first = standin.world.raise_problem(HOT)
        _, cursor = round_of(made, None)
        page = made.poll("problems", cursor, 1)
        late = standin.world.raise_problem(VIBRATION)
        found, cursor = round_of(made, page.cursor, 1)
        assert states(records(made, page)) | states(found) == {first: "problem", late: "problem"}
        standin.world.recover(late)

        found, _ = round_of(made, cursor)

    assert states(found) == {first: "problem", late: "resolved"}


def test_an_event_that_zabbix_no_longer_has_is_said_to_be_gone() -> None:
    """When the housekeeper deleted an open problem, a deleted record says so instead of silence."""
    with plant() as (standin, made):
        opened = standin.world.raise_problem(HOT)
        _, cursor = round_of(made, None)
        del standin.world.events[opened]
        found, cursor = round_of(made, cursor)
        again, _ = round_of(made, cursor)

    assert [(one.external_id, one.deleted, one.data) for one in found] == [(opened, True, {"eventid": opened})]
    assert again == []


def test_a_smaller_id_that_appears_late_is_found() -> None:
    """Zabbix' writers may store a smaller event id after a greater one; the overlap finds it."""
    with plant() as (standin, made):
        _, cursor = round_of(made, None)
        late = standin.world.raise_problem(HOT)
        standin.world.recover(late)
        hidden = standin.world.events.pop(late)
        standin.world.recover(standin.world.raise_problem(PAYMENT))
        _, cursor = round_of(made, cursor)
        standin.world.events[late] = hidden
        found, cursor = round_of(made, cursor)
        again, _ = round_of(made, cursor)

    assert states(found) == {late: "resolved"}
    assert again == []


def test_an_update_makes_the_record_newer() -> None:
    """An acknowledgement or another severity changes what is polled, its time and its actor."""
    with plant() as (standin, made):
        opened = standin.world.raise_problem(HOT, at=1_767_225_600.75)
        before, cursor = round_of(made, None)
        made.act("acknowledge", {"id": opened, "message": "seen"}, key="k")
        after, _ = round_of(made, cursor)

    assert before[0].at == 1_767_225_600_000_000
    assert (before[0].actor, after[0].actor) == (None, "gateway")
    assert after[0].at is not None
    assert after[0].at > before[0].at
    assert after[0].data["acknowledged"] is True


STEPS = st.lists(
    st.tuples(st.sampled_from(["raise", "recover", "close", "ack", "page", "forget"]), st.sampled_from(TRIGGERS)), max_size=25
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, limit=st.integers(1, 4))
def test_whatever_happens_in_whatever_order_the_end_is_known(steps: list[tuple[str, str]], limit: int) -> None:
    """After any history of problems, updates and interrupted polls, one more round makes the reader's picture true."""
    with plant() as (standin, made):
        world, gateway = standin.world, standin.world.users["gateway"]
        page = made.poll("problems", None, limit)
        known: dict[str, str] = {}
        born: set[str] = set()
        for step, trigger in steps:
            opened = [
                e for e in world.events.values() if e["objectid"] == trigger and e["value"] == "1" and e["r_eventid"] == "0"
            ]
            if step == "raise":
                born.add(world.raise_problem(trigger))
            elif step == "recover" and opened:
                world.recover(opened[0]["eventid"])
            elif step == "close" and opened and trigger != CPU_HIGH:
                world.update(gateway, [opened[0]["eventid"]], 1, "", None)
            elif step == "ack" and opened:
                world.update(gateway, [opened[0]["eventid"]], 2, "", None)
            elif step == "page":
                page = made.poll("problems", page.cursor, limit)
                known |= states(records(made, page))
        for _ in range(2):  # the round that is under way, and a whole one
            found, cursor = round_of(made, page.cursor, limit)
            known |= states(found)
            page = type(page)(b"", cursor)

        truth = {
            e["eventid"]: "problem" if e["r_eventid"] == "0" else "resolved" for e in world.events.values() if e["value"] == "1"
        }
        assert {eventid: known.get(eventid) for eventid in born} == {eventid: truth[eventid] for eventid in born}


def test_a_live_value_is_told_once() -> None:
    """Operational data changes with every sample; a poll tells it when it first sees a problem, and not as a change later."""
    with plant() as (standin, made):
        opened = standin.world.raise_problem(HOT, opdata="now 91 °C")
        first, cursor = round_of(made, None)
        standin.world.events[opened]["opdata"] = "now 92 °C"
        second, cursor = round_of(made, cursor)
        standin.world.recover(opened)
        third, _ = round_of(made, cursor)

    assert first[0].data["opdata"] == "now 91 °C"
    assert second[0].data == {name: value for name, value in first[0].data.items() if name != "opdata"}
    assert "opdata" not in third[0].data


def test_hosts_are_read_in_pages() -> None:
    """Every host comes once, with the inventory that holds something; then the round begins anew."""
    with plant() as (_, made):
        cursor, found = None, []
        while True:
            page = made.poll("hosts", cursor, 2)
            found += records(made, page)
            cursor = page.cursor
            if not page.more:
                break

    assert [one.data["host"] for one in found] == ["press-07", "lathe-12", "db01"]
    assert cursor is None
    assert found[0].data["inventory"]["serialno_a"] == "SN-7781"
    assert (found[0].external_id, found[1].external_id) == (PRESS, LATHE)
    assert found[2].data["inventory"] == {}, "Zabbix answers [] where inventory is off"


@pytest.mark.parametrize(
    ("expression", "host"),
    [
        ("last(/press-08/plc.temp)>70 and last(/press-07/plc.temp)>70", "press-08"),
        ("{db 01:cpu.last()}>1", "db 01"),
        ("1=1", None),
    ],
)
def test_the_leading_host_is_that_of_the_expression(expression: str, host: str | None) -> None:
    """A push names the first host of the trigger's expression, so a poll does too."""
    assert poll._first_host(expression) == host


def test_a_trigger_of_two_hosts_has_the_same_host_by_push_and_poll() -> None:
    """Of several hosts the one that leads the expression comes first, whatever order Zabbix lists them in."""
    events = [{"objectid": "7", "hosts": [{"hostid": "1", "host": "a"}, {"hostid": "2", "host": "b"}]}]

    def call(method: str, params: dict[str, Any]) -> Any:
        assert (method, params["triggerids"]) == ("trigger.get", ["7"])
        return [{"triggerid": "7", "expression": "last(/b/x)>1 and last(/a/x)>1"}]

    poll._first_host_first(call, events)

    assert [host["host"] for host in events[0]["hosts"]] == ["b", "a"]  # type: ignore[index]
