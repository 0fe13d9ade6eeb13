"""Public ids: a readable prefix and a time-ordered random part, made in the process that needs them."""

from __future__ import annotations

import uuid_utils


def new_id(prefix: str) -> str:
    """
    Return a fresh id such as ``evt_0199f0c2a1b27d3e8f4a5b6c7d8e9f00`` (UUIDv7: sorts by time).

    >>> new_id("evt")[:4]
    'evt_'
    """
    return f"{prefix}_{uuid_utils.uuid7().hex}"
