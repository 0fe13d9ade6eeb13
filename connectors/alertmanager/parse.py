"""
Alerts into records, from a webhook of version 4 and from a polled page, purely.

Both name an alert by its fingerprint and its beginning, to the millisecond that the API shows. A group that
is firing may hold resolved alerts, so each alert's own status counts. 0001-01-01 means: not ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.alertmanager.kind import ALERTS
from connectors.kit.shapes import shaped
from core.clock import from_rfc3339, to_rfc3339
from core.errors import MalformedError, TielineError
from core.strict import read_json
from core.words import Json, Micros, Record

POLLED = "polled"  #: the key that marks a page of ours
_NEVER = "0001-"


def read_body(body: bytes) -> list[Record]:
    """Read a pushed group or a polled page."""
    content = read_json(body)
    if not isinstance(content, dict) or not (POLLED in content or isinstance(content.get("alerts"), list)):
        raise MalformedError(
            "The body is no message of Alertmanager.",
            why="It has no list `alerts`.",
            fix="Point a webhook_configs receiver of Alertmanager here; other bodies are not understood.",
        )
    try:
        if POLLED in content:
            gone = [_gone(name, kept) for name, kept in content["gone"].items()]
            return [_record(polled(one)) for one in content["shown"]] + [_record(one) for one in gone]
        return [_record(_pushed(one)) for one in content["alerts"]]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedError(
            "An alert lacks something every alert has.",
            why=f"{type(error).__name__}: {error}.",
            fix="Send webhooks of version 4; if it was polled, report it with the version of Alertmanager.",
        ) from error


def alert_id(one: Mapping[str, Any]) -> str:
    """Name one episode of an alert: the same labels at another time are another one."""
    return f"{one['fingerprint']}@{_shown(one['startsAt'])}"


def fingerprint_of(name: Json) -> str:
    """
    Return the fingerprint in an alert's id.

    >>> fingerprint_of("2059c467ea09fdba@2026-11-22T07:27:11.426Z")
    '2059c467ea09fdba'
    """
    return str(name).partition("@")[0].strip()


def polled(one: Mapping[str, Any]) -> dict[str, Json]:
    """Return the declared fields of an alert as the API shows it: what it shows holds."""
    status = one["status"]
    by = [str(each) for each in (*status["silencedBy"], *status["inhibitedBy"])]
    more: dict[str, Json] = {
        "status": "firing",
        "ends_at": None,
        "silenced": status["state"] == "suppressed",
        "silenced_by": by,
    }
    return {**_fields(one), **more}


def _pushed(one: Mapping[str, Any]) -> dict[str, Json]:
    ends = str(one.get("endsAt") or _NEVER)
    ended = one["status"] != "firing" and not ends.startswith(_NEVER)
    return {**_fields(one), "status": one["status"], "ends_at": _shown(ends) if ended else None}


def _gone(name: str, kept: Mapping[str, Any]) -> dict[str, Json]:
    fingerprint, _, starts = str(name).partition("@")
    return {**_labelled(name, fingerprint, dict(kept["labels"])), "status": "resolved", "starts_at": _shown(starts)}


def _fields(one: Mapping[str, Any]) -> dict[str, Json]:
    notes = dict(one.get("annotations") or {})
    return {
        **_labelled(alert_id(one), str(one["fingerprint"]), dict(one["labels"])),
        "summary": notes.get("summary") or notes.get("description"),
        "annotations": notes,
        "starts_at": _shown(one["startsAt"]),
        "generator_url": one.get("generatorURL") or None,
    }


def _labelled(name: str, fingerprint: str, labels: dict[str, Any]) -> dict[str, Json]:
    return {
        "id": name,
        "fingerprint": fingerprint,
        "alertname": str(labels.get("alertname") or ""),
        "severity": labels.get("severity"),
        "instance": labels.get("instance"),
        "labels": labels,
    }


def _record(fields: dict[str, Json]) -> Record:
    shaped(fields, ALERTS.fields, "An alert")
    ended = fields.get("ends_at")
    first = fields["status"] == "firing" and not fields.get("silenced")
    at: Micros | None = from_rfc3339(ended) if ended else from_rfc3339(fields["starts_at"]) if first else None
    return Record("alerts", str(fields["id"]), fields, at=at)


def _shown(text: str) -> str:
    at = from_rfc3339(text)
    return f"{str(to_rfc3339(at - at % 1000))[:-4]}Z"
