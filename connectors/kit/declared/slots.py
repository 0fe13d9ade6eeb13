"""
Texts with slots: ``{arg.title}``, ``{since:ms}``. A slot names a value and, after a colon, a form from a closed list.

Nothing is computed here: no conditions, no arithmetic, no nesting. What stands alone in a text keeps its type; what
would hold an empty slot is left out (a query parameter, a member of an object), so optional things need no condition.
An object may say ``if_given: arg.comment``: without that value it is left out, whole. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import orjson

from connectors.kit.declared.times import FORMS as TIMES
from connectors.kit.declared.times import write_time
from core.clock import from_rfc3339
from core.words import Json

Scope = Mapping[str, Any]
Fill = Callable[[Scope], Any]


class SlotSyntaxError(ValueError):
    """A text whose slots cannot be read."""


class EmptySlotError(ValueError):
    """A slot that must have a value has none."""


_PIECE = re.compile(r"\{\{|\}\}|\{([a-z_][a-z0-9_.]*)(?::([a-z_0-9]+))?\}|[{}]", re.IGNORECASE)
_ZONE = "time_zone"
GIVEN = "if_given"


def as_text(value: Json) -> str:
    """
    Write a value as the text that URLs and forms hold.

    >>> as_text(True), as_text(7), as_text(["a"])
    ('true', '7', '["a"]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return str(value)


def _soql(value: Json) -> str:
    return re.sub(r"([\\'\"])", r"\\\1", as_text(value)).replace("\n", r"\n").replace("\r", r"\r")


def _number(value: Json) -> int | float:
    text = as_text(value).strip()
    return int(text) if re.fullmatch(r"[-+]?\d{1,18}", text) else float(text)


_TEXTS: dict[str, Callable[[Json], Json]] = {
    "text": as_text,
    "number": _number,
    "path": lambda value: quote(as_text(value), safe=""),
    "quoted": lambda value: as_text(value).replace("'", "''"),
    "soql": _soql,
    "json": lambda value: orjson.dumps(value).decode(),
    "json_text": lambda value: orjson.dumps(as_text(value)).decode()[1:-1],
    "xml": lambda value: escape(as_text(value)),
    "base64": lambda value: b64encode(as_text(value).encode()).decode(),
    "lower": lambda value: as_text(value).lower(),
    "upper": lambda value: as_text(value).upper(),
    "joined": lambda value: ",".join(map(as_text, value)) if isinstance(value, list) else as_text(value),
    "piped": lambda value: "|".join(map(as_text, value)) if isinstance(value, list) else as_text(value),
    "listed": lambda value: value if isinstance(value, list) else [value],
}
FORMS: dict[str, str] = {
    "text": "as text",
    "number": "as a number",
    "path": "percent-encoded (the rule in a path; elsewhere by this name)",
    "quoted": "with ' doubled, for SQL and OData",
    "soql": "with \\ before quotes, for SOQL",
    "json": "written as JSON",
    "json_text": "escaped for the inside of a JSON text",
    "xml": "escaped for XML",
    "base64": "in Base64",
    "lower": "in small letters",
    "upper": "in capital letters",
    "joined": "a list, with commas",
    "piped": "a list, with |",
    "listed": "as a list of one",
    **TIMES,
}
"""Every form a slot can name."""


@lru_cache(maxsize=8192)
def slots_of(text: str) -> tuple[tuple[str, str], ...]:
    """
    Return the (name, form) of every slot of a text.

    >>> slots_of("{url}/x/{arg.id:lower}")
    (('url', ''), ('arg.id', 'lower'))
    """
    return tuple((one[0], one[1]) for one in _pieces(text) if not isinstance(one, str))


def _pieces(text: str) -> Iterator[str | tuple[str, str]]:
    at = 0
    for found in _PIECE.finditer(text):
        if found.start() > at:
            yield text[at : found.start()]
        at = found.end()
        if found[0] in ("{{", "}}"):
            yield found[0][0]
        elif found[1]:
            form = found[2] or ""
            if form and form not in FORMS:
                raise SlotSyntaxError(f"{text!r}: there is no form {form!r}; known: {', '.join(FORMS)}")
            yield found[1], form
        else:
            raise SlotSyntaxError(f"{text!r} holds a lone brace; write {{name}}, or two braces for one")
    if at < len(text):
        yield text[at:]


def _value(scope: Scope, name: str) -> Any:
    """Follow a dotted name; what is not there is None."""
    value: Any = scope
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def _getter(name: str, form: str) -> Fill:
    first, _, second = name.partition(".")
    if not second:

        def get(scope: Scope) -> Any:
            return scope.get(first)

    elif "." not in second:

        def get(scope: Scope) -> Any:
            inner = scope.get(first)
            return inner.get(second) if isinstance(inner, Mapping) else None

    else:

        def get(scope: Scope) -> Any:
            return _value(scope, name)

    return _formed(get, form) if form else get


def _formed(get: Fill, form: str) -> Fill:
    if form in TIMES:

        def timed(scope: Scope) -> Any:
            value = get(scope)
            if value is None:
                return None
            zone = scope.get(_ZONE)
            at = value if isinstance(value, int) else from_rfc3339(value)
            return write_time(at, form, ZoneInfo(zone) if zone else None)

        return timed
    write = _TEXTS[form]

    def formed(scope: Scope) -> Any:
        value = get(scope)
        return None if value is None else write(value)

    return formed


def filler(tree: Json, form: str = "") -> Fill:
    """
    Compile a tree of texts, lists and objects into one function of the scope; None where nothing is left.

    >>> filler({"q": "id={arg.id}", "n": "{limit}", "since": ">{since:s}"})({"arg": {"id": 7}, "limit": 5})
    {'q': 'id=7', 'n': 5}
    """
    if isinstance(tree, str):
        return _text_filler(tree, form)
    if isinstance(tree, dict):
        made = {name: filler(one, form) for name, one in tree.items() if name != GIVEN}
        return _object_filler({GIVEN: _getter(str(tree[GIVEN]), ""), **made} if GIVEN in tree else made)
    if isinstance(tree, list):
        parts = [filler(one, form) for one in tree]
        return lambda scope: [one for part in parts if (one := part(scope)) is not None]
    return lambda _: tree


def _object_filler(members: dict[str, Fill]) -> Fill:
    wanted = members.pop(GIVEN, None)
    pairs = tuple(members.items())

    def fill(scope: Scope) -> Any:
        if wanted is not None and wanted(scope) is None:
            return None
        found: dict[str, Any] = {}
        for name, part in pairs:
            value = part(scope)
            if value is not None:
                found[name] = value
        return found if found or not pairs else None

    return fill


def _text_filler(text: str, form: str) -> Fill:
    pieces = list(_pieces(text))
    if all(isinstance(one, str) for one in pieces):
        plain = "".join(one for one in pieces if isinstance(one, str))
        return lambda _: plain
    made: list[str | Fill] = [one if isinstance(one, str) else _getter(one[0], one[1] or form) for one in pieces]
    if len(made) == 1 and not isinstance(made[0], str):
        return made[0]
    parts = tuple(made)

    def fill(scope: Scope) -> Any:
        found: list[str] = []
        for part in parts:
            if isinstance(part, str):
                found.append(part)
                continue
            value = part(scope)
            if value is None:
                return None
            found.append(value if isinstance(value, str) else as_text(value))
        return "".join(found)

    return fill


def texts_in(tree: Json, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield (place, text) of every text of a tree."""
    if isinstance(tree, str):
        yield at, tree
    elif isinstance(tree, dict):
        for name, one in tree.items():
            told = f"{{{one}}}" if name == GIVEN and isinstance(one, str) else one
            yield from texts_in(told, f"{at}.{name}" if at else str(name))
    elif isinstance(tree, list):
        for place, one in enumerate(tree):
            yield from texts_in(one, f"{at}.{place}" if at else str(place))


def needed(fill: Fill, scope: Scope, text: str, names: Iterable[tuple[str, str]] = ()) -> str:
    """Fill a text that must not be empty, such as a path; say which slot is."""
    value = fill(scope)
    if value is None:
        empty = [name for name, _ in names or slots_of(text) if _value(scope, name) is None]
        raise EmptySlotError(f"{text!r} needs a value for {', '.join(empty) or 'its slot'}")
    return as_text(value)
