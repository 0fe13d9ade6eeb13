"""
Starting Tieline: ``serve`` runs web, worker and beat as children of one process; each can also run alone.

In embedded mode the bell's folder is emptied at the start: it holds only rings, and the sweeper looks
anyway. When a worker ends, what it had leased is free at once, because its end is known here.
Each role is a module of its own, so that a process loads only what it needs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from bell.watch import Pulse
from core import log
from core.database import Database
from core.errors import SetupError
from core.migrations import upgrade
from core.secrets import Vault
from core.settings import Settings
from gateway.children import Child, supervise


class PortTakenError(SetupError):
    """The port we should listen on belongs to somebody else."""

    code = "port-taken"
    title, title_zh = "The port is taken", "端口已被占用"


class RunningAlreadyError(SetupError):
    """Another ``tieline serve`` works in this home; two would empty each other's bell."""

    code = "running-already"
    title, title_zh = "This Tieline runs already", "该 Tieline 已在运行"


def take_home(settings: Settings) -> BinaryIO:
    """Own the home folder until the returned file is closed, or the process ends, however that ends."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.folder / "serve.lock"
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        who = file.read(100).decode(errors="replace").strip()
        file.close()
        raise RunningAlreadyError(
            "This Tieline runs already.",
            why=f"A `tieline serve` ({who or 'just starting'}) works in {settings.folder}.",
            fix="Stop that one first, or set TIELINE_HOME (and TIELINE_PORT) for a second Tieline."
            " More hands for the same one: `tieline worker`.",
        ) from None
    file.truncate(0)
    file.write(f"pid {os.getpid()}, port {settings.port}".encode())
    file.flush()
    return file


def prepare(settings: Settings) -> None:
    """Make the home folder and its key, bring the schema up to date, and empty the bell."""
    keep_private(settings)
    Vault(settings.folder / "secret.key")
    database = Database(settings.database_url)
    upgrade(database)
    database.close()
    if settings.embedded:
        shutil.rmtree(settings.folder / "bell", ignore_errors=True)


def check_port(settings: Settings) -> None:
    """Say clearly when the port is taken, before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise PortTakenError(
                f"Tieline cannot listen on {settings.host}:{settings.port}.",
                why=f"{error.strerror or error}.",
                fix="Stop what listens there, or set TIELINE_PORT to a free port.",
            ) from error


def serve(settings: Settings, *, ready: Callable[[], None] = lambda: None) -> None:
    """Run the whole embedded Tieline until it is told to stop; ``prepare`` and ``take_home`` come before."""
    log.begin(settings)
    check_port(settings)
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
    worker.on_end = lambda pid: _bury(settings, pulses, pid)


class Pulses:
    """The heartbeats of the workers in this home."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._known = folder, dict[int, Pulse]()

    def _place(self, pid: int) -> Path:
        return self._folder / f"worker-{pid}.pulse"

    def is_still(self, pid: int) -> bool:
        """Say whether this worker's heartbeat has stopped."""
        if pid not in self._known:
            self._known[pid] = Pulse(self._place(pid))
        return self._known[pid].is_still()

    def forget(self, pid: int) -> None:
        """Remove what an ended worker left."""
        self._known.pop(pid, None)
        self._place(pid).unlink(missing_ok=True)


def _bury(settings: Settings, pulses: Pulses, pid: int) -> None:
    """Free what an ended worker had leased: its end is known for certain here."""
    pulses.forget(pid)
    from bridges.claims import forget_owner  # loaded only when a worker has ended: the supervisor stays small

    database = Database(settings.database_url)
    forget_owner(database, f"{socket.gethostname()}:{pid}")
    database.close()


def keep_private(settings: Settings) -> None:
    """Make the home ours alone, also one that was there before, and every file that this process makes from now on."""
    os.umask(0o077)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        settings.folder.chmod(0o700)
    except PermissionError:  # a mounted folder of somebody else: the files in it are ours alone all the same
        return
