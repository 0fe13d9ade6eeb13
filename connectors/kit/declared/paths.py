"""
Paths into an answer, compiled once: names, places in lists, ``[*]`` for every member. Nothing else, on purpose.

A path never fails: what is not there is None, and so is what is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import cast

from core.words import Json

Getter = Callable[[Json], Json]
_STEP = re.compile(r"""\.?(?:(?P<name>[^.\[\]"'$\s]+)|\[(?P<place>-?\d+)\]|\[(?P<every>\*)\]|\[(["'])(?P<quoted>[^"']+)\4\])""")
_EVERY = object()


class PathSyntaxError(ValueError):
    """A path that cannot be read."""


@lru_cache(maxsize=4096)
def path(text: str) -> Getter:
    """
    Compile a path. ``$`` is the whole answer.

    >>> path("issues[0].fields.status")({"issues": [{"fields": {"status": "open"}}]})
    'open'
    >>> path("results[*].id")({"results": [{"id": 1}, {"id": 2}]}), path('["@odata.nextLink"]')({})
    ([1, 2], None)
    """
    steps = _steps(text)
    if not steps:
        return _whole
    if len(steps) == 1 and isinstance(steps[0], str):
        only = steps[0]
        return lambda value: value.get(only) if isinstance(value, dict) else None
    if _EVERY in steps:
        at = steps.index(_EVERY)
        before, after = _walk(steps[:at]), steps[at + 1 :]
        then = _follow(after)
        return lambda value: _each(before(value), then, flat=_EVERY in after)
    return _walk(steps)


@lru_cache(maxsize=4096)
def there(text: str) -> Callable[[Json], bool]:
    """
    Compile the question whether something stands at a path, be it null.

    >>> there("a.b")({"a": {"b": None}}), there("a.b")({"a": {}})
    (True, False)
    """
    steps = _steps(text)
    if not steps or _EVERY in steps:
        get = path(text)
        return lambda value: get(value) is not None
    outer, last = _walk(steps[:-1]), steps[-1]

    def is_there(value: Json) -> bool:
        holder = outer(value)
        if isinstance(holder, dict):
            return last in holder
        return isinstance(holder, list) and isinstance(last, int) and -len(holder) <= last < len(holder)

    return is_there


def _whole(value: Json) -> Json:
    return value


def _steps(text: str) -> list[object]:
    left = text[1:] if text.startswith("$") else text
    steps: list[object] = []
    at = 0
    while at < len(left):
        found = _STEP.match(left, at)
        if found is None or (not steps and left.startswith(".") and not text.startswith("$")):
            raise PathSyntaxError(f'{text!r} cannot be read at {left[at:]!r}: write names with dots, [0], [*] or ["a name"]')
        if found["place"] is not None:
            steps.append(int(found["place"]))
        elif found["every"]:
            steps.append(_EVERY)
        else:
            steps.append(found["name"] or found["quoted"])
        at = found.end()
    return steps


def _walk(steps: list[object]) -> Getter:
    fixed = tuple(steps)

    def get(value: Json) -> Json:
        for step in fixed:
            if isinstance(step, str):
                if not isinstance(value, dict):
                    return None
                value = value.get(step)
            else:
                if not isinstance(value, list):
                    return None
                try:
                    value = value[cast("int", step)]
                except IndexError:
                    return None
        return value

    return get


def _follow(steps: list[object]) -> Getter:
    if _EVERY not in steps:
        return _walk(steps)
    at = steps.index(_EVERY)
    before, after = _walk(steps[:at]), steps[at + 1 :]
    then = _follow(after)
    return lambda value: _each(before(value), then, flat=_EVERY in after)


def _each(values: Json, then: Getter, *, flat: bool) -> Json:
    if not isinstance(values, list):
        return None
    found: list[Json] = []
    for one in values:
        got = then(one)
        if flat:
            found.extend(got or ())
        elif got is not None:
            found.append(got)
    return found
