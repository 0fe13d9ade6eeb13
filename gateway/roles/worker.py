"""One Celery worker; its threads share one set of parts."""

from __future__ import annotations

import time
import warnings

import celery_app
from core import log
from core.settings import Settings
from gateway.children import be_named, keep_private

THREADS = 6
"""Looks at once: handle, deliver, poll, heal and sweep each run one at a time per process."""


def run(settings: Settings, *duties: str) -> None:
    """Work until told to stop; without duties named, all of them."""
    be_named(duties[0] if len(duties) == 1 else "worker")
    log.begin(settings)
    keep_private(settings)
    warnings.filterwarnings("ignore", message=".*superuser privileges")  # in a container one is root; its advice is not ours
    celery_app.take(*duties)
    celery_app.app.worker_main(
        [
            "--quiet",
            "worker",
            *("--pool", "threads", "--concurrency", str(THREADS)),
            *("--queues", ",".join(celery_app.queues())),
            *("--loglevel", settings.log_level if settings.log_level == "DEBUG" else "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--hostname", f"tieline-{time.time_ns()}@%h"),
        ]
    )


if __name__ == "__main__":
    run(Settings.from_env())
