"""
Silences: one alert, by all its labels, for a while.

Alertmanager has no "resolve": what a rule still sees fires again. So while somebody works on an alert it is
silenced. Our silences carry our author and a mark with the alert's fingerprint and the key of the write in
their comment; by that the same write is found again, and all of ours for one alert can be ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.alertmanager.parse import fingerprint_of
from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.http import Client
from core.clock import SECOND, to_rfc3339
from core.errors import InputError, RefusedError
from core.jsons import sha256
from core.words import Json, Micros, Outcome, Verified

LONGEST_HOURS, USUAL_HOURS = 720.0, 4.0
_LIVE = ("active", "pending")


class AlertGoneError(RefusedError):
    """There is no such alert now, so nobody knows the labels that a silence would need."""

    code = "alert-gone"
    title, title_zh = "The alert is gone", "告警已不存在"


def silence(client: Client, author: str, arguments: Mapping[str, Json], key: str, now: Micros) -> Outcome:
    """Silence an alert unless this write did so already."""
    fingerprint, span = fingerprint_of(arguments.get("id")), _span(arguments.get("hours"))
    comment = str(arguments.get("comment") or "").strip()
    if not comment:
        raise InputError("The comment is empty.", why="Alertmanager demands one, and people read it.", fix="Give a comment.")
    mark = _mark(fingerprint, key)
    for one in _ours(client, author):
        if mark in one["comment"]:
            return Outcome(str(one["id"]), str(one["updatedAt"]), {}, note="It is silenced already.", repeated=True)
    alert = _alert(client, fingerprint, str(arguments.get("id")))
    body = {
        "matchers": [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in sorted(alert["labels"].items())],
        "startsAt": to_rfc3339(now),
        "endsAt": to_rfc3339(now + span),
        "createdBy": author,
        "comment": f"{comment} {mark}",
    }
    answer = client.post("api/v2/silences", json=body)
    made = answer.json()
    if not isinstance(made, dict) or not isinstance(made.get("silenceID"), str):
        raise _strange("a silence without its id", answer.place)
    return Outcome(made["silenceID"], None, {}, request=body, response=made)


def unsilence(client: Client, author: str, arguments: Mapping[str, Json]) -> Outcome:
    """End all of our silences for an alert; where none is left, nothing is written."""
    name = str(arguments.get("id"))
    ours = [one for one in _ours(client, author) if _mark(fingerprint_of(name)) in one["comment"]]
    for one in ours:
        client.request("DELETE", f"api/v2/silence/{one['id']}")
    note = None if ours else "None of our silences was there."
    return Outcome(name, None, {}, note=note, repeated=not ours, response={"ended": [one["id"] for one in ours]})


def verify(client: Client, author: str, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
    """Read the silences back."""
    ours = [one for one in _ours(client, author) if _mark(fingerprint_of(arguments.get("id"))) in one["comment"]]
    if name == "unsilence":
        left = [one["id"] for one in ours]
        return Verified(not left, {"silences": left}, "" if not left else f"{len(left)} of our silences are left.")
    held = any(one["id"] == outcome.external_id for one in ours)
    return Verified(held, {"silences": [one["id"] for one in ours]}, "" if held else "The silence is not there or has ended.")


def listed(client: Client) -> list[dict[str, Any]]:
    """Return every silence, ended ones included."""
    answer = client.get("api/v2/silences")
    found = answer.json()
    if not isinstance(found, list):
        raise _strange("no list of silences", answer.place)
    return [one for one in found if isinstance(one, dict)]


def _ours(client: Client, author: str) -> list[dict[str, Any]]:
    live = [one for one in listed(client) if (one.get("status") or {}).get("state") in _LIVE]
    return [one for one in live if one.get("createdBy") == author and isinstance(one.get("comment"), str)]


def _alert(client: Client, fingerprint: str, name: str) -> dict[str, Any]:
    answer = client.get("api/v2/alerts")
    found = answer.json()
    if not isinstance(found, list):
        raise _strange("no list of alerts", answer.place)
    for one in found:
        if isinstance(one, dict) and one.get("fingerprint") == fingerprint and isinstance(one.get("labels"), dict):
            return one
    raise AlertGoneError(
        f"Alertmanager has no alert {name} now.",
        why="It was resolved, or its id is another system's.",
        fix="None needed where it was resolved: there is nothing left to silence.",
    )


def _mark(fingerprint: str, key: str | None = None) -> str:
    """
    Return the mark of one write, or what the marks of all writes for one alert begin with.

    >>> _mark("20cf", "rule/evt/act")
    '[tieline 20cf c927f150]'
    """
    return f"[tieline {fingerprint} " + (f"{sha256(key.encode())[:8]}]" if key is not None else "")


def _span(hours: Json) -> Micros:
    try:
        given = USUAL_HOURS if hours is None else float(hours)
    except (TypeError, ValueError):
        given = 0.0
    if not 0.01 <= given <= LONGEST_HOURS:
        raise InputError(
            f"{str(hours)[:40]!r} hours is no time to be silent.",
            why=f"It is a number from 0.01 to {LONGEST_HOURS:.0f}.",
            fix="Correct hours.",
        )
    return round(given * 3600) * SECOND


def _strange(what: str, place: str) -> UnreadableAnswerError:
    return UnreadableAnswerError(
        f"Alertmanager answered {place} with {what}.",
        why="API v2 promises another form.",
        fix="See whether url leads to an Alertmanager.",
    )
