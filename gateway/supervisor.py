"""
Who watches over the processes of one Tieline: ``python -m gateway.supervisor serve|worker …``.

It loads everything, does nothing with it, and forks the others: `tieline serve` and `tieline worker` prepare everything
and then become it, so what they had done (connections, threads) is gone. Handling and sending are two processes: each
keeps one core busy. What an ended worker had leased is freed by one more short fork.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import NoReturn

import celery_app
from bell.watch import Pulse
from bridges.claims import forget_owner
from core import log
from core.database import Database
from core.settings import Settings
from gateway.children import Child, fork, supervise
from gateway.roles import beat, worker
from gateway.sharing import share_counters


def become(*words: str, welcome: str = "", keep: tuple[int, ...] = ()) -> NoReturn:
    """Turn this process into the supervisor; ``welcome`` is printed when all is started, ``keep`` are files it keeps open."""
    reader, writer = os.pipe()
    os.write(writer, welcome.encode()[:60_000])
    os.close(writer)
    for handle in (reader, *keep):
        os.set_inheritable(handle, True)
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # glibc would keep a heap for each thread: a tenth more memory, measured
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gateway.supervisor", str(reader), *words])  # noqa: S606 - ourselves


def serve(settings: Settings, *, ready: Callable[[], None] = lambda: None) -> None:
    """Run web, workers and beat until told to stop."""
    share_counters(settings.folder)
    from gateway.roles import web  # after the counters have their place: the library looks for it when it is loaded

    web.load()
    workers = [Child(duty, partial(worker.run, settings, duty)) for duty in celery_app.DUTIES]
    others = [Child("web", partial(web.run, settings)), Child("beat", partial(beat.run, settings))]
    _run(settings, workers, others, ready)


def work(settings: Settings, count: int) -> None:
    """Run some workers until they are told to stop: on a machine of their own, or as more hands for this one."""
    _run(settings, [Child("worker", partial(worker.run, settings)) for _ in range(count)], [], lambda: None)


def _run(settings: Settings, workers: list[Child], others: list[Child], ready: Callable[[], None]) -> None:
    """Fork them all; have a worker replaced that stands still, and free at once what an ended one had leased."""
    pulses = Pulses(settings)
    for one in workers:
        one.is_still, one.on_end = pulses.is_still, pulses.bury
    celery_app.load()
    gc.collect()
    gc.freeze()  # no collector writes to what all share
    supervise([*others, *workers], ready=ready)


class Pulses:
    """The heartbeats of the workers in this home."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._known = settings, dict[int, Pulse]()
        self._burials: list[ForkProcess] = []

    def _place(self, pid: int) -> Path:
        return self._settings.folder / f"worker-{pid}.pulse"

    def is_still(self, pid: int) -> bool:
        """Say whether this worker's heartbeat has stopped."""
        if pid not in self._known:
            self._known[pid] = Pulse(self._place(pid))
        return self._known[pid].is_still()

    def bury(self, pid: int) -> None:
        """Remove what an ended worker left, and have its leases freed: its end is known for certain here."""
        self._known.pop(pid, None)
        self._place(pid).unlink(missing_ok=True)
        self._burials = [one for one in self._burials if one.is_alive()]
        self._burials.append(fork("bury", partial(_forget, self._settings, pid)))


def _forget(settings: Settings, pid: int) -> None:
    database = Database(settings.database_url)
    forget_owner(database, f"{socket.gethostname()}:{pid}")
    database.close()


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
