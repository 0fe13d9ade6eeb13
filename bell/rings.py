"""Ringing and looking: many rings are one ring, and one process looks once at a time."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger("tieline.engine")

SPAN_S = 0.004
"""At most one ring per span, when rings are rare."""
LONGEST_SPAN_S = 0.032
"""The same under load: whoever looks is looking anyway, and each ring costs the one who hears it."""


class OneAtATime:
    """Runs a look once per process at a time; a ring during a look makes it look once more."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look, self._lock, self._again = look, threading.Lock(), threading.Event()

    def __call__(self) -> None:
        """Look now, or make sure that whoever is looking looks again."""
        self._again.set()
        while self._again.is_set() and self._lock.acquire(blocking=False):
            try:
                self._again.clear()
                self._look()
            finally:
                self._lock.release()

    def nudge(self) -> bool:
        """Make a look that is under way here look once more; False when none is: then somebody has to be rung."""
        if not self._lock.locked():
            return False
        self._again.set()
        return self._lock.locked()  # one that ended just now may not have seen it


class Bell:
    """
    Rings a task, at most once per span: many rings within it would only say the same.

    A ring within the span is rung at its end and never dropped: the look that the one before began may have
    ended already. A thread rings, so that nobody who has rows to write waits for a broker. While rings keep
    coming, the span grows.
    """

    def __init__(self, ring: Callable[[], object], span_s: float = SPAN_S, longest_s: float = LONGEST_SPAN_S) -> None:
        self._ring, self._span_s, self._longest_s = ring, span_s, max(span_s, longest_s)
        self._asked, self._ringing, self._starting = threading.Event(), threading.Lock(), threading.Lock()
        self._ringer, self._broken = 0, False

    def __call__(self) -> None:
        """Have it rung; a bell that cannot ring is only latency, because the sweeper looks too."""
        self._asked.set()
        if self._ringer != os.getpid():  # the first ring of this process, or of a forked child
            with self._starting:
                if self._ringer != os.getpid():
                    threading.Thread(target=self._ring_on, name="bell", daemon=True).start()
                    atexit.register(self.flush)
                    self._ringer = os.getpid()

    def flush(self, timeout_s: float = 1.0) -> None:
        """Wait until what was asked for has been rung; a command that ends at once calls it at its end."""
        until = time.monotonic() + timeout_s
        while self._asked.is_set() and time.monotonic() < until:
            time.sleep(0.001)
        if self._ringing.acquire(timeout=max(0.0, until - time.monotonic())):
            self._ringing.release()

    def _ring_on(self) -> None:
        span_s = self._span_s
        while self._asked.wait():
            with self._ringing:
                self._asked.clear()
                try:
                    self._ring()
                    self._broken = False
                except Exception as error:  # whatever a broker may raise: the sweeper looks anyway
                    log.log(logging.DEBUG if self._broken else logging.WARNING, "The bell cannot be rung: %s", error)
                    self._broken = True
            time.sleep(span_s)
            span_s = min(span_s * 2, self._longest_s) if self._asked.is_set() else self._span_s
