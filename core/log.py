"""
Log lines: for people as text, for machines as one JSON object a line; both carry what the line is about.

Whoever logs about something names it: ``log.info("…", extra=about(event="evt_…", action="act_…"))``. The event's id follows
from its receipt, so one search finds everything that one delivery caused.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from core.jsons import dumps
from core.settings import Settings

ABOUT = ("connector", "receipt", "event", "bridge", "action", "attempt", "code")
_QUIET = {
    "alembic": logging.WARNING,
    "celery": logging.WARNING,
    "kombu.connection": logging.ERROR,  # it warns that a folder has no host name
}


def about(**things: Any) -> dict[str, Any]:
    """Return what a line is about, for ``extra=``; nothing else is ever copied into a JSON line."""
    unknown = things.keys() - set(ABOUT)
    assert not unknown, f"a line is about {ABOUT}, not {unknown}"
    return {name: value for name, value in things.items() if value is not None}


class JsonLines(logging.Formatter):
    """One object a line: at, level, logger, message, what it is about, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in ABOUT if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return dumps(line)


class TextLines(logging.Formatter):
    """A line for people: what it is about stands at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        said = super().format(record)
        things = " ".join(f"{name}={getattr(record, name)}" for name in ABOUT if hasattr(record, name))
        return f"{said} [{things}]" if things else said


def begin(settings: Settings, stream: TextIO | None = None) -> None:
    """Log to standard error; libraries speak only when something is wrong, unless DEBUG is asked for."""
    handler = logging.StreamHandler(stream or sys.stderr)
    text = TextLines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if settings.log_format == "json" else text)
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    if settings.log_level != "DEBUG":
        for name, level in _QUIET.items():
            logging.getLogger(name).setLevel(level)
