"""Issues as records, from a list, from one item and from our plug-in's message, which say the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.kit.shapes import shaped
from connectors.redmine.kind import ISSUES, OWN_FIELDS, RedmineSettings
from core.clock import from_rfc3339, to_rfc3339
from core.errors import MalformedError, TielineError
from core.jsons import sha256
from core.strict import read_json
from core.words import Delivery, Json, Record

POLLED = "polled"  #: the key that marks a page of ours


def parse(delivery: Delivery, settings: RedmineSettings) -> list[Record]:
    """Read a polled page, or a message of our plug-in, into records. Pure."""
    body = read_json(delivery.body)
    if not isinstance(body, dict) or not (POLLED in body or isinstance(body.get("issue"), dict)):
        raise MalformedError(
            "The body is not one of our plug-in's messages.",
            why="It has no object `issue`.",
            fix="Install connectors/redmine/plugin in Redmine; other bodies are not understood.",
        )
    try:
        if POLLED in body:
            return [_record(fields(one, settings)) for one in body["issues"]]
        return [_record({**fields(body["issue"], settings), "actor": body.get("actor")})]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedError(
            "An issue lacks something every issue has.",
            why=f"{type(error).__name__}: {error}.",
            fix="Install the plug-in again; if it was polled, report it with the version of Redmine.",
        ) from error


def fields(issue: Mapping[str, Any], settings: RedmineSettings) -> dict[str, Json]:
    """Return the declared fields: linked things by their names, custom fields by ours, times as RFC 3339."""
    number = number_of(issue["id"])
    found: dict[str, Json] = {"id": number, "title": issue.get("subject"), "status": issue["status"]["name"]}
    if "is_closed" in issue["status"]:
        found["closed"] = issue["status"]["is_closed"]
    for ours, theirs in (("priority", "priority"), ("tracker", "tracker"), ("author", "author"), ("assignedto", "assigned_to")):
        found[ours] = issue[theirs]["name"] if issue.get(theirs) else None
    values = {one["id"]: one.get("value") for one in issue.get("custom_fields") or ()}
    for name in OWN_FIELDS:
        at = settings.custom_fields.get(name)  # type: ignore[call-overload]
        if at in values:
            found[name] = values[at] or None
    found["activity"] = to_rfc3339(from_rfc3339(issue["updated_on"]))
    found["creation"] = to_rfc3339(from_rfc3339(issue["created_on"]))
    return found | {"url": f"{settings.url.rstrip('/')}/issues/{number}"}


def version(data: Mapping[str, Json]) -> str:
    """Return the mark of a state: its second, and what it holds, because a second may hold several changes."""
    return f"{data['activity']}/{sha256({name: value for name, value in data.items() if name not in ('actor', 'closed')})[:8]}"


def number_of(text: Json) -> str:
    """
    Return the number of an issue from ``12`` or ``#12``; anything else is refused.

    >>> number_of("#12"), number_of(12)
    ('12', '12')
    """
    found = re.fullmatch(r"#?([0-9]{1,18})", str(text).strip())
    if found is None or isinstance(text, bool):
        raise MalformedError(
            f"{str(text)[:40]!r} is not the number of an issue.",
            why="Redmine numbers them: 12.",
            fix="Give the ticket's own number.",
        )
    return found[1]


def _record(data: dict[str, Json]) -> Record:
    shaped(data, ISSUES.fields, "An issue")
    return Record(
        stream="issues",
        external_id=data["id"],
        data=data,
        at=from_rfc3339(data["activity"]),
        version=version(data),
        actor=data.get("actor"),
        hint=data.get("tieline_ref") or None,
    )
