"""
What a small Zabbix knows and how it behaves, without HTTP: hosts, items, triggers, events, updates, values.

The behaviour was recorded from Zabbix 6.0.14: event.acknowledge's bits, the close as a later task, a new
event after a manual close, history per value type, trends per finished hour, all values as strings.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

CLOSE, ACKNOWLEDGE, MESSAGE, SEVERITY, UNACKNOWLEDGE = 1, 2, 4, 8, 16
SEVERITIES = ("Not classified", "Information", "Warning", "Average", "High", "Disaster")
HIDDEN = "No permissions to referred object or it does not exist!"
INVALID, APPLICATION = -32602, -32500
HOUR = 3600
Words: TypeAlias = dict[str, str]


class ApiError(Exception):
    """An API error: HTTP 200 with an ``error`` inside."""

    def __init__(self, code: int, data: str) -> None:
        super().__init__(data)
        self.error = {"code": code, "message": _MESSAGES[code], "data": data}


@dataclass(slots=True)
class User:
    """A Zabbix user with the little of a role and of rights that the API shows."""

    userid: str
    username: str
    password: str
    name: str = ""
    surname: str = ""
    roleid: str = "3"
    sees: bool = True
    writes: bool = True
    medias: list[dict[str, Any]] = field(default_factory=list)

    @property
    def fullname(self) -> str:
        """Return what {USER.FULLNAME} becomes."""
        return f"{self.name} {self.surname} ({self.username})"


class World:
    """The things and their rules. Every method is safe to call from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.time, close_delay_s: float = 0.4) -> None:
        self.clock, self.close_delay_s = clock, close_delay_s
        self.lock = threading.RLock()
        self.hosts: dict[str, dict[str, Any]] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.triggers: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.values: dict[str, list[tuple[int, float]]] = {}
        self.history_kept_from = 0
        self.users = {
            "Admin": User("1", "Admin", "zabbix", "Zabbix", "Administrator"),
            "gateway": User("3", "gateway", "Gw-lab-2026!", roleid="2"),
        }
        self.actions_allowed = dict.fromkeys((*(rule for _, rule, _ in _RULES),), True)
        self.closing: list[tuple[float, str, User]] = []
        self.news: list[tuple[str, str, dict[str, Any] | None]] = []  #: (problem|recovery|update, eventid, update)
        self._ids = {kind: itertools.count(start) for kind, start in _FIRST.items()}

    def add_host(
        self, host: str, name: str, *, tags: dict[str, str] | None = None, inventory: dict[str, str] | None = None
    ) -> str:
        """Add a monitored host; returns its id."""
        hostid = self._next("host")
        self.hosts[hostid] = {
            "hostid": hostid,
            "host": host,
            "name": name,
            "status": "0",
            "tags": _tag_list(tags),
            "inventory": {"serialno_a": "", "location": "", "asset_tag": "", **inventory} if inventory else [],
            "interfaces": [],
            "inheritedTags": [],
        }
        return hostid

    def add_item(self, hostid: str, key: str, *, units: str = "", value_type: int = 0) -> str:
        """Add an item; returns its id."""
        itemid = self._next("item")
        self.items[itemid] = {
            "itemid": itemid,
            "hostid": hostid,
            "key_": key,
            "value_type": str(value_type),
            "units": units,
            "status": "0",
        }
        self.values[itemid] = []
        return itemid

    def add_values(self, itemid: str, values: list[tuple[int, float]]) -> None:
        """Add (unix seconds, value) to an item's history."""
        with self.lock:
            self.values[itemid] = sorted([*self.values[itemid], *values])

    def add_trigger(
        self, hostid: str, description: str, *, priority: int = 3, manual_close: bool = True, tags: dict[str, str] | None = None
    ) -> str:
        """Add a trigger; returns its id."""
        triggerid = self._next("trigger")
        self.triggers[triggerid] = {
            "triggerid": triggerid,
            "hostid": hostid,
            "description": description,
            "expression": f"last(/{self.hosts[hostid]['host']}/plc.temp)>80",
            "priority": str(priority),
            "manual_close": "1" if manual_close else "0",
            "tags": _tag_list(tags),
        }
        return triggerid

    def raise_problem(self, triggerid: str, *, opdata: str = "", at: float | None = None) -> str:
        """Open a problem; returns its event id. A trigger has one open problem at a time, as by default in Zabbix."""
        with self.lock:
            self.settle()
            for event in self.events.values():
                if event["objectid"] == triggerid and event["value"] == "1" and event["r_eventid"] == "0":
                    return str(event["eventid"])
            trigger = self.triggers[triggerid]
            host = self.hosts[trigger["hostid"]]
            name = trigger["description"].replace("{HOST.NAME}", host["name"])
            event = self._event(triggerid, "1", name, trigger["priority"], at)
            event |= {"opdata": opdata, "tags": [*trigger["tags"], *host["tags"]]}
            self.news.append(("problem", event["eventid"], None))
            return str(event["eventid"])

    def recover(self, eventid: str, *, user: User | None = None, at: float | None = None) -> str:
        """End a problem, because the value recovered or a user closed it; returns the recovery's event id."""
        with self.lock:
            event = self.events[eventid]
            if event["r_eventid"] == "0":
                recovery = self._event(event["objectid"], "0", event["name"], "0", at)
                event["r_eventid"] = recovery["eventid"]
                recovery["userid"] = user.userid if user else "0"
                self.news.append(("recovery", eventid, None))
            return str(event["r_eventid"])

    def settle(self) -> None:
        """Carry out the closes whose time has come: in Zabbix a task of the server does."""
        with self.lock:
            due = [one for one in self.closing if one[0] <= self.clock()]
            self.closing = [one for one in self.closing if one not in due]
            for _, eventid, user in due:
                self.recover(eventid, user=user)

    def update(self, user: User, eventids: list[str], action: int, message: str, severity: int | None) -> dict[str, Any]:
        """Do event.acknowledge for a user, with the refusals of 6.0.14 in their words."""
        with self.lock:
            self.settle()
            if action & ~31:
                raise ApiError(INVALID, f'Incorrect value for field "action": unexpected value "{action}".')
            for bit, rule, word in _RULES:
                if action & bit and not self.actions_allowed[rule]:
                    raise ApiError(INVALID, f'Incorrect value for field "action": no permissions to {word}.')
            found = [self.events[one] for one in eventids if one in self.events and self.events[one]["value"] == "1"]
            if len(found) != len(eventids) or not user.sees:
                raise ApiError(APPLICATION, HIDDEN)
            if action & (CLOSE | SEVERITY) and not user.writes:
                raise ApiError(APPLICATION, HIDDEN)
            if action & CLOSE and any(self.triggers[one["objectid"]]["manual_close"] != "1" for one in found):
                raise ApiError(APPLICATION, "Cannot close problem: trigger does not allow manual closing.")
            if action & MESSAGE and not message:
                raise ApiError(INVALID, 'Incorrect value for field "message": cannot be empty.')
            for event in found:
                self._update_one(user, event, action, message, severity)
            return {"eventids": eventids}

    def _update_one(self, user: User, event: dict[str, Any], action: int, message: str, severity: int | None) -> None:
        if event["r_eventid"] != "0" or any(one[1] == event["eventid"] for one in self.closing):
            action &= ~CLOSE
        if event["acknowledged"] == "1":
            action &= ~ACKNOWLEDGE
        if not action:
            return
        update = {
            "acknowledgeid": self._next("acknowledge"),
            "userid": user.userid,
            "eventid": event["eventid"],
            "clock": str(int(self.clock())),
            "message": message if action & MESSAGE else "",
            "action": str(action),
            "old_severity": event["severity"] if action & SEVERITY else "0",
            "new_severity": str(severity) if action & SEVERITY else "0",
            "username": user.username,
            "name": user.name,
            "surname": user.surname,
        }
        event["acknowledges"].insert(0, update)
        if action & ACKNOWLEDGE:
            event["acknowledged"] = "1"
        if action & UNACKNOWLEDGE:
            event["acknowledged"] = "0"
        if action & SEVERITY and severity is not None:
            event["severity"] = str(severity)
        if action & CLOSE:
            self.closing.append((self.clock() + self.close_delay_s, event["eventid"], user))
        self.news.append(("update", event["eventid"], update))

    def history(self, itemid: str, value_type: int, since: int, till: int) -> list[dict[str, str]]:
        """Return raw values, of the right value type only: asking for another one is answered with nothing."""
        if itemid not in self.items or int(self.items[itemid]["value_type"]) != value_type:
            return []
        rows = [one for one in self.values[itemid] if max(since, self.history_kept_from) <= one[0] <= till]
        return [{"itemid": itemid, "clock": str(clock), "value": f"{value:g}", "ns": "0"} for clock, value in rows]

    def trends(self, itemid: str, since: int, till: int) -> list[dict[str, str]]:
        """Return one row per finished hour."""
        hours: dict[int, list[float]] = {}
        for clock, value in self.values.get(itemid, []):
            if clock // HOUR < int(self.clock()) // HOUR:
                hours.setdefault(clock // HOUR * HOUR, []).append(value)
        return [
            {
                "itemid": itemid,
                "clock": str(hour),
                "num": str(len(values)),
                "value_min": f"{min(values):g}",
                "value_avg": repr(sum(values) / len(values)),
                "value_max": f"{max(values):g}",
            }
            for hour, values in sorted(hours.items())
            if since <= hour <= till
        ]

    def _event(self, triggerid: str, value: str, name: str, severity: str, at: float | None) -> dict[str, Any]:
        eventid, moment = self._next("event"), self.clock() if at is None else at
        event: dict[str, Any] = {
            "eventid": eventid,
            "source": "0",
            "object": "0",
            "objectid": triggerid,
            "clock": str(int(moment)),
            "ns": str(int(moment % 1 * 1e9)),
            "value": value,
            "acknowledged": "0",
            "name": name,
            "severity": severity,
            "r_eventid": "0",
            "c_eventid": "0",
            "userid": "0",
            "opdata": "",
            "suppressed": "0",
            "tags": [],
            "acknowledges": [],
        }
        self.events[eventid] = event
        return event

    def _next(self, kind: str) -> str:
        return str(next(self._ids[kind]))


_MESSAGES = {INVALID: "Invalid params.", APPLICATION: "Application error.", -32601: "Method not found."}
_FIRST = {"host": 10561, "item": 44522, "trigger": 23137, "event": 48, "acknowledge": 8}
_RULES = (
    (CLOSE, "close_problems", "close problems"),
    (MESSAGE, "add_problem_comments", "add problem comments"),
    (SEVERITY, "change_severity", "change problem severity"),
    (ACKNOWLEDGE | UNACKNOWLEDGE, "acknowledge_problems", "acknowledge problems"),
)


def _tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"tag": tag, "value": value} for tag, value in (tags or {}).items()]
