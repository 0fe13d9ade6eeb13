"""The words of this room: what a facet asks, what came back, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from core.words import Json, Micros


class Status(StrEnum):
    """How a facet stands at the moment of freezing."""

    OK = "ok"
    STALE = "stale"  #: the value is older than the recipe allows
    LATE = "late"  #: not there when the snapshot was frozen
    DENIED = "denied"  #: the far side does not let us in, or not to this
    ABSENT = "absent"  #: the far side answered that there is nothing, or there was nothing to ask about
    FAILED = "failed"  #: any other error; the reason says which


@dataclass(frozen=True, slots=True)
class Question:
    """
    One facet, ready to be asked: everything that needs the database is known.

    ``settled`` is the answer where there is nothing to ask (a field without a value, an entity that the
    connector does not know).
    """

    name: str
    connector: str
    lookup: str
    connector_id: int | None
    inputs: dict[str, Json]
    wait_s: float
    stale_after_s: int | None = None
    title: dict[str, str] | None = None
    settled: Answer | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one facet brought back, before its age is judged. ``at`` is the source's time of the value."""

    status: Status
    reason: str | None = None
    values: dict[str, Json] | None = None
    units: dict[str, str] = field(default_factory=dict)
    source: str | None = None
    at: Micros | None = None
    fetched_at: Micros | None = None
    took_ms: int | None = None
