"""What the conformance laws run on: a foreign system that can be made to misbehave, and hostile bodies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import strategies as st

from connectors.kit.contract import Connector, Settings
from connectors.kit.faults import FaultyRoute

TROUBLES = ("unauthorised", "forbidden", "busy", "down", "silent", "refused")
"""The bad days a landscape can be asked for."""

FOREIGN = "the valve is stuck"
"""What a far side says when it refuses."""

WAIT_S = 7.0
"""How long a busy far side asks us to wait."""


def _none() -> None: ...


@dataclass(slots=True)
class Landscape:
    """
    A running foreign system: the settings to reach it, how to break it, and how many writes it has seen.

    HTTP kinds give ``route`` (a ``FaultyRoute`` before the stand-in); others give ``trouble``.
    """

    settings: dict[str, Any]
    route: FaultyRoute | None = None
    trouble: Callable[[str], None] | None = None
    calm: Callable[[], None] = _none
    writes: Callable[[], int] | None = None
    connectors: list[Connector] = field(default_factory=list)


@contextlib.contextmanager
def http_landscape(
    upstream: str, settings: Callable[[str], dict[str, Any]], writes: Callable[[], int] | None = None
) -> Iterator[Landscape]:
    """Put a faulty route before a running stand-in; ``settings`` makes the connector's settings from the route's URL."""
    with FaultyRoute(upstream) as route:
        yield Landscape(settings(route.url), route=route, calm=route.calm, writes=writes)


def http_trouble(route: FaultyRoute, word: str) -> None:
    """Make the next requests meet this trouble, as plain HTTP shows it."""
    body = orjson.dumps({"error": {"message": FOREIGN}})
    faults: dict[str, dict[str, Any]] = {
        "unauthorised": {"status": 401, "body": body},
        "forbidden": {"status": 403, "body": body},
        "busy": {"status": 429, "body": body, "headers": {"Retry-After": f"{WAIT_S:.0f}"}},
        "down": {"status": 503, "body": body},
        "silent": {"hang_s": 30},
        "refused": {"status": 400, "body": body},
    }
    route.next(times=20, **faults[word])


def secrets_of(settings: Settings) -> list[str]:
    """Return the plain secrets of a settings object, wherever they stand in it."""
    shown = (getattr(settings, name) for name in type(settings).model_fields)
    return [one.get_secret_value() for one in shown if hasattr(one, "get_secret_value")]


_LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=12)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def hostile_bodies(valid: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return bodies that are noise, foreign JSON, or a valid body with one thing changed."""
    noise = st.binary(max_size=60) | _JSON.map(orjson.dumps)
    known = st.sampled_from([b"{}", b"[]", b"null", b'"', b"NaN", b'{"a":1e999}', b"[" * 500 + b"]" * 500, b"\xff\xfe{}", b""])
    if not valid:
        return noise | known
    return noise | known | _CHANGED(valid) | _FLIPPED(valid)


def _flipped(draw: st.DrawFn, valid: list[bytes]) -> bytes:
    body = draw(st.sampled_from(valid))
    at = draw(st.integers(0, max(len(body) - 1, 0)))
    return body[:at] + draw(st.binary(max_size=3)) + body[at + 1 :]


def _changed(draw: st.DrawFn, valid: list[bytes]) -> bytes:
    body = draw(st.sampled_from(valid))
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[: draw(st.integers(0, len(body)))]
    places = list(_places(content))
    if places:
        holder, name = draw(st.sampled_from(places))
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[name]
        else:
            holder[name] = draw(_JSON)
    return orjson.dumps(content)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield value, name
        yield from _places(one)


_CHANGED: Callable[[list[bytes]], st.SearchStrategy[bytes]] = st.composite(_changed)
_FLIPPED: Callable[[list[bytes]], st.SearchStrategy[bytes]] = st.composite(_flipped)
