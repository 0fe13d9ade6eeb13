"""PromQL from parts, so that a label's value can never become a piece of the expression."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from core.errors import InputError
from core.words import Json

LONGEST_HOURS = 720
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def selector(metric: Json, labels: Json) -> str:
    r"""
    Return a series selector.

    >>> selector("cpu", {"instance": 'db"01'})
    'cpu{instance="db\\"01"}'
    """
    if not isinstance(metric, str) or not _METRIC.fullmatch(metric):
        raise InputError(
            f"{str(metric)[:80]!r} is not the name of a metric.",
            why="Letters, digits, _ and : make one.",
            fix="Name the metric alone, and give label values in labels; for whole expressions there is the lookup value.",
        )
    chosen = labels or {}
    if not isinstance(chosen, Mapping):
        raise InputError("labels is not an object.", why="It names label values.", fix="Give {instance: db01}.")
    for name in chosen:
        if not _LABEL.fullmatch(name):
            raise InputError(
                f"{name[:80]!r} is not the name of a label.", why="Letters, digits and _ make one.", fix="Correct it."
            )
    return metric + "{" + ",".join(f"{name}={quoted(value)}" for name, value in sorted(chosen.items())) + "}"


def quoted(value: Json) -> str:
    r"""
    Return a PromQL string.

    >>> quoted('a"b\n')
    '"a\\"b\\n"'
    """
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def span(hours: Json) -> str:
    """
    Return a duration in seconds.

    >>> span(None), span("0.5")
    ('3600s', '1800s')
    """
    try:
        seconds = round(3600 * (1.0 if hours is None else float(hours)))
    except (TypeError, ValueError, OverflowError):
        seconds = 0
    if not 1 <= seconds <= LONGEST_HOURS * 3600:
        raise InputError(
            f"{str(hours)[:40]!r} hours cannot be asked.", why=f"It is a number up to {LONGEST_HOURS}.", fix="Correct hours."
        )
    return f"{seconds}s"


def number(text: Json) -> float | None:
    """
    Read a sample; what is not a finite number is no value, and never 0.

    >>> number("9.15e+01"), number("NaN"), number("+Inf")
    (91.5, None, None)
    """
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
