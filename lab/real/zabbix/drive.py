"""What people and machines do in the lab's Zabbix: measure values, look at problems, close one by hand, switch the push."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from connectors.zabbix import push
from lab.real.waiting import until
from lab.real.zabbix import seed
from lab.real.zabbix.system import Zabbix
from lab.real.zabbix.trapper import Value, send


@dataclass(frozen=True, slots=True)
class Event:
    """A problem as Zabbix itself shows it."""

    id: str
    name: str
    closed: bool
    acknowledged: bool
    messages: tuple[tuple[str, str], ...]  #: (user, text), oldest first
    tags: tuple[tuple[str, str], ...]

    @property
    def texts(self) -> str:
        """All messages as one text, for reading."""
        return "\n".join(text for _, text in self.messages)


class Floor:
    """The shop floor and the control room: everything about Zabbix that is not Tieline."""

    def __init__(self, zabbix: Zabbix) -> None:
        self._zabbix, self._api = zabbix, zabbix.api
        self._port = zabbix.ports["ZABBIX_SERVER"]
        self._triggers: dict[str, str] = {}

    def measure(self, key: str, value: float) -> None:
        """Send one value of press-07; the server must take it."""
        until(lambda: send(self._port, [Value(seed.HOST_NAME, key, value)]) == 1, f"Zabbix to take {key}={value}")

    def overheat(self, value: float = 93.5) -> Event:
        """Make the oil too hot and return the problem; its trigger allows manual close."""
        return self._provoke(seed.CLOSABLE, seed.TEMPERATURE, value)

    def lose_pressure(self, value: float = 61.0) -> Event:
        """Make the oil pressure too low and return the problem; its trigger forbids manual close."""
        return self._provoke(seed.UNCLOSABLE, seed.PRESSURE, value)

    def calm(self) -> None:
        """Everything back to normal, no open problem."""
        seed.calm(self._api, self._zabbix.ports)

    def open_problem(self, trigger: str) -> Event | None:
        """Return the open problem of a trigger, by its description."""
        found = self._api.call("problem.get", {"objectids": [self._trigger(trigger)], "output": ["eventid"]})
        return self.event(found[0]["eventid"]) if found else None

    def event(self, eventid: str) -> Event:
        """Read one problem event with its messages and tags."""
        wanted = {"eventids": [eventid], "output": "extend", "select_acknowledges": "extend", "selectTags": "extend"}
        found: dict[str, Any] = self._api.call("event.get", wanted)[0]
        notes = sorted(found["acknowledges"], key=lambda one: (int(one["clock"]), int(one["acknowledgeid"])))
        return Event(
            id=eventid,
            name=found["name"],
            closed=found["r_eventid"] != "0",
            acknowledged=found["acknowledged"] == "1",
            messages=tuple((str(one.get("username")), one["message"]) for one in notes if one["message"]),
            tags=tuple((one["tag"], one["value"]) for one in found["tags"]),
        )

    def close_by_hand(self, eventid: str, message: str) -> None:
        """Close a problem as a person in the control room."""
        self._api.call("event.acknowledge", {"eventids": [eventid], "action": 7, "message": message})
        until(lambda: self.event(eventid).closed, f"event {eventid} to close")

    def cpu_mean(self) -> float:
        """Return the mean of the CPU item over the last hour, from the rows that Zabbix holds."""
        host = self._api.find("host", "host", seed.HOST_NAME) or {}
        item = self._api.find("item", "key_", seed.CPU, hostids=[host["hostid"]]) or {}
        wanted = {"itemids": [item["itemid"]], "history": 0, "time_from": int(time.time()) - 3600, "output": ["value"]}
        values = [float(row["value"]) for row in self._api.call("history.get", wanted)]
        return sum(values) / len(values)

    def push_to(self, url: str, secret: str = "", signing: str = "path") -> None:
        """Let every problem, update and recovery be pushed to this address, and wait until the server knows it."""
        media = self._api.find("mediatype", "name", seed.MEDIA_TYPE) or {}
        wanted = push.media_type(url, secret, signing, seed.MEDIA_TYPE) | {"attempt_interval": seed.ATTEMPT_INTERVAL}
        self._api.call("mediatype.update", {"mediatypeid": media["mediatypeid"], **wanted})
        self._switch(0)

    def stop_pushing(self) -> None:
        """Switch the push off again."""
        self._switch(1)

    def alerts(self, eventid: str) -> list[dict[str, Any]]:
        """Return what became of the pushes of an event: status 1 sent, 2 given up, with Zabbix' own error."""
        wanted = {"eventids": [eventid], "output": ["status", "error", "retries", "subject"]}
        found: list[dict[str, Any]] = self._api.call("alert.get", wanted)
        return found

    def _switch(self, status: int) -> None:
        action = self._api.find("action", "name", seed.ACTION) or {}
        self._api.call("action.update", {"actionid": action["actionid"], "status": status})
        time.sleep(seed.CACHE_SECONDS)  # an event older than the action in the server's cache is never pushed

    def _provoke(self, trigger: str, key: str, value: float) -> Event:
        self.measure(key, value)
        event = until(lambda: self.open_problem(trigger), f"a problem of {trigger!r}")
        assert event is not None
        return event

    def _trigger(self, description: str) -> str:
        if description not in self._triggers:
            host = self._api.find("host", "host", seed.HOST_NAME) or {}
            found = self._api.find("trigger", "description", description, hostids=[host["hostid"]]) or {}
            self._triggers[description] = str(found["triggerid"])
        return self._triggers[description]
