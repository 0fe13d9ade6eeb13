"""
A span as we tell it: where it stands, when it was, what it is about. No tracing library is needed to make one.

Ids are not drawn but follow from our rows: whoever tells of the same row, in whatever process and however often, gives
the same ids, so that the parts fit together. The trace of a delivery is the id of its first event without the prefix;
the span of a row is the last sixteen digits of its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from core.words import Micros


class SpanKind(Enum):
    """On which side of a connection a span stands."""

    INTERNAL = "internal"
    SERVER = "server"  #: somebody called us
    CONSUMER = "consumer"  #: we fetched it ourselves
    CLIENT = "client"  #: we called somebody


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span stands: in which trace, under which number, and whether that trace is recorded."""

    trace: int
    span: int
    sampled: bool = True

    def beneath(self, span: int) -> Place:
        """
        Return the place of another span of this trace.

        >>> Place(1, 2, sampled=False).beneath(3)
        Place(trace=1, span=3, sampled=False)
        """
        return Place(self.trace, span, self.sampled)

    def header(self) -> str:
        """
        Return it as the ``traceparent`` of a request.

        >>> Place(0x0AF7, 0xB7AD).header()
        '00-00000000000000000000000000000af7-000000000000b7ad-01'
        """
        return f"00-{self.trace:032x}-{self.span:016x}-{self.sampled:02x}"


@dataclass(frozen=True, slots=True)
class Span:
    """One finished thing. ``about`` holds ids, names and words, never what a body or a field says."""

    place: Place
    parent: Place | None
    name: str
    began: Micros
    ended: Micros
    kind: SpanKind = SpanKind.INTERNAL
    about: Mapping[str, str | int | bool] = field(default_factory=dict)
    error: str | None = None
    origin: Place | None = None
    """What this one repeats, in another trace."""


class Traces(Protocol):
    """Where spans go."""

    def root(self, receipt: str, run: int, traceparent: str | None) -> tuple[Place, Place | None]:
        """Return the place of a delivery's own span, and of its sender's, if the sender named one."""
        ...

    def later(self, tell: Callable[[], Iterable[Span]]) -> None:
        """Take spans that are made by and by, in a thread of its own; the caller never waits."""
        ...

    def close(self) -> None:
        """Tell and send what waits, for a few seconds at most."""


def span_of(row_id: str, run: int = 0) -> int:
    """
    Return the number of a row's span; a replay, which handles the same row again, has another.

    >>> f"{span_of('evt_0199f0c2a1b27d3ebbd5112bb365888c'):x}"
    'bbd5112bb365888c'
    >>> span_of("evt_0199f0c2a1b27d3ebbd5112bb365888c", 1) == span_of("evt_0199f0c2a1b27d3ebbd5112bb365888c")
    False
    """
    return _digest(f"{row_id}/{run}") if run else int(row_id[-16:], 16)


def trace_of(receipt: str, run: int = 0) -> int:
    """
    Return the number of a delivery's trace; a replay begins a new one.

    Its second half is spread evenly (a receipt's is not), because samplers decide by it.

    >>> f"{trace_of('rcp_0199f0c2a1b27d3e8f4a5b6c7d8e9f00'):032x}"
    '0199f0c2a1b27d3ebbd5112bb365888c'
    """
    return int(receipt[-32:-16], 16) << 64 | _digest(f"{receipt}/replay/{run}" if run else f"{receipt}/0")


def attempt_span(action_id: str, n: int, fence: int) -> int:
    """Return the number of an attempt's span: it is known before the attempt begins, so that calls can carry it."""
    return _digest(f"{action_id}/{n}/{fence}")


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") or 1
