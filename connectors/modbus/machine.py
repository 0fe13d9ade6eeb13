"""
One line to the machine per call: many machines allow only a few, and none that stays.

Neighbouring points are read with one request; where the machine refuses such a stretch, each point is read alone,
so that one wrong address does not blind the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from connectors.kit.watch import hang_up, watched
from connectors.modbus.kind import ModbusSettings, Point
from core.errors import InputError, RefusedError, SetupError, TielineError, TransientError, UnreachableError
from core.words import Json

MOST_WORDS, MOST_BITS, GAP = 120, 1900, 8
_READ = {
    "holding": "read_holding_registers",
    "input": "read_input_registers",
    "coil": "read_coils",
    "discrete": "read_discrete_inputs",
}
_CODES: dict[int, tuple[type[TielineError], str, str]] = {
    1: (SetupError, "it has no such function", "Choose another table."),
    2: (SetupError, "it has no such address", "Correct the address; manuals that write 40001 mean holding 0."),
    3: (RefusedError, "it does not take this value", "Send a value within the machine's range."),
    4: (RefusedError, "it failed at this", "See the machine's own display."),
    5: (TransientError, "it is still at it", ""),
    6: (TransientError, "it is busy", ""),
    8: (TransientError, "its memory failed a check", ""),
    10: (UnreachableError, "the gateway finds no way", ""),
    11: (UnreachableError, "the machine behind the gateway does not answer", ""),
}
"""Exception codes of the Modbus specification -> family, meaning, fix."""


class Machine:
    """What the connector asks of a machine; threads may share it."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings

    def read(self, points: Mapping[str, Point], timeout_s: float | None = None) -> dict[str, Json | TielineError]:
        """Return each point's value, or the error that this point alone meets."""
        found: dict[str, Json | TielineError] = {}
        with self._line(timeout_s) as line:
            for stretch in _stretches(points):
                found |= self._stretch(line, stretch)
        return {name: found[name] for name in points}

    def write(self, name: str, point: Point, value: float) -> None:
        """Write one point."""
        with self._line(None) as line:
            if point.table == "coil":
                answer: Any = line.write_coil(point.address, value != 0, device_id=self._settings.device)
            else:
                words = _encoded(point, value)
                answer = line.write_registers(point.address, words, device_id=self._settings.device)
            if answer.isError():
                raise self._refused(answer, f"write {name}")

    def _stretch(self, line: ModbusTcpClient, stretch: dict[str, Point]) -> dict[str, Json | TielineError]:
        first = next(iter(stretch.values()))
        count = max(point.address + point.size for point in stretch.values()) - first.address
        answer: Any = getattr(line, _READ[first.table])(first.address, count=count, device_id=self._settings.device)
        if not answer.isError():
            held = answer.registers if first.table in ("holding", "input") else answer.bits
            return {name: _decoded(point, held[point.address - first.address :]) for name, point in stretch.items()}
        if len(stretch) > 1:
            alone = [self._stretch(line, {name: point}) for name, point in stretch.items()]
            return {name: value for one in alone for name, value in one.items()}
        (name,) = stretch
        error = self._refused(answer, f"read {name}")
        if isinstance(error, TransientError):
            raise error
        return {name: error}

    @contextmanager
    def _line(self, timeout_s: float | None) -> Iterator[ModbusTcpClient]:
        given = self._settings
        wait = min(given.timeout_s, timeout_s if timeout_s is not None else given.timeout_s)
        place = f"{given.host}:{given.port}"
        line = ModbusTcpClient(given.host, port=given.port, timeout=wait, retries=0, reconnect_delay=0)
        try:
            with watched(lambda: hang_up(line.socket), wait * 1.5 + 0.25):
                self._connect(line, place)
                yield line
        except TielineError:
            raise
        except (ModbusException, OSError) as error:  # the one place where library exceptions become ours
            raise UnreachableError(
                f"The machine at {place} does not answer.", why=f"{type(error).__name__}: {error}."
            ) from error
        except Exception as error:
            raise UnreachableError(
                f"The machine at {place} answers nonsense.", why=f"{type(error).__name__}: {error}."
            ) from error
        finally:
            line.close()

    @staticmethod
    def _connect(line: ModbusTcpClient, place: str) -> None:
        if not line.connect():
            raise UnreachableError(
                f"The machine at {place} cannot be reached.",
                why="No connection could be made.",
                fix="See whether it is on, and whether it allows one more connection. It is tried again.",
            )

    def _refused(self, answer: Any, what: str) -> TielineError:
        code = int(getattr(answer, "exception_code", 0) or 0)
        family, why, fix = _CODES.get(code, (RefusedError, "it gives no reason we know", "See the machine's manual."))
        said = f"Modbus exception {code}"
        more = {"fix": fix} if fix else {}
        return family(f"The machine did not {what}.", why=f"{why[0].upper()}{why[1:]} ({said}).", foreign=said, **more)


def same(point: Point, one: Json, other: float) -> bool:
    """Say whether two values stand in the same registers: a float32 rounds, a scale divides."""
    if one is None:
        return False
    return bool(one) == (other != 0) if point.table == "coil" else _encoded(point, float(one)) == _encoded(point, other)


def _stretches(points: Mapping[str, Point]) -> Iterator[dict[str, Point]]:
    """Group points of one table that lie near each other into one request each."""
    stretch: dict[str, Point] = {}
    for name, point in sorted(points.items(), key=lambda one: (one[1].table, one[1].address)):
        if stretch:
            first, last = next(iter(stretch.values())), list(stretch.values())[-1]
            most = MOST_WORDS if point.table in ("holding", "input") else MOST_BITS
            near = point.address - (last.address + last.size) <= GAP
            if point.table != first.table or not near or point.address + point.size - first.address > most:
                yield stretch
                stretch = {}
        stretch[name] = point
    if stretch:
        yield stretch


def _decoded(point: Point, held: list[Any]) -> Json:
    if point.table in ("coil", "discrete"):
        return bool(held[0])
    kind = ModbusTcpClient.DATATYPE[point.type.upper()]
    number: Any = ModbusTcpClient.convert_from_registers(held[: point.size], kind, word_order=point.word_order)
    return number if point.scale == 1 and point.offset == 0 else round(number * point.scale + point.offset, 9)


def _encoded(point: Point, value: float) -> list[int]:
    raw: float | int = (value - point.offset) / point.scale
    if not point.type.startswith("float"):
        raw = round(raw)
    try:
        kind = ModbusTcpClient.DATATYPE[point.type.upper()]
        return ModbusTcpClient.convert_to_registers(raw, kind, word_order=point.word_order)
    except Exception as error:
        raise InputError(
            f"{value} does not fit into a {point.type}.",
            why=f"{type(error).__name__}: {error}.",
            fix="Send a value within the type's range.",
        ) from None
