"""
What a connector sends and hears, seen by whoever tries it out: every request and answer of one thread, redacted.

Watching is off unless somebody asks for it around one call, so it costs a look at a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from connectors.kit.redact import MASK, Redactor

MOST_SEEN = 50
MOST_BODY = 16 * 1024


@dataclass(frozen=True, slots=True)
class Watched:
    """One request and its answer, as they may be shown."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    status: int | None
    answer_headers: dict[str, str]
    answer: str | None
    took_ms: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for the API."""
        return {
            "method": self.method,
            "url": self.url,
            "headers": self.headers,
            "body": self.body,
            "status": self.status,
            "answer_headers": self.answer_headers,
            "answer": self.answer,
            "took_ms": self.took_ms,
        }


_TELLING = re.compile(
    r'(?i)("(?:[a-z0-9]+[_-]?)*(?:token|secret|password|passwd|apikey|api_key|session|sessionid|signature|ticket)"\s*:\s*)"[^"]*"'
)
"""Members of an answer that are secrets by their name: a token that just came is known to nobody yet."""

_WATCHER: ContextVar[list[Watched] | None] = ContextVar("watcher", default=None)


@contextmanager
def watch() -> Iterator[list[Watched]]:
    """Collect what is sent and heard inside this block."""
    seen: list[Watched] = []
    token = _WATCHER.set(seen)
    try:
        yield seen
    finally:
        _WATCHER.reset(token)


def is_watched() -> bool:
    """Say whether somebody is looking."""
    return _WATCHER.get() is not None


def note(
    redact: Redactor,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    status: int | None,
    answer_headers: Mapping[str, str],
    answer: bytes | None,
    took_ms: float,
) -> None:
    """Keep one request and its answer for whoever looks."""
    seen = _WATCHER.get()
    if seen is None or len(seen) >= MOST_SEEN:
        return
    seen.append(
        Watched(
            method,
            redact(url),
            redact.headers(headers),
            _text(redact, body),
            status,
            redact.headers(answer_headers),
            _text(redact, answer),
            round(took_ms, 1),
        )
    )


def _text(redact: Redactor, body: bytes | None) -> str | None:
    if not body:
        return None
    shown = _TELLING.sub(rf'\1"{MASK}"', redact(body[: MOST_BODY * 4].decode("utf-8", "replace")))
    return shown if len(shown) <= MOST_BODY else shown[:MOST_BODY] + "…"
