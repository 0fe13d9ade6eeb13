"""
Polling: every open problem, everything that ended since, and everything that came and went in between.

A push can be lost (Zabbix gives up after three tries), so a poll may not rest on pushes. One round has
three phases: *open* (all open problems, because their severity and acknowledgement change), *gone* (those
that the last round had open and this one has not), *new* (problem events younger than the youngest ever
seen: those that began and ended while nobody looked). The cursor carries the open list from round to
round, so it does not matter how long we were away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connectors.zabbix.hosts import WANTED
from connectors.zabbix.parse import POLLED
from core.errors import RefusedError
from core.jsons import dumps
from core.words import Json, Page

Call: TypeAlias = Callable[..., Any]
"""``call("problem.get", {...}, timeout_s=…)``: one API call, errors already in our words."""

OVERLAP = 50  #: ids the *new* phase looks back: concurrent database syncers may commit a smaller id later
_NEXT = {"open": "gone", "gone": "new", "new": ""}


@dataclass(slots=True)
class Round:
    """Where a round stands; it is the cursor, as JSON, between two pages."""

    phase: str = "open"
    after: int = 0  #: the *open* phase has read up to this id
    seen: list[int] = field(default_factory=list)  #: open in this round
    open: list[int] = field(default_factory=list)  #: open in the last round
    last: int = -1  #: the youngest problem event ever seen; -1: none yet
    recent: list[int] = field(default_factory=list)  #: handled ids within the overlap

    @classmethod
    def at(cls, cursor: Json) -> Round:
        """Read the cursor of the last page; None starts with what is open now."""
        return cls(**cursor) if cursor else cls()

    def cursor(self) -> Json:
        """Return what the next page starts from."""
        names = ("phase", "after", "seen", "open", "last", "recent")
        return {name: getattr(self, name) for name in names}


def problems(call: Call, cursor: Json, limit: int) -> Page:
    """Read one page of at most ``limit`` problems."""
    at = Round.at(cursor)
    ids: list[int] = []
    unseen: set[int] = set()
    while at.phase and len(ids) < limit:
        known = set(at.open)  # those of the last round; the gone ones are among them
        found = _PHASES[at.phase](call, at, limit - len(ids), set(ids))
        ids += found
        unseen |= set(found) - known
    more = bool(at.phase)
    events = details(call, ids)
    for event in events:
        if int(event["eventid"]) not in unseen:
            event.pop("opdata", None)  # a live value: told once, or every poll of every open problem would be a change
    ended = {int(event["eventid"]) for event in events if str(event["r_eventid"]) != "0"}
    begun = {int(event["eventid"]) for event in events} - ended
    at.seen = sorted({*at.seen, *begun} - ended)
    if not more:
        at = Round(open=at.seen, last=at.last, recent=at.recent)
    missing = set(ids) - {int(event["eventid"]) for event in events}
    body = {
        POLLED: "problems",
        "events": events,
        "r_clocks": _recovery_clocks(call, events),
        "gone": [str(eventid) for eventid in sorted(missing)],
    }
    return Page(dumps(body).encode(), at.cursor(), more=more, count=len(ids))


def _open(call: Call, at: Round, room: int, have: set[int]) -> list[int]:
    del have
    found = _ids(
        call("problem.get", {"output": ["eventid"], "eventid_from": str(at.after + 1), "sortfield": ["eventid"], "limit": room})
    )
    if found and found[-1] <= at.after:
        raise RefusedError(
            "Zabbix repeats a page of problems.",
            why=f"Asked for ids above {at.after}, it answered up to {found[-1]}.",
            fix="Report it with the Zabbix version; polling would never end.",
        )
    at.seen += found
    at.after = found[-1] if found else at.after
    if len(found) < room:
        at.phase = _NEXT["open"]
    return found


def _gone(call: Call, at: Round, room: int, have: set[int]) -> list[int]:
    del call, have
    gone = sorted(set(at.open) - set(at.seen))
    if len(gone) <= room:
        at.phase = _NEXT["gone"]
    at.open = gone[room:]
    return gone[:room]


def _new(call: Call, at: Round, room: int, have: set[int]) -> list[int]:
    asked: dict[str, Any] = {"output": ["eventid"], "source": 0, "object": 0, "value": 1, "sortfield": ["eventid"]}
    if at.last < 0:
        newest = _ids(call("event.get", {**asked, "sortorder": "DESC", "limit": 1}))
        at.last = max([0, *newest, *at.seen])
        at.phase = _NEXT["new"]
        return []
    known = {*at.seen, *at.recent, *have}
    start = max(at.last - OVERLAP, 0) + 1
    found = _ids(call("event.get", {**asked, "eventid_from": str(start), "limit": room + OVERLAP}))
    fresh = [eventid for eventid in found if eventid not in known][:room]
    if len(fresh) < room and len(found) < room + OVERLAP:
        at.phase = _NEXT["new"]
    at.last = max([at.last, fresh[-1] if len(fresh) == room else 0, *(found if len(fresh) < room else [])])
    at.recent = sorted(one for one in {*at.recent, *found} if at.last - OVERLAP < one <= at.last)
    return fresh


_PHASES = {"open": _open, "gone": _gone, "new": _new}


def details(call: Call, ids: list[int]) -> list[dict[str, Any]]:
    """Return whole events by id; problem.get knows no hosts, so event.get is asked."""
    if not ids:
        return []
    events: list[dict[str, Any]] = call(
        "event.get",
        {
            "eventids": [str(eventid) for eventid in ids],
            "output": ["eventid", "objectid", "name", "severity", "acknowledged", "clock", "r_eventid", "opdata"],
            "selectHosts": ["hostid", "host", "name"],
            "selectTags": "extend",
            "select_acknowledges": "extend",
            "selectRelatedObject": ["triggerid", "manual_close"],
            "sortfield": ["eventid"],
        },
    )
    _first_host_first(call, [event for event in events if len(event.get("hosts") or []) > 1])
    return events


def _first_host_first(call: Call, events: list[dict[str, Any]]) -> None:
    """Order the hosts of an event as {HOST.HOST} in a push does: the first one of the trigger's expression leads."""
    if not events:
        return
    triggers = call(
        "trigger.get",
        {"triggerids": sorted({event["objectid"] for event in events}), "output": ["expression"], "expandExpression": True},
    )
    first = {str(one["triggerid"]): _first_host(one["expression"]) for one in triggers}
    for event in events:
        leader = first.get(str(event["objectid"]))
        event["hosts"] = sorted(event["hosts"], key=lambda host: (host["host"] != leader, int(host["hostid"])))


def _first_host(expression: str) -> str | None:
    """
    Return the first host an expression names (5.4 and newer, and the older form).

    >>> _first_host("last(/press-07/plc.temp)>80"), _first_host("{press-07:plc.temp.last()}>80")
    ('press-07', 'press-07')
    """
    found = re.search(r"\(/([^/]+)/|\{([^:{}$]+):", expression)
    return (found.group(1) or found.group(2)) if found else None


def _recovery_clocks(call: Call, events: list[dict[str, Any]]) -> dict[str, int]:
    wanted = sorted({str(event["r_eventid"]) for event in events if str(event["r_eventid"]) != "0"})
    if not wanted:
        return {}
    found = call("event.get", {"eventids": wanted, "output": ["eventid", "clock"]})
    return {str(one["eventid"]): int(one["clock"]) for one in found}


def hosts(call: Call, cursor: Json, limit: int) -> Page:
    """Read one page of hosts by id; host.get has no offset, so the ids are read first and the page by id."""
    after = int((cursor or {}).get("after", 0))
    every = sorted(int(one["hostid"]) for one in call("host.get", {"output": ["hostid"]}))
    rest = [hostid for hostid in every if hostid > after]
    now = rest[:limit]
    found = call("host.get", {**WANTED, "hostids": [str(hostid) for hostid in now]}) if now else []
    more = len(rest) > len(now)
    body = {POLLED: "hosts", "hosts": sorted(found, key=lambda host: int(host["hostid"]))}
    return Page(dumps(body).encode(), {"after": now[-1]} if more else None, more=more, count=len(found))


def _ids(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(int(row["eventid"]) for row in rows)
