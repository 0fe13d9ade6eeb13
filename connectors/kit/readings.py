"""
Readings of machines, in one shape for every protocol: a number, a text or a claim, with its quality, unit and time.

What is not good is no number: a broken sensor's last value must never look like a measured one. A page holds the
points whose value (outside its deadband) or quality changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.kit.changes import changes
from connectors.kit.contract import Field, FieldType
from connectors.kit.shapes import shaped
from core.clock import from_rfc3339, to_rfc3339
from core.errors import MalformedError, TielineError
from core.jsons import canonical
from core.strict import read_json
from core.words import Json, Micros, Page, Record

STREAM = "readings"
POLLED = "polled"  #: the key that marks a page of ours

READING = (
    Field("point", FieldType.STRING, "name of the point, as the connector's settings have it", required=True),
    Field("value", FieldType.NUMBER, "the number; null where it is none, or not good"),
    Field("text", FieldType.STRING, "the text, where it is one"),
    Field("on", FieldType.BOOLEAN, "the claim, where it is one"),
    Field("quality", FieldType.STRING, "how far it may be trusted", required=True, words=("good", "uncertain", "bad")),
    Field("reason", FieldType.STRING, "what the machine says when it is not good"),
    Field("unit", FieldType.STRING, "unit, as the connector's settings have it"),
    Field("at", FieldType.TIME, "the source's time of the value, or when it was read", required=True),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One point at one moment."""

    point: str
    raw: Any
    quality: str
    at: Micros
    unit: str | None = None
    reason: str | None = None
    deadband: float = 0.0

    def fields(self) -> dict[str, Json]:
        """
        Return the declared fields.

        >>> Reading("t", 71.25, "bad", 0, reason="BadSensorFailure").fields()["value"] is None
        True
        """
        good = self.raw if self.quality != "bad" else None
        number = good if isinstance(good, int | float) and not isinstance(good, bool) and math.isfinite(good) else None
        return {
            "point": self.point,
            "value": number,
            "text": good if isinstance(good, str) else None,
            "on": good if isinstance(good, bool) else None,
            "quality": self.quality,
            "reason": self.reason,
            "unit": self.unit,
            "at": to_rfc3339(self.at),
        }

    def mark(self) -> Json:
        """Return what counts as a change: the value in steps of the deadband, and the quality."""
        fields = self.fields()
        number = fields["value"]
        if number is not None and self.deadband > 0:
            number = round(number / self.deadband)
        return [number, fields["text"], fields["on"], self.quality, self.reason]


def page(readings: Sequence[Reading], cursor: Json, limit: int) -> Page:
    """Return the page of what changed since the cursor."""
    now = {one.point: one for one in readings}
    found = changes({name: one.mark() for name, one in now.items()}, cursor, limit)
    shown = [now[name].fields() for name in found.fresh]
    # a point that was taken out of the settings is not gone from the machine: it is only no longer read
    more = found.more and bool(shown)
    return Page(canonical({POLLED: STREAM, "shown": shown}), found.cursor, more=more, count=len(shown))


def parse(body: bytes) -> list[Record]:
    """Read a page of ours into records. Pure."""
    content = read_json(body)
    try:
        return [_record(shaped(one, READING, "A reading")) for one in {STREAM: content["shown"]}[content[POLLED]]]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedError(
            "The page of readings cannot be read.",
            why=f"{type(error).__name__}: {error}.",
            fix="Only pages that Tieline polled itself are read here; a machine does not push.",
        ) from error


def _record(data: dict[str, Any]) -> Record:
    if not data["point"] or not data["quality"]:
        raise ValueError("a reading without a name or quality")
    return Record(STREAM, data["point"], data, at=from_rfc3339(data["at"]))
