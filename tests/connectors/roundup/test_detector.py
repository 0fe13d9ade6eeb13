"""The detector inside a tracker: it tells what was committed, once, and never gets in anybody's way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from connectors.kit.faults import FaultyRoute
from connectors.roundup import detector
from lab.real.waiting import until


class Property:
    """What Roundup calls a property; the detector asks for the name of its class only."""

    classname = "status"


class String(Property):
    """A text."""


class Link(Property):
    """A link to a status."""


class Multilink(Property):
    """A list of links."""


class Words:
    """The class status: number -> label."""

    def get(self, number: str, name: str) -> str:
        return {"1": "unread", "8": "resolved"}[number]

    def labelprop(self, default_to_id: int) -> str:
        return "name"


class Issues:
    """The class issue of a tracker that holds one."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {"title": "Leak", "status": "1", "messages": []}
        self.properties: dict[str, Any] = {"title": String(), "status": Link(), "messages": Multilink()}
        self.reactors: dict[str, Callable[..., None]] = {}

    def getprops(self, protected: bool = True) -> dict[str, Any]:
        return {**self.properties, "activity": String(), "id": String()}

    def get(self, number: str, name: str) -> Any:
        return self.row.get(name, "2026-11-22.07:37:07")

    def react(self, event: str, reactor: Callable[..., None], priority: int) -> None:
        self.reactors[event] = reactor


class Tracker:
    """One database connection of a tracker; reactors run before the commit, as they do in Roundup."""

    tx_Source = "web"  # noqa: N815 - Roundup's own name

    def __init__(self, url: str, secret: str = "") -> None:
        self.issue = Issues()
        self.config = SimpleNamespace(detectors={"TIELINE_URL": url, "TIELINE_SECRET": secret})
        self.committed = 0
        detector.init(self)

    def getclass(self, name: str) -> Words:
        return Words()

    def set(self, **fields: Any) -> None:
        before = dict(self.issue.row)
        self.issue.row.update(fields)
        if "set" in self.issue.reactors:
            self.issue.reactors["set"](self, self.issue, "12", before)

    def commit(self) -> None:
        self.committed += 1

    def rollback(self) -> None:
        self.issue.row["status"] = "1"


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyRoute]:
    """A door that takes everything, and a detector that does not wait long between tries."""
    monkeypatch.setattr(detector, "PAUSES_S", (0, 0.05, 0.1))
    with FaultyRoute(None) as route:
        yield route
        until(lambda: detector._sender is None, "the sender thread to end", 5)


def test_one_message_per_transaction_from_what_was_committed(door: FaultyRoute) -> None:
    """Two changes of one transaction are one message: the last state, and what it was before the first."""
    tracker = Tracker(door.url)
    tracker.set(title="Leak at the pump")
    tracker.set(status="8", messages=["1"])
    assert not door.seen
    tracker.commit()
    until(lambda: door.seen, "the message")
    body = orjson.loads(door.seen[0].body)

    assert (body["issue"]["status"], body["issue"]["messages"], body["issue"]["id"]) == ("resolved", 1, "12")
    assert body["changed"] == ["messages", "status", "title"]
    assert body["old"] == {"messages": 0, "status": "unread", "title": "Leak"}


def test_a_rollback_is_forgotten_and_the_next_transaction_told(door: FaultyRoute) -> None:
    """Nothing of a rolled back transaction leaks into the next one of the same connection."""
    tracker = Tracker(door.url)
    tracker.set(status="8")
    tracker.rollback()
    tracker.commit()
    tracker.set(title="Other")
    tracker.commit()
    until(lambda: door.seen, "the message")

    assert [orjson.loads(one.body)["changed"] for one in door.seen] == [["title"]]
    assert tracker.committed == 2


def test_without_an_address_it_is_switched_off() -> None:
    """A tracker without our section in config.ini works as if the detector were not there."""
    tracker = Tracker("")
    tracker.set(status="8")
    tracker.commit()

    assert not tracker.issue.reactors


def test_three_tries_with_one_id_then_it_says_so(door: FaultyRoute, capsys: pytest.CaptureFixture[str]) -> None:
    """A door that refuses gets the same message three times; then standard error says which issue was not told."""
    door.next(status=503, times=3)
    tracker = Tracker(door.url, "a shared secret")
    tracker.set(status="8")
    tracker.commit()
    until(lambda: detector._sender is None and len(door.seen) == 3, "three tries")

    assert len({one.headers["webhook-id"] for one in door.seen}) == 1
    assert {one.headers["x-tieline-secret"] for one in door.seen} == {"a shared secret"}
    assert "issue12 not told after 3 tries" in capsys.readouterr().err


def test_a_fault_of_ours_never_reaches_the_person_who_saves(door: FaultyRoute, capsys: pytest.CaptureFixture[str]) -> None:
    """Even when the message cannot be made, the commit has happened and returns."""
    tracker = Tracker(door.url)
    tracker.set(status="no such number")
    tracker.commit()

    assert tracker.committed == 1
    assert "tieline detector" in capsys.readouterr().err
