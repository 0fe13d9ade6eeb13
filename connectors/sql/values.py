"""Values of a database as JSON, and cursors that keep the type they were compared by."""

from __future__ import annotations

import math
from base64 import b64encode
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import from_datetime, to_rfc3339
from core.errors import MalformedError
from core.words import Json, Micros

_EXACT = 1 << 53


def plain(value: Any, zone: ZoneInfo) -> Json:
    """
    Return a JSON value. Decimals stay exact: a number where a double holds it, else text; bytes are base64.

    >>> utc = ZoneInfo("UTC")
    >>> plain(Decimal("19.60"), utc), plain(Decimal("0.12345678901234567890"), utc), plain(datetime(2026, 1, 2), utc)
    (19.6, '0.12345678901234567890', '2026-01-02T00:00:00.000000Z')
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime):
        return to_rfc3339(moment(value, zone))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(bytes(value)).decode()
    return _nested(value, zone)


def _nested(value: Any, zone: ZoneInfo) -> Json:
    if isinstance(value, dict):
        return {str(name): plain(one, zone) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one, zone) for one in value]
    return str(value)


def moment(value: datetime, zone: ZoneInfo) -> Micros:
    """Return a time in microseconds; one without a zone is read in the connector's zone."""
    return from_datetime(value if value.tzinfo is not None else value.replace(tzinfo=zone))


def packed(value: Any) -> Json:
    """Write a cursor's value with its type, so that it is compared later as what it was."""
    for name, kind in _TYPES.items():
        if type(value) is kind:
            return [name, value.isoformat() if isinstance(value, date) else str(value)]
    raise MalformedError(
        f"Rows cannot be ordered by a {type(value).__name__}.",
        why="The key and the column of the last change are numbers, texts, dates or times, and never null.",
        fix="Choose other columns, or convert them in the question.",
    )


def unpacked(value: Json) -> Any:
    """
    Read it back.

    >>> unpacked(packed(Decimal("1.50"))), unpacked(packed(datetime(2026, 1, 2)))
    (Decimal('1.50'), datetime.datetime(2026, 1, 2, 0, 0))
    """
    kind, text = _TYPES[value[0]], value[1]
    return kind.fromisoformat(text) if issubclass(kind, date) else kind(text)


def _decimal(value: Decimal) -> Json:
    if not value.is_finite():
        return None
    if value == value.to_integral_value() and abs(value) < _EXACT:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


_TYPES: dict[str, Any] = {"int": int, "text": str, "decimal": Decimal, "float": float, "time": datetime, "date": date}
