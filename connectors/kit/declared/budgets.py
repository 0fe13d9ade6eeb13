"""How often one process may call: a manifest names the figure, this counts."""

from __future__ import annotations

import threading
import time

from core.errors import RateLimitedError


class Budget:
    """So many calls in so many seconds, by this process; who comes too early is told when."""

    def __init__(self, calls: int, per_s: float) -> None:
        self._calls, self._per_s = calls, per_s
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, system: str, patience_s: float) -> None:
        """Take one call, waiting a little for it if need be."""
        step = self._per_s / self._calls
        with self._lock:
            now = time.monotonic()
            at = max(self._free_at, now - self._per_s + step)
            wait = at - now
            if wait > min(patience_s / 2, 1.0):
                raise RateLimitedError(
                    f"Our budget for {system} is used up.",
                    why=f"Its manifest allows {self._calls} calls in {self._per_s:g} s.",
                    retry_after=wait,
                )
            self._free_at = at + step
        if wait > 0:
            time.sleep(wait)
