"""
Starting Tieline: ``serve`` runs web, worker and beat as children of one process; each can also run alone.

In embedded mode the bell's folder is emptied at the start: it holds only rings, and the sweeper looks
anyway. When a child ends, whatever its owner had leased is free at once, because its end is known here.
"""

from __future__ import annotations

import logging
import shutil
import socket
import sys
import time
from collections.abc import Callable

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from bridges.claims import forget_owner
from celery_app import app as celery
from celery_app import bell_options
from core.database import Database
from core.errors import SetupError
from core.migrations import upgrade
from core.settings import Settings
from gateway.process import Child, supervise


class PortTakenError(SetupError):
    """The port we should listen on belongs to somebody else."""

    code = "port-taken"
    title, title_zh = "The port is taken", "端口已被占用"


def prepare(settings: Settings) -> None:
    """Make the home folder, bring the schema up to date, empty the bell, and see that the port is free."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    upgrade(database)
    database.close()
    if settings.embedded:
        shutil.rmtree(settings.folder / "bell", ignore_errors=True)
        bell_options(settings)


def check_port(settings: Settings) -> None:
    """Say clearly when the port is taken, before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise PortTakenError(
                f"Tieline cannot listen on {settings.host}:{settings.port}.",
                why=str(error.strerror or error),
                fix="Stop what listens there, or set TIELINE_PORT to a free port.",
            ) from error


def serve(settings: Settings, *, ready: Callable[[], None] = lambda: None) -> None:
    """Run the whole embedded Tieline until it is told to stop."""
    check_port(settings)
    prepare(settings)
    database = Database(settings.database_url)

    def free(pid: int) -> None:
        forget_owner(database, f"{socket.gethostname()}:{pid}")

    roles = [sys.executable, "-m", "gateway.serve"]
    supervise(
        [Child("web", [*roles, "web"]), Child("worker", [*roles, "worker"], free), Child("beat", [*roles, "beat"])], ready=ready
    )
    database.close()


def run_web(settings: Settings) -> None:
    """Run the web server: one process on SQLite (one writer), two on PostgreSQL."""
    Granian(
        "gateway.wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1 if settings.database_url.startswith("sqlite") else 2,
        blocking_threads=48,
        backlog=512,
        backpressure=256,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    ).serve()


def run_worker(settings: Settings) -> None:
    """Run one Celery worker; its threads share one set of parts."""
    celery.worker_main(
        ["worker", "--pool", "threads", "--concurrency", "6", "--loglevel", settings.log_level, "--without-gossip", "--without-mingle",
         "--without-heartbeat", "--hostname", f"tieline-{time.time_ns()}@%h"]
    )  # fmt: skip


def run_beat(settings: Settings) -> None:
    """Run beat: it only rings."""
    celery.Beat(loglevel=settings.log_level, schedule=str(settings.folder / "beat"), pidfile=None, quiet=True).run()


def main(role: str) -> None:
    """Run one role as a process of its own."""
    settings = Settings.from_env()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    {"web": run_web, "worker": run_worker, "beat": run_beat, "all": serve}[role](settings)


if __name__ == "__main__":
    main(sys.argv[1])
