"""Beat: it only rings. A second one is harmless, because rows decide what is due."""

from __future__ import annotations

from celery_app import app
from core import log
from core.settings import Settings
from gateway.children import be_named, keep_private


def run(settings: Settings) -> None:
    """Ring until told to stop."""
    be_named("beat")
    log.begin(settings)
    keep_private(settings)
    beat = app.Beat(loglevel="WARNING", schedule=str(settings.folder / "beat"), pidfile=None, quiet=True)
    beat.run()


if __name__ == "__main__":
    run(Settings.from_env())
