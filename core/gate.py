"""
The gate before SQLite's write lock: who wants to write waits in the kernel instead of in SQLite's back-off.

SQLite lets writers sleep and try again, up to 100 ms at a time, and whoever comes at the right moment
goes first; with a web process and a worker that write all the time, most of the time is slept away. An
advisory lock on a file beside the database wakes the next one at once, and is given back by the kernel
when its holder is killed. It is only courtesy: a process that does not know the gate is kept out by
SQLite itself.
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
        self._file, self._lock = file, threading.Lock()
        self._handle, self._opened_by = -1, 0

    def __enter__(self) -> None:
        self._lock.acquire()
        if sys.platform != "win32":
            try:
                fcntl.flock(self._open(), fcntl.LOCK_EX)
            except BaseException:
                self._lock.release()
                raise

    def __exit__(self, *_: object) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        self._lock.release()

    def _open(self) -> int:
        """Return the file's handle; a forked child opens its own, or it would share its parent's lock."""
        if self._opened_by != os.getpid():
            self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._opened_by = os.getpid()
        return self._handle

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._opened_by == os.getpid():
                os.close(self._handle)
            self._handle, self._opened_by = -1, 0
