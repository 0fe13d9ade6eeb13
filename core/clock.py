"""Time enters here and nowhere else: a clock that the tests can hold still and move."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from core.words import Micros

SECOND: Micros = 1_000_000


class Clock(Protocol):
    """Whoever can say what time it is, in microseconds UTC."""

    def now(self) -> Micros: ...


class SystemClock:
    """The machine's clock; rows use the database's clock instead (``Database.now``)."""

    def now(self) -> Micros:
        """Return the wall-clock time in microseconds."""
        return time.time_ns() // 1000


class FixedClock:
    """A clock that stands still until it is moved; for tests and simulated hours."""

    def __init__(self, at: Micros = 1_767_225_600 * SECOND) -> None:
        self.at = at

    def now(self) -> Micros:
        """Return the time it was set to."""
        return self.at

    def move(self, by: timedelta | float) -> Micros:
        """Advance by a span (seconds when a number) and return the new time."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.at += round(seconds * SECOND)
        return self.at


def to_rfc3339(at: Micros | None) -> str | None:
    """
    Write a row's time for people and machines outside.

    >>> to_rfc3339(1_767_225_600_000_000)
    '2026-01-01T00:00:00.000000Z'
    """
    if at is None:
        return None
    moment = datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> Micros:
    """
    Read an RFC 3339 time; a time without a zone is refused because nobody can know what it means.

    >>> from_rfc3339("2026-01-01T08:00:00+08:00")
    1767225600000000
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return from_datetime(moment)


def from_datetime(moment: datetime) -> Micros:
    """Turn an aware datetime into microseconds."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86400 + delta.seconds) * SECOND + delta.microseconds
