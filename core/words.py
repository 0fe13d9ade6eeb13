"""
The shared vocabulary as types. docs/glossary.md is tested against this file.

Times in rows and on the hot path are integers: microseconds since 1970-01-01 UTC
(``Micros``). At every border (API, CLI, pages) they become RFC 3339 with a zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Micros: TypeAlias = int
"""Microseconds since the epoch, UTC."""

Json: TypeAlias = Any
"""What strict JSON can hold: None, bool, int, float, str, list, dict with str keys."""


class State(StrEnum):
    """
    Where an accepted delivery, an event or an action stands: the five words of the accounting identity.

    accepted = done + skipped(reason) + waiting(next time) + held(by whom) + dead(reason)
    """

    WAITING = "waiting"  #: will be looked at again at ``next_at``
    HELD = "held"  #: waits for a person or a repair named in ``held_by``
    DONE = "done"
    SKIPPED = "skipped"  #: rightly not done; ``reason`` says why
    DEAD = "dead"  #: given up; ``reason`` says why; kept, can be replayed


class Origin(StrEnum):
    """How a delivery reached us."""

    PUSH = "push"
    POLL = "poll"
    REPLAY = "replay"


class FieldState(StrEnum):
    """The four states of a field, never confused."""

    PRESENT = "present"
    NULL = "null"
    MISSING = "missing"
    INVALID = "invalid"


class Verdict(StrEnum):
    """What a bridge decided about one event."""

    FIRED = "fired"
    NOT_MATCHED = "not_matched"  #: the first false clause is recorded
    ERROR = "error"  #: the condition could not be evaluated; never treated as true or false


@dataclass(frozen=True, slots=True)
class Record:
    """
    One thing a connector saw in the foreign system, in the foreign system's own words.

    ``stream`` names the declared shape of ``data``. ``at`` is the source's own time of this
    state of the record (None when it gives none). ``version`` is the source's version mark
    (an ETag, an activity time), used to recognise our own writes. ``actor`` is the foreign
    user who caused it. ``hint`` is a master ID that we wrote there earlier, if any.
    """

    stream: str
    external_id: str
    data: dict[str, Json]
    at: Micros | None = None
    version: str | None = None
    actor: str | None = None
    hint: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """
    One polled page: the records, the cursor to store with them, and whether more waits now.

    ``body`` is what is kept as the delivery (JSON bytes that ``Kind.parse`` reads back into ``records``).
    """

    body: bytes
    cursor: Json
    more: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """The raw bytes that arrived, with what is needed to parse them again at any time."""

    receipt: str
    connector: str
    body: bytes
    headers: dict[str, str]
    received_at: Micros
    origin: Origin = Origin.PUSH
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came back from an act.

    ``external_id`` names what was created or changed; ``version`` and ``fields`` are what the far
    side now holds (echo recognition compares them); ``note`` tells people about a degraded effect
    ("acknowledged, not closed: the trigger forbids manual close"). ``repeated`` means the effect was
    found already there (look before writing), so nothing was written again.
    """

    external_id: str | None = None
    version: str | None = None
    fields: dict[str, Json] = field(default_factory=dict)
    note: str | None = None
    degraded: bool = False
    repeated: bool = False
    request: Json = None
    response: Json = None


@dataclass(frozen=True, slots=True)
class Verified:
    """
    What reading back showed: ``held`` is True when the far side now holds what we wrote.

    ``caused`` are fields of the record that the far side itself set because of our write (when the close
    took effect); with the act's own fields they are what an echo may say.
    """

    held: bool
    seen: dict[str, Json] = field(default_factory=dict)
    why: str = ""
    caused: dict[str, Json] = field(default_factory=dict)
    final: bool = True
    """False when the far side needs a moment and the verification is to be repeated soon."""


@dataclass(frozen=True, slots=True)
class Found:
    """
    The answer of a lookup: values with their age and source.

    ``values`` holds the declared output fields; ``at`` is the source's time of the value, or the
    time it was fetched; ``source`` is a readable place: ``zabbix history.get item 44520``.
    ``absent`` is True when the far side answered that there is nothing.
    """

    values: dict[str, Json]
    at: Micros | None
    source: str
    absent: bool = False
