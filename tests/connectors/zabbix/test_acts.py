"""Acts: the right bits, once; a forbidden close is said, an accepted close is not believed until it is read back."""

from __future__ import annotations

import time

import pytest

from connectors.zabbix.acts import LONGEST_MESSAGE, NOT_CLOSED, ProblemGoneError
from core.errors import InputError, PermissionDeniedError, TransientError
from core.words import Json
from lab.standins.server import Answer, Request
from lab.standins.zabbix import Zabbix as StandIn
from tests.connectors.zabbix.plant import CPU_HIGH, HOT, connector, plant

SAID = "Ticket issue4 wurde angelegt. 工单已创建 🙂"


def given(eventid: str, message: Json = SAID) -> dict[str, Json]:
    """Return an act's arguments."""
    return {"id": eventid, "message": message}


def sent(standin: StandIn) -> list[int]:
    """Return the bits of every event.acknowledge that arrived."""
    return [int(params["action"]) for method, params in standin.rpc.calls if method == "event.acknowledge"]


def test_acknowledge_sends_six_once() -> None:
    """Acknowledge and message are bits 2 and 4; the second sending finds them there and writes nothing."""
    with plant() as (standin, made):
        eventid = standin.world.raise_problem(HOT)
        first = made.act("acknowledge", given(eventid), key="k")
        second = made.act("acknowledge", given(eventid), key="k")
        verified = made.verify("acknowledge", given(eventid), second)

    assert sent(standin) == [6]
    assert (first.repeated, second.repeated) == (False, True)
    assert first.external_id == second.external_id == eventid
    assert (verified.held, verified.final) == (True, True)


def test_close_sends_seven_and_waits_for_the_server() -> None:
    """Close, acknowledge and message are 7; the close counts when its recovery event is there, not when it was accepted."""
    with plant(close_delay_s=0.3) as (standin, made):
        eventid = standin.world.raise_problem(HOT)
        outcome = made.act("close_problem", given(eventid), key="k")
        at_once = made.verify("close_problem", given(eventid), outcome)
        again = made.act("close_problem", given(eventid), key="k")
        time.sleep(0.35)
        later = made.verify("close_problem", given(eventid), outcome)
        over = made.act("close_problem", given(eventid), key="k")

    assert sent(standin) == [7]
    assert (at_once.held, at_once.final) == (False, False)
    assert (later.held, later.final) == (True, True)
    assert later.seen["status"] == "resolved"
    assert (again.repeated, over.repeated) == (True, True)


def test_close_after_acknowledge_adds_only_what_is_missing() -> None:
    """An acknowledged problem is closed with 5, as Zabbix itself stores it."""
    with plant() as (standin, made):
        eventid = standin.world.raise_problem(HOT)
        made.act("acknowledge", given(eventid), key="a")
        made.act("close_problem", given(eventid, "done"), key="b")

    assert sent(standin) == [6, 5]


def test_the_same_words_as_before_still_close() -> None:
    """A message that is there from the acknowledgement does not make the close look done."""
    with plant() as (standin, made):
        eventid = standin.world.raise_problem(HOT)
        made.act("acknowledge", given(eventid), key="a")
        outcome = made.act("close_problem", given(eventid), key="b")

        assert made.verify("close_problem", given(eventid), outcome).held
    assert sent(standin) == [6, 1]


def test_a_forbidden_close_is_acknowledged_with_a_note() -> None:
    """Where the trigger forbids manual close: 7 is refused, 6 is sent with the reason, and the outcome says so, each time."""
    with plant() as (standin, made):
        eventid = standin.world.raise_problem(CPU_HIGH)
        first = made.act("close_problem", given(eventid), key="k")
        verified = made.verify("close_problem", given(eventid), first)
        second = made.act("close_problem", given(eventid), key="k")
        event = standin.world.events[eventid]

    assert sent(standin) == [7, 6]
    assert first.degraded
    assert second.degraded
    assert second.repeated
    assert "does not allow manual close" in str(first.note)
    assert event["acknowledges"][0]["message"] == SAID + NOT_CLOSED
    assert (verified.held, verified.seen["status"]) == (True, "problem")


def test_a_forbidden_close_of_an_acknowledged_problem_still_leaves_the_note() -> None:
    """That somebody acknowledged it before does not swallow the note."""
    with plant() as (standin, made):
        eventid = standin.world.raise_problem(CPU_HIGH)
        made.act("acknowledge", given(eventid), key="a")
        outcome = made.act("close_problem", given(eventid), key="b")

        assert made.verify("close_problem", given(eventid), outcome).held
        assert standin.world.events[eventid]["acknowledges"][0]["message"] == SAID + NOT_CLOSED


class Forgetful(StandIn):
    """Carries out one write and loses the answer."""

    losing = True

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if self.losing and b"event.acknowledge" in request.body:
            self.losing = False
            return Answer(502, b"lost")
        return answer


def test_a_lost_answer_is_not_written_twice() -> None:
    """When the write arrived but its answer was lost, the retry finds it and writes nothing."""
    with Forgetful().demo() as standin:
        made = connector(standin.url)
        eventid = standin.world.raise_problem(HOT)
        with pytest.raises(TransientError):
            made.act("acknowledge", given(eventid), key="k")
        retried = made.act("acknowledge", given(eventid), key="k")
        made.close()

    assert [one["message"] for one in standin.world.events[eventid]["acknowledges"]] == [SAID]
    assert retried.repeated


def test_a_problem_that_is_gone_is_refused_with_both_reasons() -> None:
    """Zabbix does not tell deleted from hidden; neither do we, but we say what to look at."""
    with plant() as (_, made), pytest.raises(ProblemGoneError, match=r"housekeeper.*may not read"):
        made.act("acknowledge", given("999999"), key="k")


@pytest.mark.parametrize(("rule", "act"), [("add_problem_comments", "acknowledge"), ("close_problems", "close_problem")])
def test_a_role_that_lacks_a_rule_is_a_permission(rule: str, act: str) -> None:
    """What the role forbids is a permission to give, in Zabbix' own words, and not a refusal to live with."""
    with plant() as (standin, made):
        standin.world.actions_allowed[rule] = False
        eventid = standin.world.raise_problem(HOT)

        with pytest.raises(PermissionDeniedError, match="no permissions to"):
            made.act(act, given(eventid), key="k")


def test_read_only_on_the_host_group_is_a_permission() -> None:
    """Closing needs read-write; Zabbix says "no permissions or it does not exist", and we have just seen that it exists."""
    with plant() as (standin, made):
        standin.world.users["gateway"].writes = False
        eventid = standin.world.raise_problem(HOT)

        with pytest.raises(PermissionDeniedError, match="read-write"):
            made.act("close_problem", given(eventid), key="k")


@pytest.mark.parametrize(
    "arguments",
    [{}, {"id": "48"}, {"id": "48", "message": "  "}, {"id": "48 or 1=1", "message": "x"}, {"id": True, "message": "x"}],
)
def test_arguments_that_cannot_be_sent_are_not_sent(arguments: dict[str, Json]) -> None:
    """A missing id or message is the caller's mistake; nothing goes out."""
    with plant() as (standin, made):
        with pytest.raises(InputError):
            made.act("acknowledge", arguments, key="k")
        assert not standin.rpc.calls


def test_a_long_message_is_cut_to_what_zabbix_stores() -> None:
    """2048 characters fit; a longer message is cut visibly, and the cut one is found again."""
    with plant() as (standin, made):
        eventid = standin.world.raise_problem(CPU_HIGH)
        made.act("close_problem", given(eventid, "长" * 5000), key="k")
        again = made.act("close_problem", given(eventid, "长" * 5000), key="k")
        stored = standin.world.events[eventid]["acknowledges"][0]["message"]

    assert len(stored) == LONGEST_MESSAGE
    assert stored.endswith("…" + NOT_CLOSED)
    assert again.repeated
