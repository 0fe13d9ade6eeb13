"""The in-memory connector: a complete second implementation of the contract, and the one to copy from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import orjson

from connectors.kit.contract import CheckReport, Connector, Settings
from connectors.memory.acts import perform
from connectors.memory.kind import KIND, MemorySettings
from connectors.memory.parse import read_body
from connectors.memory.world import World, find_world, too_late
from core.clock import from_rfc3339
from core.errors import CredentialsError, PermissionDeniedError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

_SUBJECT = {"cpu_mean": "machine", "stock": "code"}


class Memory(Connector):
    """Alerts and tickets in this process."""

    kind = KIND
    settings: MemorySettings

    @property
    def world(self) -> World:
        """The world of this connector's settings."""
        return find_world(self.settings.world)

    def check(self) -> CheckReport:
        """Prove what a foreign system would have to prove, by reading only."""
        report = CheckReport()
        if not report.run("reachable", lambda: self._met("check")):
            return report
        if not report.run("credentials", self._signed_in):
            return report
        for permission in sorted({act.permission for act in self.kind.acts}):
            report.run(f"permission:{permission}", partial(self._allowed, permission))
        for stream in self.kind.streams:
            report.run(f"sample:{stream.name}", partial(self._sample, stream.name))
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Settings) -> list[Record]:
        """Read ``{"stream", "records"}`` (a page) or ``{"alert": …}`` / ``{"ticket": …}`` (a push)."""
        return read_body(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read what changed after the number in the cursor."""
        self.kind.stream(stream)
        self._met("poll")
        self._signed_in()
        found = self.world.after(stream, int(cursor or 0), limit + 1)
        page = found[:limit]
        body = orjson.dumps({"stream": stream, "records": [self._versioned(stream, thing) for _, thing in page]})
        return Page(body, page[-1][0] if page else cursor, more=len(found) > limit, count=len(page))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Answer from the world's figures; the tickets of a machine come from its tickets."""
        self.kind.lookup(name)
        self.world.meet(name, "lookup", timeout_s=timeout_s)
        self._signed_in()
        if name == "recent_tickets":
            return self._recent(str(inputs["machine"]), int(inputs.get("limit") or 3))
        subject = str(inputs[_SUBJECT[name]])
        values = self.world.figures.get((name, subject))
        source = f"memory {name} {subject}"
        return Found(dict(values or {}), self.world.clock.now(), source, absent=values is None)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Do one write, once per key."""
        offered = self.kind.act(name)
        fault = self.world.meet(name, "act")
        self._signed_in()
        self._allowed(offered.permission)
        outcome = perform(self.world, name, arguments, key, self.settings.user)
        if fault.lie:
            raise too_late("the answer to a write was lost")
        return outcome

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the thing back and compare what the act was to change."""
        if self.world.meet("verify").unsettled:
            return Verified(held=False, why="The in-memory system has not settled yet.", final=False)
        stream = "alerts" if name in ("acknowledge", "close_problem") else "tickets"
        seen = self.world.get(stream, str(outcome.external_id))
        wanted: dict[str, Json] = {k: v for k, v in arguments.items() if k in seen and k != "id"}
        if stream == "alerts":
            wanted = {"acknowledged": True}
        if name == "close_problem" and not outcome.degraded:
            wanted["status"] = "resolved"
        differing = [f"{k} is {seen.get(k)!r}, not {v!r}" for k, v in wanted.items() if seen.get(k) != v]
        text = arguments.get("text")
        if text and text not in seen["messages"]:
            differing.append("the message is not there")
        return Verified(held=not differing, seen=seen, why="; ".join(differing))

    def _met(self, call: str) -> str:
        self.world.meet(call)
        return f"world {self.settings.world!r}"

    def _sample(self, stream: str) -> str:
        return f"{self.poll(stream, None, 1).count} read"

    def _signed_in(self) -> str:
        wanted, shown = self.world.token, self.settings.token
        if wanted is not None and (shown is None or shown.get_secret_value() != wanted):
            raise CredentialsError(
                "The in-memory system does not accept our token.", why="It said: unknown token.", fix="Set the world's token."
            )
        return f"as {self.settings.user}"

    def _allowed(self, permission: str) -> str:
        if permission in self.world.missing_permissions:
            raise PermissionDeniedError(
                f"The in-memory system does not let us use {permission}.",
                why=f"It said: {self.settings.user} lacks {permission}.",
                fix=f"Give {self.settings.user} the permission {permission} there.",
            )
        return "granted"

    def _versioned(self, stream: str, thing: dict[str, Json]) -> dict[str, Json]:
        return {**thing, "_version": self.world.version(stream, str(thing["id"]))}

    def _recent(self, machine: str, limit: int) -> Found:
        with self.world.lock:
            things = [one for one in self.world.things["tickets"].values() if one["machine"] == machine]
        newest = sorted(things, key=lambda one: (one["at"], int(one["id"])), reverse=True)[:limit]
        tickets = [{name: one[name] for name in ("id", "title", "status", "at")} for one in newest]
        at = from_rfc3339(newest[0]["at"]) if newest else self.world.clock.now()
        source = f"memory tickets of {machine}"
        return Found({"tickets": tickets, "count": len(tickets)}, at, source, absent=not tickets)
