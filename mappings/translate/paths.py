"""
JSONPath, compiled: plain and indexed paths and simple filters become one generated function.

Everything else (wildcards, slices, ``..``, other filters) goes through jsonpath-ng, parsed once.
The meaning is jsonpath-ng's; a property test compares the two on random documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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

_SEGMENT = re.compile(
    r"""
    \.(?P<name>[^\W\d][\w\-]*)                                            # .name, .客户
  | \[(?P<index>-?\d+)\]                                                  # [0], [-1]
  | \[(?P<quoted>'[^'\\]*'|"[^"\\]*")\]                                   # ['any name']
  | \[\?\(?\s*@\.(?P<key>[^\W\d][\w\-]*)\s*==\s*(?P<equals>'[^'\\]*'|"[^"\\]*")\s*\)?\]   # [?(@.tag=='x')]
    """,
    re.VERBOSE,
)


class PathError(ValueError):
    """A path that is not JSONPath."""


@dataclass(frozen=True, slots=True)
class Equals:
    """The filter ``[?(@.key=='text')]``."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Path:
    """
    One path, read. ``parts`` is None when only jsonpath-ng can follow it.

    ``many`` says that it may match several places, so that it yields a list of matches.
    """

    text: str
    parts: tuple[str | int | Equals, ...] | None
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
    ('tags', Equals(key='tag', text='site'), 'value')
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


def _parts(text: str) -> tuple[str | int | Equals, ...] | None:
    found: list[str | int | Equals] = []
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
            found.append(Equals(match["key"], match["equals"][1:-1]))
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


def compile_getter(paths: Sequence[Path]) -> Callable[[Json], tuple[Json, ...]]:
    """
    Return one function that reads all paths of a record: the value, or MISSING; a list of matches where ``many``.

    >>> get = compile_getter([read_path("$.a.b"), read_path("$.a.c"), read_path("$.t[?(@.k=='x')].v")])
    >>> get({"a": {"b": None}, "t": [{"k": "x", "v": 1}]})
    (None, MISSING, [1])
    """
    names: dict[str, Any] = {"MISSING": MISSING, "matches": _matches}
    lines = ["def get(d):"]
    for n, path in enumerate(paths):
        if path.parts is None or path.many:
            names[f"find{n}"] = path.find or _finder(path.parts or ())
            lines.append(f"    v{n} = find{n}(d)")
        else:
            lines += _plain_lines(n, path.parts)
    lines.append(f"    return ({' '.join(f'v{n},' for n in range(len(paths)))})")
    # Safe: the source holds only numbers of ours and repr() of strings, so no path can add code.
    exec("\n".join(lines), names)  # noqa: S102
    get: Callable[[Json], tuple[Json, ...]] = names["get"]
    return get


def _plain_lines(n: int, parts: Sequence[str | int | Equals]) -> list[str]:
    """Return the lines that read one plain path; a text indexed by a number must not count as a list."""
    read, checks = "d", []
    for part in parts:
        if isinstance(part, int):
            checks.append(f"{read}.__class__ is list")
        read += f"[{part!r}]"
    value = f"{read} if {' and '.join(checks)} else MISSING" if checks else read
    return ["    try:", f"        v{n} = {value}", "    except (KeyError, TypeError, IndexError):", f"        v{n} = MISSING"]


def _finder(parts: tuple[str | int | Equals, ...]) -> Callable[[Json], list[Json]]:
    """Return a loop for a path with simple filters: the matches in document order."""
    return lambda document: _matches(document, parts, 0)


def _matches(node: Json, parts: tuple[str | int | Equals, ...], at: int) -> list[Json]:
    for n in range(at, len(parts)):
        part = parts[n]
        if isinstance(part, Equals):
            key, text, found = part.key, part.text, []
            items = node if node.__class__ is list else node.values() if node.__class__ is dict else ()
            for item in items:
                if item.__class__ is dict and item.get(key) == text:
                    found += _matches(item, parts, n + 1)
            return found
        if isinstance(part, str):
            if node.__class__ is not dict or part not in node:
                return []
            node = node[part]
        else:
            if node.__class__ is not list or not -len(node) <= part < len(node):
                return []
            node = node[part]
    return [node]
