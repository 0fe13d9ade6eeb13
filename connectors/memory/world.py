"""
A world: the alerts, tickets and figures of a foreign system that lives in this process, and its bad days.

    world = find_world("plant")
    world.raise_alert("7001", name="Spindle hot", severity=4, machine="M-17")
    world.script("act", fail=TransientError("No.", why="Maintenance."), times=2)   # the next two acts fail
    world.script("lookup", slow_s=3)                                               # the next lookup takes 3 s
    world.script("act", lie=True)                                                  # executed, then "timed out"
    world.script("verify", unsettled=True)                                         # not to be seen yet
    world.figures["cpu_mean", "M-17"] = {"mean": 71.5, "samples": 60, "unit": "%"}
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import orjson

from core.clock import Clock, SystemClock, to_rfc3339
from core.errors import RefusedError, TielineError, UnreachableError
from core.words import Json, Outcome

_WORLDS: dict[str, World] = {}
_WORLDS_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call."""

    fail: TielineError | None = None
    slow_s: float = 0.0
    lie: bool = False  #: the act is executed and then reported as timed out
    unsettled: bool = False  #: reading back does not show the write yet


class World:
    """All that this foreign system holds. Safe for threads; every change gets the next number."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.token: str | None = None
        self.lock = threading.RLock()
        self.things: dict[str, dict[str, dict[str, Json]]] = {"alerts": {}, "tickets": {}}
        self.figures: dict[tuple[str, str], dict[str, Json]] = {}  #: (lookup, subject) -> its answer
        self.missing_permissions: set[str] = set()
        self.effects: dict[str, Outcome] = {}  #: key -> what it did, once
        self.writes = 0  #: how many effects there were in truth
        self._changes: list[tuple[int, str, str]] = []
        self._number = 0
        self._faults: dict[str, deque[Fault]] = {}
        self._wake = threading.Event()

    def raise_alert(self, id_: str, *, name: str, severity: int = 3, **more: Json) -> dict[str, Json]:
        """Let a problem appear, or appear again."""
        plain: dict[str, Json] = {"acknowledged": False, "manual_close": True, "notes": [], "machine": None, "part": None}
        return self.put("alerts", id_, {**plain, "status": "problem", "name": name, "severity": severity, **more})

    def open_ticket(self, title: str, *, actor: str = "somebody", **more: Json) -> dict[str, Json]:
        """Let a person open a ticket."""
        with self.lock:
            id_ = str(len(self.things["tickets"]) + 1)
            plain = dict.fromkeys(("priority", "machine", "event_id", "part", "tieline_ref"))
            return self.put("tickets", id_, {**plain, "status": "open", "messages": [], "title": title, "actor": actor, **more})

    def change(self, stream: str, id_: str, **fields: Json) -> dict[str, Json]:
        """Change fields of an alert or ticket, as a person there would."""
        with self.lock:
            return self.put(stream, id_, {**self.get(stream, id_), **fields})

    def put(self, stream: str, id_: str, fields: Mapping[str, Json]) -> dict[str, Json]:
        """Store the whole of a thing under the next number and time."""
        with self.lock:
            self._number += 1
            thing = {**deepcopy(dict(fields)), "id": id_, "at": to_rfc3339(self.clock.now())}
            self.things[stream][id_] = thing
            self._changes = [one for one in self._changes if one[1:] != (stream, id_)]
            self._changes.append((self._number, stream, id_))
            return deepcopy(thing)

    def get(self, stream: str, id_: str) -> dict[str, Json]:
        """Return a thing, or refuse in this system's own words."""
        with self.lock:
            if id_ not in self.things[stream]:
                raise RefusedError(
                    f"The in-memory system has no {stream[:-1]} {id_!r}.",
                    why=f"It said: no such {stream[:-1]}.",
                    fix="Look whether it was deleted there.",
                    foreign=f"no such {stream[:-1]}",
                )
            return deepcopy(self.things[stream][id_])

    def push(self, stream: str, id_: str) -> bytes:
        """Return the body this system would push about a thing as it is now."""
        with self.lock:
            return orjson.dumps({stream[:-1]: {**self.get(stream, id_), "_version": self.version(stream, id_)}})

    def version(self, stream: str, id_: str) -> str | None:
        """Return the number of a thing's last change: its version mark."""
        with self.lock:
            return next((str(n) for n, *place in self._changes if place == [stream, id_]), None)

    def after(self, stream: str, number: int, limit: int) -> list[tuple[int, dict[str, Json]]]:
        """Return what changed after a number, oldest first, each thing once."""
        with self.lock:
            found = [(n, id_) for n, of, id_ in self._changes if of == stream and n > number]
            return [(n, deepcopy(self.things[stream][id_])) for n, id_ in found[:limit]]

    def script(self, call: str, *, times: int = 1, **fault: Any) -> None:
        """Script the next calls of ``check``, ``poll``, ``lookup``, ``act`` or ``verify`` (or of one act or lookup by name)."""
        with self.lock:
            self._faults.setdefault(call, deque()).extend([Fault(**fault)] * times)

    def calm(self) -> None:
        """Forget every fault that has not happened yet."""
        with self.lock:
            self._faults.clear()

    def meet(self, *calls: str, timeout_s: float = 10.0) -> Fault:
        """Take the next fault of these calls: wait if slow, raise if failing; return it for what is left."""
        fault = self._take(calls)
        if fault is None:
            return Fault()
        if fault.slow_s:
            self._wake.wait(min(fault.slow_s, timeout_s))
        if fault.slow_s > timeout_s:
            raise too_late(f"it would take {fault.slow_s} s, and {timeout_s} s were given")
        if fault.fail is not None:
            raise fault.fail
        return fault

    def _take(self, calls: tuple[str, ...]) -> Fault | None:
        with self.lock:
            for call in calls:
                if self._faults.get(call):
                    return self._faults[call].popleft()
        return None


def too_late(why: str) -> UnreachableError:
    """Return what a caller sees when no answer came in time."""
    return UnreachableError("The in-memory system did not answer in time.", why=f"Timeout: {why}.")


def find_world(name: str = "default", clock: Clock | None = None) -> World:
    """Return the world of that name; the first to ask creates it."""
    with _WORLDS_LOCK:
        if name not in _WORLDS:
            _WORLDS[name] = World(clock)
        return _WORLDS[name]


def end_world(name: str = "default") -> None:
    """Forget a world and all it held."""
    with _WORLDS_LOCK:
        _WORLDS.pop(name, None)
