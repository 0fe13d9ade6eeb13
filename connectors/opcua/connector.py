"""The opcua connector: composes the server with what the kind offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from asyncua import ua

from connectors.kit import readings
from connectors.kit.contract import CheckReport, Connector, Kind, Step
from connectors.kit.readings import Reading
from connectors.kit.shapes import shaped
from connectors.opcua.kind import OPCUA, Node, OpcUaSettings
from connectors.opcua.machine import Machine, moment, plain, quality
from core.clock import Clock
from core.errors import InputError, NotFoundError, PermissionDeniedError, SetupError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified


class OpcUa(Connector):
    """One server. Each call has a session of its own."""

    kind: ClassVar[Kind] = OPCUA

    def __init__(self, name: str, settings: OpcUaSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._machine = Machine(settings)

    def check(self) -> CheckReport:
        """Sign in, see that the server runs, and read every node once."""
        report = CheckReport()
        if not report.run("credentials", self._machine.running):
            return report
        report.steps.append(self._secured())
        report.run("sample:readings", self._sample)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page."""
        del settings
        return readings.parse(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read all nodes and return those that changed."""
        self.kind.stream(stream)
        held = self._machine.read(self.settings.nodes)
        return readings.page([self._reading(name, one) for name, one in held.items()], cursor, limit)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read one node."""
        self.kind.lookup(name)
        point, node = self._node(inputs.get("point"))
        reading = self._reading(point, self._machine.read({point: node}, timeout_s)[point])
        return Found(reading.fields(), reading.at, f"opcua {node.node}")

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Write one node that is marked writable."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        point, node = self._node(arguments.get("point"))
        value = _value(arguments)
        if not node.writable:
            raise PermissionDeniedError(
                f"The node {point!r} is not to be written.",
                why="Its settings do not say writable: true.",
                fix="Add writable: true to the node, when the machine's builder allows it.",
            )
        self._machine.write(node, value)
        return Outcome(point, None, {}, request={"point": point, "value": value})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the node back; a float that the server keeps in 32 bits may differ in the last digits."""
        self.kind.act(name)
        point, node = self._node(arguments.get("point"))
        held = self._machine.read({point: node})[point]
        reading, wanted = self._reading(point, held), _value(arguments)
        seen = plain(held)
        near = isinstance(seen, float) and isinstance(wanted, int | float) and math.isclose(seen, wanted, rel_tol=1e-6)
        good = reading.quality != "bad" and (near or seen == wanted)
        return Verified(good, reading.fields(), "" if good else f"It holds {seen!r} ({reading.reason or reading.quality}).")

    def _node(self, name: Json) -> tuple[str, Node]:
        if isinstance(name, str) and name in self.settings.nodes:
            return name, self.settings.nodes[name]
        raise NotFoundError(
            f"The connector has no node {str(name)[:80]!r}.",
            why=f"It has: {', '.join(sorted(self.settings.nodes)[:50])}.",
            fix="Use one of these, or add the node to the connector's settings.",
        )

    def _reading(self, name: str, held: ua.DataValue) -> Reading:
        about = self.settings.nodes[name]
        word, reason = quality(held)
        at = moment(held, self.clock.now())
        return Reading(name, plain(held), word, at, about.unit, reason, about.deadband)

    def _secured(self) -> Step:
        if self.settings.security == "None":
            fix = "Set security to Basic256Sha256 with a certificate of ours, and let the server trust it."
            return Step("tls", ok=False, detail="Nothing is signed or encrypted.", fix=fix, needed=False)
        pinned = self.settings.server_certificate_file is not None
        fix = "" if pinned else "Set server_certificate_file, so that nobody else is believed."
        detail = (
            f"Signed and encrypted ({self.settings.security}), the server's certificate is {'' if pinned else 'not '}pinned."
        )
        return Step("tls", ok=pinned, detail=detail, fix=fix, needed=False)

    def _sample(self) -> str:
        held = {name: self._reading(name, one) for name, one in self._machine.read(self.settings.nodes).items()}
        wrong = {name: one.reason for name, one in held.items() if one.quality == "bad" and "Node" in str(one.reason)}
        if wrong:
            raise SetupError(
                f"{', '.join(wrong)} cannot be read.",
                why=f"The server says: {', '.join(sorted(set(map(str, wrong.values()))))}.",
                fix="Correct these nodes; a tool such as UaExpert shows their ids.",
            )
        return "Read: " + ", ".join(f"{name} = {one.raw} ({one.quality})" for name, one in list(held.items())[:5]) + "."


def _value(arguments: Mapping[str, Json]) -> bool | float | str:
    given = [arguments[name] for name in ("value", "text", "on") if arguments.get(name) is not None]
    if len(given) != 1 or (isinstance(given[0], float) and not math.isfinite(given[0])):
        raise InputError("There is not one value to write.", why=f"{len(given)} are given.", fix="Give value, text or on.")
    found: bool | float | str = given[0]
    return found
