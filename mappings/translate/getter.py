"""
Paths become Python: the lines that read them, and one function that reads them all.

An equality filter is looked up in an index of its list, built once per record for all fields that filter the same list
by the same key. What is generated holds only numbers of ours and ``repr()`` of strings, so no path can add code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.words import Json
from mappings.translate.paths import MISSING, Equals, Part, Path

Index = dict[Json, Json]
"""Value of the key -> the one item that has it, or the list of them in document order."""


class Reader:
    """Makes the lines that read paths of ``d``, the record, into ``r``; ``names`` is what they refer to."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"MISSING": MISSING, "index": index, "picked": picked}
        self._indexes: dict[tuple[tuple[Part, ...], str, bool], str] = {}

    def lines(self, n: int, path: Path) -> list[str]:
        """Return the lines that set ``r`` to what path number ``n`` finds: the value, or a list where it may be several."""
        if path.parts is None:
            self.names[f"find{n}"] = path.find
            return [f"r = find{n}(d)"]
        filters = [place for place, part in enumerate(path.parts) if isinstance(part, Equals)]
        if not filters:
            return _plain(path.parts)
        if len(filters) > 1:
            self.names[f"parts{n}"] = path.parts
            self.names["matches"] = matches
            return [f"r = matches(d, parts{n}, 0)"]
        return self._filtered(n, path.parts, filters[0])

    def _filtered(self, n: int, parts: tuple[Part, ...], place: int) -> list[str]:
        """Return the lines of a path with one filter; the index is built where it is needed first."""
        part, rest = parts[place], parts[place + 1 :]
        assert isinstance(part, Equals)
        lines = []
        key = (parts[:place], part.key, isinstance(part.value, int))
        name = self._indexes.get(key)
        if name is None:
            name = self._indexes[key] = f"i{len(self._indexes)}"
            lines = [*_plain(parts[:place]), f"{name} = index(r, {part.key!r}, {key[2]})"]
        if not rest:
            return [*lines, f"r = picked({name}.get({part.value!r}))"]
        self.names[f"rest{n}"] = rest
        if len(rest) == 1 and isinstance(rest[0], str):
            return [
                *lines,
                f"r = {name}.get({part.value!r})",
                f"r = ([r[{rest[0]!r}]] if {rest[0]!r} in r else []) if r.__class__ is dict else picked(r, rest{n})",
            ]
        return [*lines, f"r = picked({name}.get({part.value!r}), rest{n})"]


def _plain(parts: Sequence[Part]) -> list[str]:
    """Return the lines that read one plain path; a text indexed by a number must not count as a list."""
    read, checks = "d", []
    for part in parts:
        if isinstance(part, int):
            checks.append(f"{read}.__class__ is list")
        read += f"[{part!r}]"
    value = f"{read} if {' and '.join(checks)} else MISSING" if checks else read
    return ["try:", f"    r = {value}", "except (KeyError, TypeError, IndexError):", "    r = MISSING"]


def index(node: Json, key: str, numbers: bool) -> Index:
    """
    Return the items of a list (or the values of an object) by the value of a key; ``numbers``: a number is looked for.

    >>> index([{"k": "a", "v": 1}, {"k": "b"}, {"k": "b"}], "k", False)
    {'a': {'k': 'a', 'v': 1}, 'b': [{'k': 'b'}, {'k': 'b'}]}
    """
    if node.__class__ is dict:
        node = list(node.values())
    elif node.__class__ is not list:
        return {}
    if not numbers:
        try:
            found = {item[key]: item for item in node}
        except (KeyError, TypeError):
            pass  # an item without the key, or that is no object, or whose value cannot be looked up
        else:
            if len(found) == len(node):
                return found
    several: dict[Json, list[Json]] = {}
    for item in node:
        if item.__class__ is dict:
            value = item.get(key)
            if value.__class__ is str or (numbers and value.__class__ in (int, float)):
                several.setdefault(value, []).append(item)
    return {value: items[0] if len(items) == 1 else items for value, items in several.items()}


def picked(found: Json, rest: tuple[Part, ...] = ()) -> list[Json]:
    """Return what the rest of a path finds in one item of an index, in several, or in none."""
    if found is None:
        return []
    items = found if found.__class__ is list else (found,)
    return [match for item in items for match in matches(item, rest, 0)]


def matches(node: Json, parts: tuple[Part, ...], at: int) -> list[Json]:
    """Return the matches of the parts from ``at`` on, in document order."""
    for n in range(at, len(parts)):
        part = parts[n]
        if isinstance(part, Equals):
            key, value, found = part.key, part.value, []
            items = node if node.__class__ is list else node.values() if node.__class__ is dict else ()
            for item in items:
                if item.__class__ is dict and (has := item.get(key)) == value and has.__class__ is not bool:
                    found += matches(item, parts, n + 1)
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


def compile_getter(paths: Sequence[Path]) -> Callable[[Json], tuple[Json, ...]]:
    """
    Return one function that reads all paths of a record: the value, or MISSING; a list of matches where ``many``.

    >>> from mappings.translate.paths import read_path
    >>> get = compile_getter([read_path("$.a.b"), read_path("$.a.c"), read_path("$.t[?(@.k=='x')].v")])
    >>> get({"a": {"b": None}, "t": [{"k": "x", "v": 1}]})
    (None, MISSING, [1])
    """
    reader = Reader()
    lines = ["def get(d):"]
    for n, path in enumerate(paths):
        lines += [f"    {line}" for line in (*reader.lines(n, path), f"v{n} = r")]
    lines.append(f"    return ({' '.join(f'v{n},' for n in range(len(paths)))})")
    get: Callable[[Json], tuple[Json, ...]] = generated("get", lines, reader.names)
    return get


def generated(name: str, lines: Sequence[str], names: dict[str, Any]) -> Any:
    """Return a function made from lines of ours."""
    exec("\n".join(lines), names)  # noqa: S102 - see the module: only numbers of ours and repr() of strings
    return names[name]
