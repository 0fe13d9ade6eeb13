"""
What a call to another system carries: the ``traceparent`` of the attempt that makes it, when traces are on.

It stands beside the call and not in its arguments, so that no kind has to know of traces.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


def carrying(traceparent: str, work: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """
    Work; every request that it makes in this thread carries the header.

    >>> carrying("00-…-01", TRACEPARENT.get), TRACEPARENT.get()
    ('00-…-01', None)
    """
    before = TRACEPARENT.set(traceparent)
    try:
        return work(*given, **named)
    finally:
        TRACEPARENT.reset(before)
