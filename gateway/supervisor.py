"""
Who watches over the processes of one Tieline: ``python -m gateway.supervisor serve|worker …``.

It is a program of its own and loads next to nothing: `tieline serve` and `tieline worker` prepare everything and then
become it, so what they had loaded for that is gone. It knows no database; what an ended worker had leased is freed by
a short process beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bell.watch import Pulse
from core import log
from core.settings import Settings
from gateway.children import Child, supervise


def become(*words: str, welcome: str = "", keep: tuple[int, ...] = ()) -> NoReturn:
    """Turn this process into the supervisor; ``welcome`` is printed when all is started, ``keep`` are files it keeps open."""
    reader, writer = os.pipe()
    os.write(writer, welcome.encode()[:60_000])
    os.close(writer)
    for handle in (reader, *keep):
        os.set_inheritable(handle, True)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gateway.supervisor", str(reader), *words])  # noqa: S606 - ourselves


def serve(settings: Settings, *, ready: Callable[[], None] = lambda: None) -> None:
    """Run web, worker and beat until told to stop."""
    roles = [Child(role, [sys.executable, "-m", f"gateway.roles.{role}"]) for role in ("web", "worker", "beat")]
    _watch(settings, roles[1])
    supervise(roles, ready=ready)


def work(settings: Settings, count: int) -> None:
    """Run some workers until they are told to stop: on a machine of their own, or as more hands for this one."""
    workers = [Child("worker", [sys.executable, "-m", "gateway.roles.worker"]) for _ in range(count)]
    for one in workers:
        _watch(settings, one)
    supervise(workers)


def _watch(settings: Settings, worker: Child) -> None:
    """Have a worker replaced that stands still, and free at once what an ended one had leased."""
    pulses = Pulses(settings.folder)
    worker.is_still = pulses.is_still
    worker.on_end = pulses.bury


class Pulses:
    """The heartbeats of the workers in this home."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._known = folder, dict[int, Pulse]()
        self._burials: list[subprocess.Popen[bytes]] = []

    def _place(self, pid: int) -> Path:
        return self._folder / f"worker-{pid}.pulse"

    def is_still(self, pid: int) -> bool:
        """Say whether this worker's heartbeat has stopped."""
        if pid not in self._known:
            self._known[pid] = Pulse(self._place(pid))
        return self._known[pid].is_still()

    def bury(self, pid: int) -> None:
        """Remove what an ended worker left, and have its leases freed: its end is known for certain here."""
        self._known.pop(pid, None)
        self._place(pid).unlink(missing_ok=True)
        self._burials = [one for one in self._burials if one.poll() is None]
        self._burials.append(subprocess.Popen([sys.executable, "-m", "gateway.roles.bury", str(pid)]))  # noqa: S603 - ours


def main(reader: str, what: str, count: str = "1") -> None:
    """Be the supervisor until told to stop."""
    settings = Settings.from_env()
    log.begin(settings)
    with open(int(reader), encoding="utf-8") as file:  # noqa: PTH123 - an open handle, not a path
        welcome = file.read()
    if what == "worker":
        work(settings, int(count))
    else:
        serve(settings, ready=lambda: print(welcome, end="", flush=True))  # noqa: T201 - what `tieline serve` says


if __name__ == "__main__":
    main(*sys.argv[1:])
