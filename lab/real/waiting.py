"""Waiting for something a real system does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def until(look: Callable[[], Seen | None], what: str, seconds: float = 30, pause: float = 0.15) -> Seen:
    """Look again and again until something true is seen, and return it; say what was waited for when it never comes."""
    ends = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > ends:
            raise AssertionError(f"Waited {seconds:.0f} s in vain for {what}; the last look saw {seen!r}.")
        time.sleep(pause)
