"""
JSONPath, read: what a path says, and whether it can be compiled.

Plain and indexed paths and equality filters are compiled by ``mappings.translate.getter``; everything else (wildcards,
slices, ``..``, other filters) goes through jsonpath-ng, parsed once. The meaning is jsonpath-ng's; a property test
compares the two on random documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from jsonpath_ng import parse as parse_plain  # type: ignore[attr-defined] # the library re-exports it
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext import parse as parse_extended  # type: ignore[attr-defined] # as above

from core.words import Json


class _Missing:
    """The answer of a path that leads nowhere; not the same as null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

_EQUALS = r"""@\.(?P<key{n}>[^\W\d][\w\-]*)\s*==\s*(?P<equals{n}>'[^'\\]*'|"[^"\\]*"|-?(?:0|[1-9][0-9]{{0,15}}))\s*"""
_SEGMENT = re.compile(
    rf"""
    \.(?P<name>[^\W\d][\w\-]*)                        # .name, .客户
  | \[(?P<index>-?\d+)\]                              # [0], [-1]
  | \[(?P<quoted>'[^'\\]*'|"[^"\\]*")\]               # ['any name']
  | \[\?\s*{_EQUALS.format(n=1)}\]                    # [?@.tag=='x']
  | \[\?\(\s*{_EQUALS.format(n=2)}\)\s*\]             # [?(@.tag=='x')], [?(@.channel==7)]
    """,
    re.VERBOSE,
)


class PathError(ValueError):
    """A path that is not JSONPath."""


@dataclass(frozen=True, slots=True)
class Equals:
    """The filter ``[?(@.key=='text')]``, or of a whole number."""

    key: str
    value: str | int


Part = str | int | Equals


@dataclass(frozen=True, slots=True)
class Path:
    """
    One path, read. ``parts`` is None when only jsonpath-ng can follow it.

    ``many`` says that it may match several places, so that it yields a list of matches.
    """

    text: str
    parts: tuple[Part, ...] | None
    many: bool
    find: Callable[[Json], list[Json]] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names along the path, without indexes and filters: what a stream declares."""
        if self.parts is not None:
            return tuple(part for part in self.parts if isinstance(part, str))
        plain = re.match(r"^\$((?:\.[^\W\d][\w\-]*)*)", self.text)
        return tuple(name for name in (plain.group(1) if plain else "").split(".") if name)


def read_path(text: str) -> Path:
    """
    Read a path; raise PathError with the reason when it is not one.

    >>> read_path("$.tags[?(@.tag=='site')].value").parts
    ('tags', Equals(key='tag', value='site'), 'value')
    >>> read_path("$.客户.名称").parts
    ('客户', '名称')
    >>> read_path("$..name").parts is None
    True
    """
    if not text.startswith("$"):
        raise PathError(f"a path begins with $, and {text!r} does not")
    parts = _parts(text)
    if parts is not None:
        return Path(text, parts, many=any(isinstance(part, Equals) for part in parts))
    return Path(text, None, many=True, find=_by_library(text))


def _parts(text: str) -> tuple[Part, ...] | None:
    found: list[Part] = []
    at = 1
    while at < len(text):
        match = _SEGMENT.match(text, at)
        if match is None:
            return None
        if match["name"] is not None:
            found.append(match["name"])
        elif match["index"] is not None:
            found.append(int(match["index"]))
        elif match["quoted"] is not None:
            found.append(match["quoted"][1:-1])
        else:
            literal = match["equals1"] or match["equals2"]
            value = literal[1:-1] if literal[0] in "'\"" else int(literal)
            found.append(Equals(match["key1"] or match["key2"], value))
        at = match.end()
    return tuple(found)


def _by_library(text: str) -> Callable[[Json], list[Json]]:
    reasons = []
    for parse in (parse_plain, parse_extended):
        try:
            parsed: Any = parse(text)
        except JSONPathError as error:
            reasons.append(str(error))
        except Exception as error:  # the library's lexer lets a few plain exceptions through
            reasons.append(repr(error))
        else:
            return lambda document: [match.value for match in parsed.find(document)]
    raise PathError(f"{text!r} is not JSONPath: {reasons[-1]}")
