"""
Before anything is started: the home is ours alone, the schema is current, the port is free, the bell is empty.

In embedded mode the bell's folder is emptied at the start: it holds only rings, and the sweeper looks anyway.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from typing import BinaryIO

from core.database import Database
from core.errors import SetupError
from core.migrations import upgrade
from core.secrets import Vault
from core.settings import Settings
from gateway.children import keep_private


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
