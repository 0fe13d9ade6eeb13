"""
The watchdog of a worker: it measures whether due rows get on, not whether the process lives.

A worker that answers pings may hear no ring any more (a broker that died while it was busy, a half-open connection).
So the judgement is made from the rows: something is due that anybody could claim, it has waited for long, and
this process has got nothing done for as long. Then the process ends with a sentence, and whoever supervises it
(`tieline serve`, systemd, a container's restart policy) starts a new one; rows and leases make that safe.
For a process that cannot judge itself (stopped, or stuck as a whole) its supervisor looks at the heartbeat.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("tieline.watch")

LOOK_S = 2.0
DEAF_S = 10.0
"""Due rows that nobody claimed for so long, and nothing done here for so long: this worker is deaf."""
STILL_S = 15.0
"""A heartbeat that did not move for so long: this process stands still."""
DEAF = 75
"""The exit code of a deaf worker (EX_TEMPFAIL of sysexits.h: try again)."""


class Watch:
    """Judges one worker from its own thread; ``judge`` is one look, so that a test can make it."""

    def __init__(
        self,
        oldest_unclaimed_s: Callable[[], float],
        progress: Callable[[], int],
        *,
        heartbeat: Path | None = None,
        end: Callable[[int], object] = os._exit,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._oldest, self._progress, self._heartbeat = oldest_unclaimed_s, progress, heartbeat
        self._end, self._monotonic = end, monotonic
        self._seen, self._since = progress(), monotonic()

    def start(self) -> None:
        """Look every two seconds for as long as the process lives."""
        threading.Thread(target=self._look_on, name="watch", daemon=True).start()

    def _look_on(self) -> None:
        while True:
            time.sleep(LOOK_S)
            if self._heartbeat is not None:
                beat(self._heartbeat)
            self.judge()

    def judge(self) -> bool:
        """End the process if it is deaf; say whether it is well. Without a database there is no judgement."""
        now, seen = self._monotonic(), self._progress()
        if seen != self._seen:
            self._seen, self._since = seen, now
            return True
        if now - self._since < DEAF_S:
            return True
        try:
            waited = self._oldest()
        except Exception as error:  # whatever the database says: that is not deafness
            log.debug("the watchdog cannot look: %s", error)
            self._since = now
            return True
        if waited < DEAF_S:
            return True
        log.error(
            "This worker hears nothing: a due row waits for %.0f s and nothing was done here for %.0f s. It ends, to be"
            " started anew; no row is lost.",
            waited,
            now - self._since,
        )
        self._end(DEAF)
        return False


def beat(path: Path) -> None:
    """Move the heartbeat."""
    with suppress(OSError):
        path.touch()


class Pulse:
    """What a supervisor knows of one process' heartbeat. Clock jumps do not matter: it asks only whether it moved."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path, self._monotonic = path, monotonic
        self._mark, self._since = self._read(), monotonic()

    def _read(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None

    def is_still(self) -> bool:
        """Say whether it beat at least once and then did not move for too long."""
        mark, now = self._read(), self._monotonic()
        if mark != self._mark:
            self._mark, self._since = mark, now
        return mark is not None and now - self._since > STILL_S
