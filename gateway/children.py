"""
Processes of one Tieline: started, watched, started again, stopped together.

They are forked from one that has loaded everything and done nothing: what is loaded is in memory once, and who ended
is there again within milliseconds.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

from core.settings import Settings

log = logging.getLogger("tieline.serve")

_PR_SET_PDEATHSIG = 1
LONGEST_PAUSE_S = 5.0
STOP_S = 15.0


def keep_private(settings: Settings) -> None:
    """Make the home ours alone, also one that was there before, and every file that this process makes from now on."""
    os.umask(0o077)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        settings.folder.chmod(0o700)
    except PermissionError:  # a mounted folder of somebody else: the files in it are ours alone all the same
        return


def die_with_parent() -> None:
    """On Linux, ask the kernel to end this process when its parent ends, however that ends; elsewhere do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def be_named(role: str) -> None:
    """On Linux, show this process as ``tieline-ROLE`` in ps and top (15 characters at most)."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"tieline-{role}")


def fork(role: str, run: Callable[[], object]) -> ForkProcess:
    """Run this in a process of its own, which ends with us. Only while this process has no other thread."""
    made = multiprocessing.get_context("fork").Process(target=_begin, args=(role, run), name=role)
    made.start()
    return made


def _begin(role: str, run: Callable[[], object]) -> None:
    die_with_parent()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)
    be_named(role)
    run()


@dataclass(slots=True)
class Child:
    """One process that must run. ``on_end`` is told the pid of each one that ended."""

    name: str
    run: Callable[[], object]
    on_end: Callable[[int], None] = lambda pid: None
    is_still: Callable[[int], bool] = lambda pid: False
    """Told the pid, it says whether that process stands still: it is killed then, and started anew."""
    running: ForkProcess | None = None
    started_at: float = 0.0
    pause_s: float = 0.0
    again_at: float = 0.0

    def start(self) -> None:
        """Start it now."""
        self.running = fork(self.name, self.run)
        self.started_at = time.monotonic()

    def look(self) -> None:
        """Start it again when it has ended, a little later each time it ends at once; never wait here."""
        if self.running is None:
            if time.monotonic() >= self.again_at:
                self.start()
            return
        pid = self.running.pid
        assert pid is not None
        if self.running.is_alive():
            if self.is_still(pid):
                log.error("%s (pid %s) stands still; it is killed and started anew (rows are safe)", self.name, pid)
                self.running.kill()
            return
        code, lived = self.running.exitcode, time.monotonic() - self.started_at
        self.pause_s = 0.0 if lived > LONGEST_PAUSE_S else min(LONGEST_PAUSE_S, max(0.2, self.pause_s * 2))
        log.warning("%s (pid %s) ended with %s after %.1f s; it is started again", self.name, pid, code, lived)
        self.running, self.again_at = None, time.monotonic() + self.pause_s
        try:
            self.on_end(pid)
        except Exception as error:  # such as a database that is away, which may be why it ended
            log.warning("What %s held is free when its leases lapse: %s", self.name, error)

    def stop(self) -> None:
        """Ask it to end."""
        if self.running is not None and self.running.is_alive():
            self.running.terminate()


def supervise(children: list[Child], *, ready: Callable[[], None] = lambda: None) -> None:
    """Run children until SIGINT or SIGTERM, then stop them all; returns when none is left."""
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        for child in children:
            child.start()
        ready()
        while not stopping:
            for child in children:
                child.look()
            time.sleep(0.1)
    finally:
        _stop_all(children)
        for one, handler in before.items():
            signal.signal(one, handler)


def _stop_all(children: list[Child]) -> None:
    for child in children:
        child.stop()
    until = time.monotonic() + STOP_S
    for child in children:
        if child.running is None:
            continue
        child.running.join(max(0.1, until - time.monotonic()))
        if child.running.is_alive():
            log.warning("%s (pid %s) did not end in time; it is killed (rows are safe)", child.name, child.running.pid)
            child.running.kill()
            child.running.join()
