"""Steps that read a time; a field of type time is held as RFC 3339 in UTC with microseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.clock import from_datetime, from_rfc3339, to_rfc3339
from core.words import Json
from mappings.translate.step import Run, Step, StepDefinitionError, StepError, bare, text
from mappings.translate.texts import number

EARLIEST_S, LATEST_S = 86_400, 253_402_300_799
"""Epoch seconds that can be meant: 0 is what systems write for 'never'; after year 9999 nothing is."""


def _epoch(per_second: int) -> Callable[[Json], Json]:
    def run(value: Json) -> Json:
        moment = number(value)
        if not EARLIEST_S * per_second <= moment <= LATEST_S * per_second:
            why = f"{value!r} is not a time that can be meant: before 1970-01-02 or after the year 9999."
            raise StepError(why, "Zero usually means 'never': set on_invalid to skip. For milliseconds use epoch_ms.")
        return to_rfc3339(round(moment * (1_000_000 // per_second)))

    return run


def _time(argument: Json) -> Run:
    if argument is None:
        return _rfc3339
    if not isinstance(argument, dict) or set(argument) - {"format", "zone"} or "format" not in argument:
        raise StepDefinitionError("the step time takes `format` and `zone`, or nothing for RFC 3339")
    pattern, zone = argument["format"], _zone(argument)

    def run(value: Json) -> Json:
        words = text(value, "time")
        try:
            moment = datetime.strptime(words, pattern)  # noqa: DTZ007 - the zone follows
        except ValueError as error:
            raise StepError(f"{value!r} does not have the form {pattern!r}.", "Correct the format of the step time.") from error
        if moment.tzinfo is None and zone is not None:
            moment = moment.replace(tzinfo=zone)
            if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
                why = f"{value!r} does not exist in {zone.key}: clocks were set forward."
                raise StepError(why, "Let the source send UTC or an offset.")
        return to_rfc3339(from_datetime(moment))

    return run


def _zone(argument: dict[str, Json]) -> ZoneInfo | None:
    name = argument.get("zone")
    if name is None:
        if "%z" in argument["format"]:
            return None
        raise StepDefinitionError("a format without %z needs a `zone` such as Asia/Shanghai: nobody knows what the time means")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise StepDefinitionError(f"there is no time zone {name!r}; use an IANA name such as Asia/Shanghai") from error


def _rfc3339(value: Json) -> Json:
    words = text(value, "time")
    try:
        return to_rfc3339(from_rfc3339(words))
    except ValueError as error:
        why = f"{value!r} is not an RFC 3339 time with a zone."
        raise StepError(why, "Give the step time a `format` and a `zone`.") from error


STEPS = (
    Step(
        "epoch_s",
        "Read seconds since 1970 (UTC); 0 means 'never' and is invalid.",
        "读取 1970 年以来的秒数(UTC);0 表示“从未”,视为无效。",
        bare("epoch_s", _epoch(1)),
        1767225600,
        "2026-01-01T00:00:00.000000Z",
    ),
    Step(
        "epoch_ms",
        "Read milliseconds since 1970 (UTC).",
        "读取 1970 年以来的毫秒数(UTC)。",
        bare("epoch_ms", _epoch(1000)),
        "1767225600000",
        "2026-01-01T00:00:00.000000Z",
    ),
    Step(
        "time",
        "Read a time: RFC 3339, or by format (Python's strptime) and zone; an hour that exists twice is the first.",
        "读取时间:无参数时按 RFC 3339,否则按格式(strptime)与时区;重复的小时取前一个。",
        _time,
        "2026.11.22 07:25:17",
        "2026-11-21T23:25:17.000000Z",
        {"format": "%Y.%m.%d %H:%M:%S", "zone": "Asia/Shanghai"},
    ),
)
