"""The modbus connector: composes the machine with what the kind offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.kit import readings
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.readings import Reading
from connectors.kit.shapes import shaped
from connectors.modbus.kind import MODBUS, ModbusSettings, Point
from connectors.modbus.machine import Machine, same
from core.clock import Clock
from core.errors import InputError, NotFoundError, PermissionDeniedError, SetupError, TielineError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified


class Modbus(Connector):
    """One machine. Each call has a line of its own."""

    kind: ClassVar[Kind] = MODBUS

    def __init__(self, name: str, settings: ModbusSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._machine = Machine(settings)

    def check(self) -> CheckReport:
        """Read every point once; Modbus knows no users, so there are no credentials to prove."""
        report = CheckReport()
        held: dict[str, Json | TielineError] = {}
        if not report.run("reachable", lambda: self._reach(held)):
            return report
        report.run("sample:readings", lambda: self._sample(held))
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page."""
        del settings
        return readings.parse(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read all points and return those that changed; a point that fails alone is bad, and says why."""
        self.kind.stream(stream)
        held = self._machine.read(self.settings.points)
        return readings.page([self._reading(name, one) for name, one in held.items()], cursor, limit)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read one point."""
        self.kind.lookup(name)
        point, about = self._point(inputs.get("point"))
        reading = self._reading(point, self._machine.read({point: about}, timeout_s)[point])
        place = f"modbus {self.settings.host} device {self.settings.device} {about.table} {about.address}"
        return Found(reading.fields(), reading.at, place)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Write one point that is marked writable."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        point, about = self._point(arguments.get("point"))
        value = arguments.get("value")
        if value is None or not math.isfinite(value):
            raise InputError("There is no value to write.", why="It is empty or no number.", fix="Give a number.")
        if not about.writable:
            raise PermissionDeniedError(
                f"The point {point!r} is not to be written.",
                why="Its settings do not say writable: true.",
                fix="Add writable: true to the point, when the machine's builder allows it.",
            )
        self._machine.write(point, about, float(value))
        return Outcome(point, None, {}, request={"point": point, "value": value})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the point back and compare its registers."""
        self.kind.act(name)
        point, about = self._point(arguments.get("point"))
        reading = self._reading(point, self._machine.read({point: about})[point])
        fields = reading.fields()
        seen = fields["on"] if about.table == "coil" else fields["value"]
        held = same(about, seen, float(arguments["value"]))
        return Verified(held, fields, "" if held else f"It holds {seen!r}: the machine did not keep it, or changed it again.")

    def _point(self, name: Json) -> tuple[str, Point]:
        if isinstance(name, str) and name in self.settings.points:
            return name, self.settings.points[name]
        raise NotFoundError(
            f"The connector has no point {str(name)[:80]!r}.",
            why=f"It has: {', '.join(sorted(self.settings.points)[:50])}.",
            fix="Use one of these, or add the point to the connector's settings.",
        )

    def _reading(self, name: str, held: Json | TielineError) -> Reading:
        about = self.settings.points[name]
        bad = isinstance(held, TielineError)
        return Reading(
            name,
            None if bad else held,
            "bad" if bad else "good",
            self.clock.now(),
            about.unit,
            held.why if bad else None,
            about.deadband,
        )

    def _reach(self, held: dict[str, Json | TielineError]) -> str:
        held.update(self._machine.read(self.settings.points))
        return f"{self.settings.host}:{self.settings.port} answers as device {self.settings.device}."

    def _sample(self, held: Mapping[str, Json | TielineError]) -> str:
        wrong = {name: one for name, one in held.items() if isinstance(one, TielineError)}
        if wrong:
            first = next(iter(wrong.values()))
            raise SetupError(f"{', '.join(wrong)} cannot be read.", why=first.why, fix=first.fix)
        return "Read: " + ", ".join(f"{name} = {value}" for name, value in list(held.items())[:5]) + "."
