"""The web server: one process on SQLite (one writer), two on PostgreSQL."""

from __future__ import annotations

import importlib
import resource

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from core import log
from core.settings import Settings
from gateway.children import be_named, keep_private
from gateway.sharing import share_counters

CONNECTIONS = 12_000
"""Connections kept at once: a silent one costs 16 KiB and no thread, and with few places ten thousand of them shut
out everybody for minutes (measured with 512). Who says nothing for so long is sent away."""

SILENT_MS = 10_000


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    be_named("web")
    keep_private(settings)
    _allow_many_files()
    Granian(
        "gateway.wsgi:served",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        workers=1 if settings.database_url.startswith("sqlite") else 2,
        backlog=4096,
        backpressure=CONNECTIONS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=SILENT_MS),
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        log_level=LogLevels.error,
    ).serve()


def load() -> None:
    """Load what the application consists of, without making one: for a process that forks us."""
    importlib.import_module("gateway.app")
    importlib.import_module("gateway.doors.reception")


def _allow_many_files() -> None:
    """Take as many open files as this machine allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = CONNECTIONS * 2 if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


if __name__ == "__main__":
    settings = Settings.from_env()
    log.begin(settings)
    share_counters(settings.folder)
    run(settings)
