"""The connector and its detector on a real Roundup of their own: what only the real one can show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from connectors.kit import webhooks
from connectors.kit.faults import FaultyRoute, Seen
from connectors.roundup.connector import Roundup
from connectors.roundup.kind import RoundupSettings
from core.clock import SystemClock
from core.errors import SetupError, TielineError
from core.words import Delivery, Record
from lab.real.daemon import is_open
from lab.real.places import PORTS, Places
from lab.real.roundup import system as desk
from lab.real.roundup.drive import Technician
from lab.real.waiting import until

STANDARD = {"scheme": "standard_webhooks"}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[desk.Roundup]:
    """Build a tracker on a port of its own; a second goes by."""
    port = next(port for port in range(PORTS["ROUNDUP"] + 1, PORTS["ROUNDUP"] + 50) if not is_open(port))
    made = desk.Roundup(Places(tmp_path_factory.mktemp("desk"), PORTS | {"ROUNDUP": port}))
    try:
        made.up(lambda _: None)
    except TielineError as error:
        pytest.skip(f"Roundup cannot run here. {error.what} {error.why} {error.fix}")
    yield made
    made.purge()


@pytest.fixture
def technician(tracker: desk.Roundup) -> Technician:
    """A person with a login."""
    return Technician(tracker)


@pytest.fixture
def connector(tracker: desk.Roundup) -> Iterator[Roundup]:
    """Our side of it."""
    given = {"url": tracker.url, "username": desk.GATEWAY, "password": desk.GATEWAY_PASSWORD}
    made = Roundup("tickets", RoundupSettings.model_validate(given))
    yield made
    made.close()


@pytest.fixture
def door(tracker: desk.Roundup) -> Iterator[FaultyRoute]:
    """A door that takes everything; the detector is switched on for as long as it stands."""
    with FaultyRoute(None) as route:
        yield route
        tracker.push_to("", "")


def read(seen: Seen, connector: Roundup) -> Record:
    """Parse what came to the door."""
    (record,) = connector.parse(Delivery("rcp_1", "tickets", seen.body, seen.headers, 0), connector.settings)
    return record


def test_the_check_holds(connector: Roundup) -> None:
    """Every step of the check holds on a tracker that was set up as the documentation says."""
    report = connector.check()

    assert report.ok, report.as_dict()
    assert all(step.ok for step in report.steps)


def test_a_ticket_a_note_and_a_change_are_made_once_and_read_back(connector: Roundup, technician: Technician) -> None:
    """Each act twice with one key: one effect, and verify sees it."""
    ticket = {
        "title": "Öl zu heiß 油温过高",
        "priority": "critical",
        "machine": "press-07",
        "tieline_ref": "TKT-2026-000001",
        "text": "Hello",
    }
    made = connector.act("create_ticket", ticket, key="k1")
    number = str(made.external_id)
    acts = {
        "create_ticket": ticket,
        "add_message": {"id": number, "text": "CPU 40 %"},
        "update_ticket": {"id": number, "part": "SEAL-80"},
    }
    for name, arguments in acts.items():
        outcomes = [connector.act(name, arguments, key=f"k-{name}") for _ in range(2)]
        assert outcomes[1].repeated, name
        assert connector.verify(name, arguments, outcomes[1]).held, name

    assert [one["id"] for one in technician.tickets(tieline_ref="TKT-2026-000001")] == [number]
    assert technician.messages(number) == ["Hello", "CPU 40 %"]


def test_a_late_note_does_not_reopen_a_resolved_ticket(connector: Roundup, technician: Technician) -> None:
    """The statusauditor of the classic tracker would; a person's word still does."""
    number = technician.open_ticket(title="Noise", status="resolved")
    connector.act("add_message", {"id": number, "text": "CPU 40 %"}, key="late")
    assert technician.ticket(number)["status"] == "resolved"

    technician.say(number, "It is back")
    assert technician.ticket(number)["status"] == "chatting"


def test_polls_hand_out_each_last_state_once(connector: Roundup, technician: Technician) -> None:
    """Small pages, changes within one second, nothing twice, nothing lost."""
    cursor, more = None, True
    while more:
        page = connector.poll("issues", cursor, 1)
        cursor, more = page.cursor, page.more
    number = technician.open_ticket(title="Leak")
    technician.take(number)
    page = connector.poll("issues", cursor, 10)
    (record,) = connector.parse(Delivery("rcp_1", "tickets", page.body, {}, 0), connector.settings)
    technician.resolve(number)
    after = connector.poll("issues", page.cursor, 10)
    (resolved,) = connector.parse(Delivery("rcp_1", "tickets", after.body, {}, 0), connector.settings)

    assert (record.data["status"], resolved.data["status"], resolved.actor) == ("in-progress", "resolved", "tech")
    assert connector.poll("issues", after.cursor, 10).count == 0


def test_the_detector_tells_every_change_in_order_and_signs_it(
    tracker: desk.Roundup, connector: Roundup, technician: Technician, door: FaultyRoute
) -> None:
    """Opened, taken, commented, resolved: four signed messages, equal to what a poll would read at the end."""
    secret = webhooks.fresh_secret("standard_webhooks")
    tracker.push_to(door.url, secret)
    number = technician.open_ticket(title="Späne 故障", machine="press-07")
    technician.take(number)
    technician.say(number, "Found it")
    technician.resolve(number)
    until(lambda: len(door.seen) >= 4, "four messages")

    records = [read(one, connector) for one in door.seen]
    ids = [webhooks.verify(STANDARD, {"secret": secret}, one.headers, one.body, now=SystemClock().now()) for one in door.seen]
    assert [one.data["status"] for one in records] == ["unread", "in-progress", "in-progress", "resolved"]
    assert len(set(ids)) == 4
    assert all((before.at or 0) <= (after.at or 0) for before, after in pairwise(records))
    page = connector.poll("issues", None, 500)
    polled = connector.parse(Delivery("rcp_1", "tickets", page.body, {}, 0), connector.settings)
    assert records[-1] in polled


def test_a_change_that_was_refused_is_not_told(tracker: desk.Roundup, technician: Technician, door: FaultyRoute) -> None:
    """What was rolled back never happened; the next change is told alone."""
    number = technician.open_ticket(title="Leak")
    tracker.push_to(door.url, "a shared secret")
    with pytest.raises(SetupError):
        technician.set(number, status="no such status")
    technician.resolve(number)
    until(lambda: door.seen, "the message")
    time.sleep(0.5)

    assert len(door.seen) == 1
    assert door.seen[0].headers["x-tieline-secret"] == "a shared secret"


def test_a_door_that_hangs_delays_nobody_and_gets_it_again(
    tracker: desk.Roundup, technician: Technician, door: FaultyRoute
) -> None:
    """The technician's own request answers at once; the same message, with the same id, is sent again."""
    number = technician.open_ticket(title="Leak")
    tracker.push_to(door.url, "a shared secret")
    door.next(status=503)
    began = time.monotonic()
    technician.resolve(number)
    assert time.monotonic() - began < 1

    until(lambda: len(door.seen) >= 2, "the second try")
    assert door.seen[0].headers["webhook-id"] == door.seen[1].headers["webhook-id"]
