"""The web server: one process on SQLite (one writer), two on PostgreSQL."""

from __future__ import annotations

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from core import log
from core.settings import Settings
from gateway.children import keep_private
from gateway.sharing import share_counters

CONNECTIONS = 512
"""Connections served at once; who says nothing for so long is sent away, so that idle ones do not fill them."""

SILENT_MS = 10_000


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    keep_private(settings)
    share_counters(settings.folder)
    Granian(
        "gateway.wsgi:served",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        workers=1 if settings.database_url.startswith("sqlite") else 2,
        backlog=512,
        backpressure=CONNECTIONS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=SILENT_MS),
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        log_level=LogLevels.error,
    ).serve()


if __name__ == "__main__":
    settings = Settings.from_env()
    log.begin(settings)
    run(settings)
