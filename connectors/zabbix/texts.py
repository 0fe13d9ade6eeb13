"""Reading single values of Zabbix' answers strictly: its numbers and ids are strings, and nothing else may pass for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import MalformedError

LATEST = 253_402_300_799  #: the last second of the year 9999


def text(holder: Mapping[str, Any], name: str) -> str:
    """Return a value that is text; a number is taken for its digits, as newer versions send some."""
    value = holder[name]
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise _wrong(name, value, "text")


def identity(holder: Mapping[str, Any], name: str) -> str:
    """Return an id: digits, not zero."""
    value = text(holder, name)
    if value.isascii() and value.isdigit() and value.strip("0"):
        return value
    raise _wrong(name, value, "an id of digits")


def no_identity(value: Any) -> bool:
    """Say whether an id is Zabbix' way of saying none."""
    return value in (None, "", "0", 0)


def seconds(holder: Mapping[str, Any], name: str) -> int:
    """Return unix seconds between 1970 and 9999."""
    value = text(holder, name)
    if value.isascii() and value.isdigit() and len(value) <= 12 and int(value) <= LATEST:
        return int(value)
    raise _wrong(name, value, "a time in unix seconds")


def flag(holder: Mapping[str, Any], name: str) -> bool:
    """Return "0" or "1" as a boolean."""
    value = text(holder, name)
    if value in ("0", "1"):
        return value == "1"
    raise _wrong(name, value, '"0" or "1"')


def _wrong(name: str, value: Any, wanted: str) -> MalformedError:
    return MalformedError(
        f"The field {name} is not {wanted}.",
        why=f"It holds {str(value)[:80]!r}.",
        fix="If it was pushed: use push.py's media type. If it was polled: report it with the Zabbix version.",
    )
