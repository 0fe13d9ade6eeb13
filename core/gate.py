"""
The gate before SQLite's write lock: who wants to write waits in the kernel instead of in SQLite's back-off.

SQLite lets writers sleep and try again, up to 100 ms at a time, and whoever comes at the right moment
goes first; with a web process and a worker that write all the time, most of the time is slept away. An
advisory lock on a file beside the database wakes the next one at once, and is given back by the kernel
when its holder is killed. Before the gate there is room for one: who stands there is the next, so a door
waits for one batch of a worker and never for several. It is only courtesy: a process that does not know the
gate is kept out by SQLite itself.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Gate:
    """One holder at a time among all threads and processes that use this file. Not reentrant."""

    def __init__(self, file: Path) -> None:
        self._files, self._lock = (file, file.with_name(f"{file.name}-next")), threading.Lock()
        self._handles, self._opened_by = (-1, -1), 0

    def __enter__(self) -> None:
        self._lock.acquire()
        if sys.platform != "win32":
            try:
                gate, place = self._open()
                fcntl.flock(place, fcntl.LOCK_EX)
                try:
                    fcntl.flock(gate, fcntl.LOCK_EX)
                finally:
                    fcntl.flock(place, fcntl.LOCK_UN)
            except BaseException:
                self._lock.release()
                raise

    def __exit__(self, *_: object) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._handles[0], fcntl.LOCK_UN)
        self._lock.release()

    def _open(self) -> tuple[int, int]:
        """Return the files' handles; a forked child opens its own, or it would share its parent's locks."""
        if self._opened_by != os.getpid():
            gate, place = (os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for file in self._files)
            self._handles, self._opened_by = (gate, place), os.getpid()
        return self._handles

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            if self._opened_by == os.getpid():
                for handle in self._handles:
                    os.close(handle)
            self._handles, self._opened_by = (-1, -1), 0
