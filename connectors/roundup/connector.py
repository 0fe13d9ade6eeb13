"""The roundup connector: composes the tracker's interface with what the kind offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.shapes import shaped
from connectors.roundup import acts, poll
from connectors.roundup.check import check
from connectors.roundup.issues import fields, parse
from connectors.roundup.kind import ROUNDUP, RoundupSettings
from connectors.roundup.tracker import Tracker
from core.clock import Clock
from core.errors import InputError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

MOST_TICKETS = 50
SHOWN = ("id", "title", "status", "priority", "part", "creation", "activity", "url")


class Roundup(Connector):
    """One registered tracker. Threads share the pool."""

    kind: ClassVar[Kind] = ROUNDUP

    def __init__(self, name: str, settings: RoundupSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._tracker = Tracker(settings)
        self._address = settings.shown_address

    def check(self) -> CheckReport:
        """Only read; see check.py for what each step proves."""
        return check(self._tracker, self.settings, self.clock.now())

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page or a message of our detector."""
        return parse(delivery, settings)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read one page of issues, oldest change first."""
        self.kind.stream(stream)
        span = {"overlap_s": self.settings.overlap_s, "history_days": self.settings.history_days}
        return poll.issues(self._tracker, cursor, limit, now=self.clock.now(), **span)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read the last tickets of one machine."""
        self.kind.lookup(name)
        machine = inputs.get("machine")
        if not isinstance(machine, str) or not machine.strip():
            raise InputError("No machine is named.", why="The lookup needs one.", fix="Give the machine's technical name.")
        except_ref = inputs.get("except_ref")
        rows, count = poll.recent(
            self._tracker, machine, _limit(inputs.get("limit")), str(except_ref) if except_ref else None, timeout_s
        )
        shown = [fields(row, self._address) for row in rows]
        tickets = [{field: one[field] for field in SHOWN if field in one} for one in shown]
        source = f"roundup issue, machine {machine}"
        return Found({"tickets": tickets, "count": count}, self.clock.now(), source, absent=not tickets)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Create, change or comment; what is there already is found and not written again."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        author = self.settings.username
        if name == "create_ticket":
            return acts.create(self._tracker, arguments, key, self._address, author)
        if name == "update_ticket":
            return acts.update(self._tracker, arguments, self._address)
        return acts.add_message(self._tracker, arguments, key, self._address, author)

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the issue back."""
        self.kind.act(name)
        return acts.verify(self._tracker, name, arguments, outcome, self._address)

    def close(self) -> None:
        """Give back the sockets."""
        self._tracker.client.close()


def _limit(given: Json) -> int:
    """
    Read a limit that may come as text from a recipe.

    >>> _limit("3"), _limit(None)
    (3, 3)
    """
    try:
        limit = 3 if given is None else int(given)
    except (TypeError, ValueError):
        limit = 0
    if not 1 <= limit <= MOST_TICKETS:
        raise InputError(
            f"The limit {given!r} cannot be used.", why=f"It is a number from 1 to {MOST_TICKETS}.", fix="Correct it."
        )
    return limit
