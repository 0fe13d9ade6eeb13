"""Public ids: a readable prefix and a time-ordered random part, made in the process that needs them."""

from __future__ import annotations

import hashlib

import uuid_utils


def derived_id(prefix: str, origin: str, n: int) -> str:
    """
    Return the id of the n-th thing made from another: the same one whenever it is made, sorted by its origin's time.

    So what is handled again after a restore keeps its keys, and a far side that honours keys does nothing twice.

    >>> derived_id("evt", "rcp_0199f0c2a1b27d3e8f4a5b6c7d8e9f00", 0)
    'evt_0199f0c2a1b27d3ebbd5112bb365888c'
    """
    digest = hashlib.blake2b(f"{origin}/{n}".encode(), digest_size=8).hexdigest()
    return f"{prefix}_{origin.partition('_')[2][:16]}{digest}"


def new_id(prefix: str) -> str:
    """
    Return a fresh id such as ``evt_0199f0c2a1b27d3e8f4a5b6c7d8e9f00`` (UUIDv7: sorts by time).

    >>> new_id("evt")[:4]
    'evt_'
    """
    return f"{prefix}_{uuid_utils.uuid7().hex}"
