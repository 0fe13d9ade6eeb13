"""
Issues as records, from three forms that say the same: a row of a list, one item, and our detector's message. Pure.

Roundup's times carry whole seconds and no zone; over REST they are UTC. The version of a record is its
activity time with its actor: two people within one second are told apart, and our own writes carry our name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.kit.shapes import shaped
from connectors.roundup.kind import ISSUES, RoundupSettings
from core.clock import from_datetime, to_rfc3339
from core.errors import MalformedError, TielineError
from core.strict import read_json
from core.words import Delivery, Json, Micros, Record

POLLED = "polled"  #: the key that marks a page of ours
ASKED = tuple(field.name for field in ISSUES.fields if field.name not in ("id", "url"))
"""The properties that are asked of Roundup; the id comes by itself and the page's address is made from it."""

_TIMES = ("activity", "creation")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d{2}:\d{2}:\d{2})(\.\d+)?")


def parse(delivery: Delivery, settings: RoundupSettings) -> list[Record]:
    """Read a polled page, or a message of our detector, into records. Pure."""
    body = read_json(delivery.body)
    if not isinstance(body, dict) or not (POLLED in body or isinstance(body.get("issue"), dict)):
        raise MalformedError(
            "The body is not one of our detector's messages.",
            why="It has no object `issue`.",
            fix="Install connectors/roundup/detector.py in the tracker; other bodies are not understood.",
        )
    try:
        found = body["issues"] if POLLED in body else [body["issue"]]
        return [record(one, settings.shown_address) for one in found]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(
            "An issue lacks something every issue has.",
            why=f"{type(error).__name__}: {error}.",
            fix="Install the detector again; if it was polled, report it with the version of Roundup.",
        ) from error


def record(issue: Mapping[str, Any], address: str) -> Record:
    """Return one issue as a record."""
    data = shaped(fields(issue, address), ISSUES.fields, "An issue")
    at = moment(issue.get("activity"))
    return Record(
        stream="issues",
        external_id=data["id"],
        data=data,
        at=at,
        version=version(data),
        actor=data.get("actor"),
        hint=data.get("tieline_ref") or None,
    )


def fields(issue: Mapping[str, Any], address: str) -> dict[str, Json]:
    """Return the declared fields: links as labels, lists as their length, times as RFC 3339. What is absent stays absent."""
    number = number_of(issue["id"])
    found: dict[str, Json] = {"id": number}
    for name in ASKED:
        if name in issue:
            found[name] = to_rfc3339(moment(issue[name])) if name in _TIMES else _plain(issue[name])
    return found | {"url": f"{address}issue{number}"}


def version(data: Mapping[str, Json]) -> str | None:
    """Return the mark of this state: when and by whom. It names a moment, not a content."""
    return f"{data['activity']}/{data.get('actor') or ''}" if data.get("activity") else None


def moment(text: Any) -> Micros | None:
    """
    Read a time as Roundup writes it.

    >>> moment("2026-11-22.07:37:07"), moment(None)
    (1795333027000000, None)
    """
    if text is None:
        return None
    found = _TIME.fullmatch(str(text))
    if found is None:
        raise MalformedError(
            f"{str(text)[:40]!r} is not a time of Roundup.",
            why="It writes 2026-11-22.07:37:07.",
            fix="Report it with its version.",
        )
    return from_datetime(datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))


def written(at: Micros) -> str:
    """
    Write a time for a filter; without the zone Roundup would read it in our user's own zone.

    >>> written(1795333027000000)
    '2026-11-22.07:37:07+0000'
    """
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%d.%H:%M:%S+0000")


def number_of(text: Json) -> str:
    """
    Return the number of an issue from ``12`` or ``issue12``; anything else is refused.

    >>> number_of("issue12"), number_of("12")
    ('12', '12')
    """
    found = re.fullmatch(r"(?:issue)?([0-9]{1,18})", str(text).strip())
    if found is None:
        raise MalformedError(
            f"{str(text)[:40]!r} is not the number of an issue.",
            why="Roundup numbers them: 12.",
            fix="Give the ticket's own number.",
        )
    return found[1]


def _plain(value: Any) -> Json:
    """A link is its label, a list its length; the number of a linked list from the detector is a number already."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict):
        labels = [text for name, text in value.items() if name not in ("id", "link")]
        return str(labels[0]) if labels else str(value["id"])
    return value
