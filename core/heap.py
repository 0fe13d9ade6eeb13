"""
Freed memory goes back to the system: glibc keeps the pages of a burst for ever unless it is asked for them.

A worker that has handled a hundred thousand events would otherwise stay as large as its largest moment.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable

EVERY_S = 3.0
"""Giving back looks through the whole heap (some milliseconds), so it is done rarely."""


class Tidy:
    """Gives memory back a moment after work, from a thread of its own; ``trim`` and ``pause`` are handed in by tests."""

    def __init__(self, trim: Callable[[], object] | None = None, pause: Callable[[float], object] = time.sleep) -> None:
        self._trim, self._pause = trim or give_back, pause
        self._used, self._starting = threading.Event(), threading.Lock()
        self._runs = False

    def __call__(self) -> None:
        """Note that work was done."""
        self._used.set()
        with self._starting:
            if not self._runs:
                threading.Thread(target=self._go_on, name="heap", daemon=True).start()
                self._runs = True

    def _go_on(self) -> None:
        while self._used.wait():
            self._pause(EVERY_S)
            self._used.clear()
            self._trim()


def give_back() -> None:
    """Give back what is free now."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl needs none
        if trim is not None:
            trim(0)
