"""
Tryton's JSON: some values come with their type beside them. Times are naive there and mean UTC.

A Decimal becomes text, so that no digit is lost on the way; a date and a time become ISO text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from core.clock import SECOND, from_datetime, to_rfc3339
from core.words import Json, Micros

_Typed = Mapping[str, Any]


def plain(value: Any) -> Json:
    """
    Return a value with its typed parts as plain JSON.

    >>> plain({"cost_price": {"__class__": "Decimal", "decimal": "12.250"}, "id": 1})
    {'cost_price': '12.250', 'id': 1}
    """
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    decode = _CLASSES.get(str(value.get("__class__")))
    return decode(value) if decode else {name: plain(one) for name, one in value.items()}


def typed_date(day: date) -> dict[str, Any]:
    """
    Return a date as Tryton wants it.

    >>> typed_date(date(2026, 11, 22))
    {'__class__': 'date', 'year': 2026, 'month': 11, 'day': 22}
    """
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def after_today(now: Micros) -> date:
    """
    Return tomorrow in UTC: a day that has begun nowhere on earth too late.

    Tryton cuts ``stock_date_end`` down to its own company's today. Our today would be its yesterday for
    hours each morning east of Greenwich, and what moved since midnight would not count.
    """
    return datetime.fromtimestamp(now // SECOND + 86_400, UTC).date()


def number(value: Any) -> float | int | None:
    """
    Return a quantity, which modules declare as float or as Decimal.

    >>> number(3.0), number({"__class__": "Decimal", "decimal": "2.5"}), number(None)
    (3.0, 2.5, None)
    """
    found = plain(value)
    if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
        return found
    return float(str(found))


def _moment(value: _Typed) -> str:
    year, month, day = (int(value[name]) for name in ("year", "month", "day"))
    hour, minute, second, micro = (int(value[name]) for name in ("hour", "minute", "second", "microsecond"))
    return str(to_rfc3339(from_datetime(datetime(year, month, day, hour, minute, second, micro, UTC))))


_CLASSES: dict[str, Callable[[_Typed], Json]] = {
    "Decimal": lambda value: str(value["decimal"]),
    "date": lambda value: date(value["year"], value["month"], value["day"]).isoformat(),
    "datetime": _moment,
    "time": lambda value: time(value["hour"], value["minute"], value["second"], value["microsecond"]).isoformat(),
    "timedelta": lambda value: value["seconds"],
    "bytes": lambda value: str(value["base64"]),
}
