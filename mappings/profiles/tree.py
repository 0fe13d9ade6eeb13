"""
Counting what stands at each path, in memory and cheap: one walk per record, no text is built.

A tree has at most ``MOST_PATHS`` places; keys that are numbers, too long or too many are one place, ``*``, so that an
object used as a dictionary does not become a thousand paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.words import Json

MOST_PATHS = 300
MOST_KEYS = 64
"""Different keys of one object; the others are ``*``."""
MOST_ITEMS = 5
"""Items of a list that are looked at."""
DEEPEST = 8
LONGEST_KEY, LONGEST_PATH = 80, 400
LONGEST_FORM = 40
ANY = "*"

_PLAIN = re.compile(r"[^\W\d][\w\-]*")
_WORDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "list", dict: "object", type(None): "null"}


class Node:
    """One place: how many values of which type, in how many records; ``fresh`` until it is known to be stored."""

    __slots__ = ("above", "children", "example", "here", "last", "path", "types")

    def __init__(self, path: str, above: str = "") -> None:
        self.path, self.above = path, above
        self.children: dict[str, Node] = {}
        self.types: dict[type, int] = {}
        self.here = 0
        self.last = -1
        self.example: Json = None


class Tree:
    """What was seen of one stream since it was last written down."""

    def __init__(self) -> None:
        self.root = Node("$")
        self.records = 0
        self.paths = 0
        self.fresh = False
        """Something is here that was not here before: a path, or a type at a path."""

    def add(self, record: Mapping[str, Json]) -> None:
        """Count one record."""
        self.records += 1
        self.root.here += 1
        self._object(record, self.root, self.records, 0)

    def _object(self, value: Mapping[str, Json], node: Node, n: int, depth: int) -> None:
        children = node.children
        for key, one in value.items():
            child = children.get(key)
            if child is None:
                child = self._child(node, key)
                if child is None:
                    continue
            self._count(child, one, n, depth)

    def _count(self, node: Node, value: Json, n: int, depth: int) -> None:
        cls = value.__class__
        types = node.types
        if cls in types:
            types[cls] += 1
        else:
            types[cls] = 1
            self.fresh = True
            if node.example is None:
                node.example = value
        if node.last != n:
            node.last = n
            node.here += 1
        if depth < DEEPEST:
            if cls is dict:
                self._object(value, node, n, depth + 1)
            elif cls is list and value:
                items = node.children.get("[]") or self._child(node, "[]", f"{node.path}[*]")
                if items is not None:
                    for item in value[:MOST_ITEMS]:
                        self._count(items, item, n, depth + 1)

    def _child(self, node: Node, key: str, path: str | None = None) -> Node | None:
        if path is None:
            key = ANY if len(node.children) >= MOST_KEYS else name_of(key)
            path = below(node.path, key)
        known = node.children.get(key)
        if known is not None or self.paths >= MOST_PATHS or len(path) > LONGEST_PATH:
            return known
        self.paths += 1
        self.fresh = True
        node.children[key] = made = Node(path, node.path)
        return made

    def nodes(self) -> Iterator[Node]:
        """Yield every place that was seen since the last ``forget``."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if node.here:
                yield node
                waiting += node.children.values()

    def forget(self) -> None:
        """Begin to count anew; the places stay known."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            node.here = 0
            node.types = dict.fromkeys(node.types, 0)
            waiting += node.children.values()
        self.fresh = False


def words_of(types: Mapping[type, int]) -> dict[str, int]:
    """Return the counts by the names of the types; what was not seen this time is left out."""
    return {_WORDS.get(cls, "string"): n for cls, n in types.items() if n}


def form_of(value: Json) -> str | None:
    """
    Return what a value looks like without a character of it: letters, digits and Chinese by their sort.

    >>> form_of("EC-20260215-8891"), form_of("张三 Li"), form_of(71.5), form_of(True), form_of([])
    ('AA-99999999-9999', '字字 Aa', '99.9', None, None)
    """
    if value is None or isinstance(value, bool | list | dict):
        return None
    text = str(value)
    shown = "".join(map(_sort, text[:LONGEST_FORM]))
    return shown if len(text) <= LONGEST_FORM else shown + "…"


def _sort(char: str) -> str:
    if char.isascii() and char.isalpha():
        return "A" if char.isupper() else "a"
    if char.isalpha():
        return "字"
    if char.isnumeric():
        return "9"
    return char if char.isprintable() else " "


Accepted = Mapping[str, frozenset[str]]
"""What a contract allows: path -> types."""


def deviation(
    record: Mapping[str, Json], accepted: Accepted, minded: Callable[[str], bool] = lambda _: True
) -> tuple[str, str] | None:
    """
    Return the first place (path and type) of a record that a contract does not allow; None when it keeps it.

    ``minded`` says for which paths the contract is asked at all.

    >>> allowed = {"$.a": frozenset({"integer"})}
    >>> deviation({"a": 1}, allowed), deviation({"a": "1"}, allowed), deviation({"b": None}, allowed)
    (None, ('$.a', 'string'), ('$.b', 'null'))
    """
    return next((found for found in _deviations(record, "$", accepted, 0) if minded(found[0])), None)


def _deviations(record: Mapping[str, Json], path: str, accepted: Accepted, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        here, other = below(path, name_of(key)), f"{path}.{ANY}"
        if here not in accepted and other in accepted:
            here = other
        yield from _differences(value, here, accepted, depth)


def _differences(value: Json, path: str, accepted: Accepted, depth: int) -> Iterator[tuple[str, str]]:
    word, allowed = _WORDS.get(value.__class__, "string"), accepted.get(path)
    if allowed is None:
        if len(accepted) < MOST_PATHS and len(path) <= LONGEST_PATH:  # what is not counted is not held
            yield path, word
    elif not fits(word, allowed):
        yield path, word
    elif depth < DEEPEST and word == "object":
        yield from _deviations(value, path, accepted, depth + 1)
    elif depth < DEEPEST and word == "list":
        for one in value[:MOST_ITEMS]:
            yield from _differences(one, f"{path}[*]", accepted, depth + 1)


def name_of(key: str) -> str:
    """
    Return the key as it counts: numbers, very long and unprintable ones are one.

    >>> name_of("10560"), name_of("host"), name_of("客户 名称")
    ('*', 'host', '客户 名称')
    """
    return ANY if key.isdigit() or len(key) > LONGEST_KEY or not key.isprintable() else key


def above(path: str) -> str:
    """
    Return the path that a path stands in.

    >>> above("$.tags[*].value"), above("$.tags[*]"), above("$['a.b']")
    ('$.tags[*]', '$.tags', '$')
    """
    return path[: path.rfind("[") if path.endswith("]") else path.rfind(".")]


def below(path: str, key: str) -> str:
    """Return the path of a key inside an object."""
    return f"{path}.{key}" if key == ANY or _PLAIN.fullmatch(key) else f"{path}['{key}']"


def fits(word: str, allowed: frozenset[str] | set[str]) -> bool:
    """Say whether a type is allowed: null always is at a known path, and a whole number is a number."""
    return word == "null" or word in allowed or (word == "integer" and "number" in allowed)


def row_of(node: Node) -> dict[str, Any]:
    """Return what was counted at a place."""
    types = words_of(node.types)
    return {"path": node.path, "types": types, "here": node.here, "form": form_of(node.example)}
