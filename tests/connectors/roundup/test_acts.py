"""What the acts promise beyond the laws: no second ticket, no reopened ticket, nobody's change overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.roundup.acts import ReferenceTakenError
from connectors.roundup.connector import Roundup
from connectors.roundup.tracker import TicketGoneError, TrackerFieldError
from core.errors import InputError, RefusedError, TransientError, UnknownVocabularyError
from tests.connectors.roundup.conftest import Desk

TICKET = {
    "title": "Oil too hot",
    "priority": "critical",
    "machine": "press-07",
    "text": "Hello",
    "tieline_ref": "TICK-2026-000001",
}


def test_a_ticket_is_found_again_by_its_reference(desk: Desk) -> None:
    """Another key, even from another process, opens no second ticket for the same reference."""
    first = desk.connector.act("create_ticket", TICKET, key="a")
    other = Roundup("tickets", desk.settings, clock=desk.clock)
    second = other.act("create_ticket", TICKET, key="b")
    other.close()

    assert second.repeated
    assert second.external_id == first.external_id
    assert list(desk.standin.tracker.rows["issue"]) == [first.external_id]


def test_a_reference_of_another_event_is_not_taken_over(desk: Desk) -> None:
    """After Tieline's data was lost its master IDs begin anew; an old ticket with the same one must not swallow a new alert."""
    desk.open(event_id="7", tieline_ref=TICKET["tieline_ref"])
    with pytest.raises(ReferenceTakenError):
        desk.connector.act("create_ticket", {**TICKET, "event_id": "35"}, key="a")

    assert desk.connector.act("create_ticket", {**TICKET, "event_id": "7"}, key="a").repeated


def test_an_outcome_holds_what_the_write_made_true_and_no_more(desk: Desk) -> None:
    """Whoever looks for our own changes must not find a technician's: a note's outcome does not speak of the status."""
    number = desk.open(status="resolved")
    note = desk.connector.act("add_message", {"id": number, "text": "CPU 40 %"}, key="n")
    change = desk.connector.act("update_ticket", {"id": number, "part": "SEAL-80"}, key="u")

    assert note.fields == {"messages": 1}
    assert change.fields == {"part": "SEAL-80"}


def test_a_reference_is_compared_whole(desk: Desk) -> None:
    """TICK-2026-00000 is not TICK-2026-000001, although Roundup's plain search would find it."""
    desk.connector.act("create_ticket", TICKET, key="a")
    other = desk.connector.act("create_ticket", {**TICKET, "tieline_ref": "TICK-2026-00000"}, key="b")

    assert not other.repeated


def test_without_a_reference_the_key_is_one(desk: Desk) -> None:
    """A ticket without a master ID is found again by the key of its write."""
    plain = {"title": "Oil too hot"}
    first, second = (desk.connector.act("create_ticket", plain, key="k-1") for _ in range(2))

    assert (first.external_id, second.repeated) == (second.external_id, True)
    assert desk.connector.verify("create_ticket", plain, second).held


def test_several_tickets_with_one_reference_are_said(desk: Desk) -> None:
    """When somebody copied a ticket with its reference, the oldest counts and verify names all of them."""
    first = desk.connector.act("create_ticket", TICKET, key="a")
    desk.open(tieline_ref=TICKET["tieline_ref"])

    assert desk.connector.act("create_ticket", TICKET, key="a").external_id == first.external_id
    assert "issue1, issue2" in desk.connector.verify("create_ticket", TICKET, first).why


@pytest.mark.parametrize("status", ["unread", "resolved", "done-cbb", "in-progress"])
def test_a_note_of_ours_leaves_the_status_alone(desk: Desk, status: str) -> None:
    """The tracker turns unread and resolved into chatting for any message; a late context note must not reopen."""
    number = desk.open(status=status)
    outcome = desk.connector.act("add_message", {"id": number, "text": "CPU 40 %"}, key="n")

    assert desk.issue(number)["status"] == status
    assert outcome.fields["messages"] == 1
    desk.standin.tracker.say(number, "tech", "Thank you")
    assert desk.issue(number)["status"] == ("in-progress" if status == "in-progress" else "chatting")


def test_a_message_that_was_written_but_not_linked_is_linked(desk: Desk) -> None:
    """A crash between the two writes of a message leaves no second message behind."""
    number = desk.open()
    broken = Tripped(desk, number)
    with pytest.raises(TransientError):
        desk.connector.act("add_message", {"id": number, "text": "CPU 40 %"}, key="n")
    broken.mend()
    outcome = desk.connector.act("add_message", {"id": number, "text": "CPU 40 %"}, key="n")

    assert len(desk.standin.tracker.rows["msg"]) == 1
    assert desk.connector.verify("add_message", {"id": number, "text": "CPU 40 %"}, outcome).held


def test_a_change_that_was_overtaken_is_made_on_what_is_there_now(desk: Desk) -> None:
    """If-Match keeps a technician's change of the same moment; ours comes on top of it."""
    number = desk.open()
    broken = Tripped(desk, number, times=1)
    desk.connector.act("update_ticket", {"id": number, "part": "SEAL-80"}, key="u")
    broken.mend()

    assert (desk.issue(number)["part"], desk.issue(number)["title"]) == ("SEAL-80", "Changed by tech, 1")


def test_a_change_that_is_always_overtaken_is_tried_again_later(desk: Desk) -> None:
    """Two losses in a row are left to the schedule, nothing is forced."""
    number = desk.open()
    Tripped(desk, number)
    with pytest.raises(TransientError) as caught:
        desk.connector.act("update_ticket", {"id": number, "part": "SEAL-80"}, key="u")

    assert caught.value.retry_after
    assert desk.issue(number)["part"] is None


def test_only_what_differs_is_written(desk: Desk) -> None:
    """An update that changes nothing writes nothing, so it makes no echo."""
    number = desk.open(part="SEAL-80")
    before = desk.standin.tracker.writes
    outcome = desk.connector.act("update_ticket", {"id": f"issue{number}", "part": "SEAL-80"}, key="u")

    assert outcome.repeated
    assert desk.standin.tracker.writes == before


def test_null_empties_a_field(desk: Desk) -> None:
    """A field that is given as null is emptied there and reads back as null."""
    number = desk.open(part="SEAL-80")
    desk.connector.act("update_ticket", {"id": number, "part": None}, key="u")

    assert desk.issue(number)["part"] is None


def test_verify_names_a_later_change(desk: Desk) -> None:
    """When somebody changes it before we read back, that is said with his name."""
    number = desk.open()
    wish = {"id": number, "status": "resolved"}
    outcome = desk.connector.act("update_ticket", wish, key="u")
    desk.standin.tracker.as_person(number, "tech", status="in-progress")
    verified = desk.connector.verify("update_ticket", wish, outcome)

    assert not verified.held
    assert "status='in-progress'" in verified.why
    assert "tech changed it last" in verified.why


def test_an_unknown_word_is_answered_with_the_known_ones(desk: Desk) -> None:
    """Priorities are the tracker's own words; a wrong one lists them."""
    with pytest.raises(UnknownVocabularyError) as caught:
        desk.connector.act("create_ticket", {**TICKET, "priority": "P0"}, key="a")

    assert caught.value.facts["known"] == ["critical", "urgent", "bug", "feature", "wish"]


def test_a_missing_property_names_the_line_to_add(desk: Desk) -> None:
    """A tracker without our fields is a setup error whose fix is a line of schema.py."""
    del desk.standin.tracker.schema["issue"]["tieline_ref"]
    with pytest.raises(TrackerFieldError) as caught:
        desk.connector.act("create_ticket", TICKET, key="a")

    assert "tieline_ref=String()" in caught.value.fix


def test_a_ticket_that_is_gone_is_a_refusal(desk: Desk) -> None:
    """Writing to a number that is not there is not tried for 76 hours."""
    with pytest.raises(TicketGoneError):
        desk.connector.act("update_ticket", {"id": "999", "status": "resolved"}, key="u")
    assert issubclass(TicketGoneError, RefusedError)


@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        ("create_ticket", {"title": " "}),
        ("add_message", {"id": "1", "text": ""}),
        ("update_ticket", {"id": "1"}),
        ("update_ticket", {"id": "press-07", "status": "resolved"}),
        ("update_ticket", {"id": "1", "staus": "resolved"}),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_sent(desk: Desk, act: str, arguments: dict[str, Any]) -> None:
    """Empty texts, wrong numbers and misspelt arguments never reach the tracker."""
    with pytest.raises(InputError):
        desk.connector.act(act, arguments, key="k")


class Tripped:
    """A technician who changes the ticket in the moment between our reading and our writing."""

    def __init__(self, desk: Desk, number: str, times: int = 99) -> None:
        self.tracker, self.number, self.left, self.times = desk.standin.tracker, number, times, times
        self.real = self.tracker.change
        self.tracker.change = self.change  # type: ignore[method-assign]

    def change(self, what: str, number: str, fields: Any, who: str, mark: str | None, how: str = "replace") -> Any:
        """Be faster, while there are times left."""
        if who == "tieline" and self.left:
            self.left -= 1
            title = f"Changed by tech, {self.times - self.left}"
            self.real("issue", self.number, {"title": title}, "tech", self.tracker.mark("issue", self.number))
        return self.real(what, number, fields, who, mark, how)

    def mend(self) -> None:
        """Let go."""
        self.left = 0
