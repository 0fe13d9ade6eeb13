"""
Zabbix' events and our media type's bodies, as one record shape. Pure: no network, no clock.

``Record.at`` is the newest time Zabbix itself gives for this state: of the problem, of its updates, of
its recovery. Pushes carry whole seconds, so polls are cut to whole seconds too; a resolved record gets
one microsecond more, because a problem event never re-opens (Zabbix opens a new one) and within one
second the resolved state is therefore the later one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.zabbix.kind import SEVERITIES
from connectors.zabbix.texts import flag, identity, no_identity, seconds, text
from core.clock import SECOND
from core.errors import MalformedError, UnknownVocabularyError
from core.jsons import loads
from core.words import Json, Micros, Record

CLOSE, ACKNOWLEDGE, MESSAGE = 1, 2, 4
"""Bits of event.acknowledge (and of the ``action`` of what it left behind)."""

STATUSES = {"PROBLEM": "problem", "RESOLVED": "resolved"}
ANSWERS = {"Yes": True, "No": False}
_MACRO = re.compile(r"\{[A-Z]+(\.[A-Z0-9]+)+\}|\*UNKNOWN\*")


def from_event(event: Mapping[str, Any], r_clocks: Mapping[str, Any]) -> Record:
    """Read one polled event (event.get with hosts, tags, acknowledges and the trigger)."""
    resolved = not no_identity(event["r_eventid"])
    r_eventid = identity(event, "r_eventid") if resolved else None
    r_clock = seconds(r_clocks, r_eventid) if r_eventid and r_eventid in r_clocks else None
    clock = seconds(event, "clock")
    updates = event.get("acknowledges") or []
    hosts = event.get("hosts") or []
    trigger = event.get("relatedObject") or {}
    data: dict[str, Json] = {
        "eventid": identity(event, "eventid"),
        "objectid": identity(event, "objectid"),
        "name": text(event, "name"),
        "severity": severity(event["severity"], None),
        "status": "resolved" if resolved else "problem",
        "acknowledged": flag(event, "acknowledged"),
        "host": {name: text(hosts[0], name) for name in ("hostid", "host", "name")} if hosts else None,
        "tags": _tags(event.get("tags")),
        "clock": clock,
        "r_eventid": r_eventid,
        "r_clock": r_clock,
    }
    if event.get("opdata"):  # empty where the trigger defines none; a push carries item values then, which are kept
        data["opdata"] = text(event, "opdata")
    if "manual_close" in trigger:
        data["manual_close"] = flag(trigger, "manual_close")
    moments = [clock, *(seconds(update, "clock") for update in updates), *([r_clock] if r_clock else [])]
    return Record("problems", data["eventid"], data, at=_at(moments, resolved=resolved), actor=_actor(updates, resolved))


def from_push(body: Mapping[str, Any], zone: str) -> Record:
    """Read one body of our media type (push.py): flat strings, where a macro without a value stays literal."""
    said = {name: _said(value) for name, value in body.items()}
    for name in ("event_id", "event_name", "event_status", "event_date", "event_time"):
        if said.get(name) is None:
            raise MalformedError(
                f"The pushed body has no {name}.",
                why=f"It holds {body.get(name)!r}." if name in body else f"It holds only: {', '.join(sorted(body)[:20])}.",
                fix="Use the media type that connectors/zabbix/push.py prints; other bodies are not understood.",
            )
    status = _word("event_status", said["event_status"], STATUSES)
    resolved = status == "resolved"
    clock = _moment(said, "event", zone)
    r_clock = _moment(said, "event_recovery", zone) if resolved else None
    updated = _moment(said, "event_update", zone)
    hostid = said.get("host_id")
    data: dict[str, Json] = {
        "eventid": identity(said, "event_id"),
        "name": said["event_name"],
        "severity": severity(said.get("event_nseverity"), said.get("event_severity")),
        "status": status,
        "acknowledged": _word("event_ack", said.get("event_ack") or "No", ANSWERS),
        "host": {"hostid": hostid, "host": said.get("host") or "", "name": said.get("host_name") or ""} if hostid else None,
        "tags": _tags(_pushed_tags(body.get("event_tags"))),
        "clock": clock,
        "r_eventid": said.get("event_recovery_id") if resolved else None,
        "r_clock": r_clock,
    }
    if said.get("trigger_id"):
        data["objectid"] = identity(said, "trigger_id")
    if said.get("event_opdata") is not None:
        data["opdata"] = said["event_opdata"]
    untold = (resolved and r_clock is None) or (said.get("event_update") == "1" and updated is None)
    moments = [moment for moment in (clock, updated, r_clock) if moment is not None]
    at = None if untold else _at(moments, resolved=resolved)  # a time that is too old would make the newest state stale
    return Record("problems", str(data["eventid"]), data, at=at, actor=_pushed_actor(said))


def severity(number: Any, word: Any) -> str:
    """
    Return "0" to "5"; the number decides, the word only where there is no number; never a default.

    >>> severity("4", "High"), severity(None, "Disaster")
    ('4', '5')
    """
    if number is not None and str(number) in ("0", "1", "2", "3", "4", "5"):
        return str(number)
    if number is None and word in SEVERITIES:
        return str(SEVERITIES.index(word))
    raise UnknownVocabularyError(
        f"Zabbix names a severity we do not know: {word if number is None else number!r}.",
        why="Known are 0 to 5, and without a number: " + ", ".join(SEVERITIES) + ".",
        fix="Send {EVENT.NSEVERITY} (push.py does); renamed severities are understood by their number.",
        known=[*"012345"],
    )


def _word(name: str, word: Any, known: Mapping[str, Any]) -> Any:
    if word in known:
        return known[word]
    raise UnknownVocabularyError(
        f"The pushed field {name} holds a word we do not know: {word!r}.",
        why=f"Known are: {', '.join(known)}.",
        fix="Use the media type that connectors/zabbix/push.py prints.",
        known=list(known),
    )


def _said(value: Any) -> str | None:
    """Return what a macro was expanded to; None where it stayed literal or unknown."""
    if not isinstance(value, str) or _MACRO.fullmatch(value.strip()):
        return None
    return value


def _moment(said: Mapping[str, str | None], what: str, zone: str) -> int | None:
    """Read a pushed time: the timestamp where the server is new enough to send one, else date, time and our zone."""
    day, hour = said.get(f"{what}_date"), said.get(f"{what}_time")
    if said.get(f"{what}_timestamp"):
        return seconds(said, f"{what}_timestamp")
    if not day or not hour:
        return None
    try:
        local = datetime.strptime(f"{day} {hour}", "%Y.%m.%d %H:%M:%S").replace(tzinfo=ZoneInfo(zone))
        return seconds({what: int(local.timestamp())}, what)
    except (ValueError, OverflowError) as error:
        raise MalformedError(
            f"The pushed time {day!r} {hour!r} cannot be read.",
            why="Zabbix writes 2026.11.22 and 07:25:17.",
            fix="Use the media type that connectors/zabbix/push.py prints.",
        ) from error


def _at(moments: list[int], *, resolved: bool) -> Micros:
    return max(moments) * SECOND + (1 if resolved else 0)


def _actor(updates: list[Mapping[str, Any]], resolved: bool) -> str | None:
    """Name who brought the event into this state: who closed it, else who updated it last; None is Zabbix itself."""
    newest = sorted(updates, key=lambda update: (seconds(update, "clock"), int(update["acknowledgeid"])), reverse=True)
    if resolved:
        newest = [update for update in newest if int(update["action"]) & CLOSE]
    if not newest:
        return None
    named = [name for name in ("username", "alias", "userid") if newest[0].get(name)]  # alias: before 5.4
    return text(newest[0], named[0]) if named else None


def _pushed_actor(said: Mapping[str, str | None]) -> str | None:
    """
    Name the user of an update; {USER.FULLNAME} is "name surname (login)".

    >>> _pushed_actor({"event_update": "1", "user": "  (gateway)"})
    'gateway'
    """
    if said.get("event_update") != "1":
        return None
    found = re.search(r"\(([^()]+)\)\s*$", said.get("user") or "")
    return found.group(1) if found else None


def _pushed_tags(tags: Any) -> Any:
    if not isinstance(tags, str):
        return tags
    if _said(tags) is None or not tags.strip():
        return []
    try:
        return loads(tags)
    except ValueError as error:
        raise MalformedError(
            "The pushed field event_tags is not JSON.", why=f"{error}.", fix="Fill it with {EVENT.TAGSJSON}."
        ) from error


def _tags(tags: Any) -> list[dict[str, str]]:
    """Sort by tag and value: polls and pushes give them in different orders."""
    try:
        found = [{"tag": text(one, "tag"), "value": text(one, "value")} for one in tags or []]
    except (TypeError, KeyError, AttributeError) as error:
        raise MalformedError(
            "The tags of an event cannot be read.",
            why="They are not a list of {tag, value}.",
            fix="Fill event_tags with {EVENT.TAGSJSON}.",
        ) from error
    return sorted(found, key=lambda one: (one["tag"], one["value"]))
