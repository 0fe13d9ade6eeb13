"""Times as foreign systems write them, by name: read into microseconds UTC, and written back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.clock import SECOND, from_datetime, to_rfc3339
from core.words import Json, Micros

FORMS = {
    "rfc3339": "2026-01-01T08:00:00+08:00, always with a zone",
    "iso": "2026-01-01T08:00:00.000+0800; without a zone: in the zone named beside it",
    "datetime": "2026-01-01 08:00:00 in the zone named beside it",
    "date": "2026-01-01 in the zone named beside it",
    "jql": "2026-01-01 08:00 in the zone named beside it, as Jira writes it",
    "s": "seconds since 1970, as a number or as text",
    "ms": "milliseconds since 1970, as a number or as text",
    "ns": "nanoseconds since 1970, as a number or as text",
    "odata_date": "/Date(1767225600000)/ of OData 2",
    "rfc2822": "Thu, 01 Jan 2026 08:00:00 +0000",
}
"""Every form a time can have, with an example."""

_UNITS = {"s": SECOND, "ms": 1000}
_ODATA = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/")
_LAST: Micros = 253_402_300_799 * SECOND


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of a name, or say that there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write one like Asia/Shanghai or UTC") from None


def read_time(value: Json, form: str, zone: ZoneInfo | None = None) -> Micros | None:
    """
    Read a foreign time; None and empty text are no time. What does not have the form raises ValueError.

    >>> read_time("/Date(1767225600000)/", "odata_date"), read_time("1767225600", "s")
    (1767225600000000, 1767225600000000)
    """
    if value is None or value == "" or value is False:
        return None
    try:
        at = _read(value, form, zone)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{str(value)[:60]!r} is no time of the form {form} ({FORMS[form]})") from error
    if not 0 <= at <= _LAST:
        raise ValueError(f"{str(value)[:60]!r} lies outside the years 1970 to 9999")
    return at


def _read(value: Json, form: str, zone: ZoneInfo | None) -> Micros:
    if isinstance(value, bool):
        raise TypeError("a truth is no time")
    if form in ("s", "ms", "ns"):
        if form == "ns":
            return int(value) // 1000
        return int(value) * _UNITS[form] if isinstance(value, int) else round(float(value) * _UNITS[form])
    if not isinstance(value, str):
        raise TypeError("a text is wanted")
    if form == "odata_date":
        found = _ODATA.fullmatch(value)
        if found is None:
            raise ValueError("not /Date(…)/")
        return int(found[1]) * 1000
    if form == "rfc2822":
        from email.utils import parsedate_to_datetime

        moment = parsedate_to_datetime(value)
    else:
        moment = datetime.fromisoformat(value.strip())
    if moment.tzinfo is None:
        if form == "rfc3339":
            raise ValueError("it has no zone")
        moment = moment.replace(tzinfo=zone or UTC)
    return from_datetime(moment)


def write_time(at: Micros, form: str, zone: ZoneInfo | None = None) -> str | int:
    """
    Write a time in a foreign form; counted forms give a number.

    >>> write_time(1_767_225_600_000_000, "datetime", ZoneInfo("Asia/Shanghai"))
    '2026-01-01 08:00:00'
    """
    if form == "s":
        return at // SECOND
    if form == "ms":
        return at // 1000
    if form == "ns":
        return at * 1000
    if form == "odata_date":
        return f"/Date({at // 1000})/"
    if form == "rfc3339":
        return str(to_rfc3339(at)).replace(".000000Z", "Z")
    moment = datetime.fromtimestamp(at // SECOND, UTC).astimezone(zone or UTC)
    if form == "datetime":
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    if form == "jql":
        return f"{moment:%Y-%m-%d %H:%M}"
    if form == "date":
        return f"{moment:%Y-%m-%d}"
    if form == "rfc2822":
        from email.utils import format_datetime

        return format_datetime(moment)
    return moment.isoformat(timespec="milliseconds")
