"""JSON: one fast writer, one canonical form for hashes. Strict reading of foreign bytes is in core.strict."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def dumps(value: Any) -> str:
    """Write compact JSON text."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def canonical(value: Any) -> bytes:
    """Write the one byte form of a value: sorted keys, no spaces; what hashes are taken of."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def loads(text: str | bytes | None) -> Any:
    """Read JSON that we wrote ourselves; None stays None."""
    return None if text is None else orjson.loads(text)


def sha256(value: Any) -> str:
    """Return the hex SHA-256 of the canonical form of a value, or of bytes as they are."""
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()


def same(one: Any, other: Any) -> bool:
    """
    Say whether two JSON values are the same: 1 and 1.0 are, 1 and true are not.

    >>> same(1, True), same([1], [1]), same(1, 1.0)
    (False, True, True)
    """
    if one.__class__ is not other.__class__:
        return {one.__class__, other.__class__} == {int, float} and bool(one == other)
    if one.__class__ is list:
        return len(one) == len(other) and all(map(same, one, other))
    if one.__class__ is dict:
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)
