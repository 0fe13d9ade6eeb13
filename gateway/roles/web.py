"""The web server: one process on SQLite (one writer), two on PostgreSQL."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from core.settings import Settings
from gateway.serve import log_to_stderr

THREADS = 32
"""Requests that wait for the same group commit at once; each costs a thread that sleeps."""


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    Granian(
        "gateway.wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1 if settings.database_url.startswith("sqlite") else 2,
        blocking_threads=THREADS,
        backlog=512,
        backpressure=256,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        log_level=LogLevels.error,
    ).serve()


if __name__ == "__main__":
    settings = Settings.from_env()
    log_to_stderr(settings)
    run(settings)
