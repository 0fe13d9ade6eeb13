"""The places in sample records from which a field may be read: their path, their names, and the values that stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.words import Json
from mappings.names import words_of

MOST_PLACES = 400
DEEPEST = 6
MOST_ITEMS = 30
"""Items of a list that are looked at."""

_PLAIN = re.compile(r"[^\W\d][\w\-]*")
_LABELS = (
    ("tag", "value"),
    ("key", "value"),
    ("name", "value"),
    ("code", "value"),
    ("field", "value"),
    ("k", "v"),
    ("label", "value"),
)
_TEXT = re.compile(r"[^'\\]*")


@dataclass(slots=True)
class Place:
    """One place: ``words`` name it, ``above`` what it stands in, ``said`` is what its connector declares of it."""

    path: str
    words: tuple[str, ...]
    above: tuple[str, ...]
    values: list[Json] = field(default_factory=list)
    nulls: int = 0
    many: bool = False
    """A filter leads there, so that it may match several times."""
    said: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    """The closed list of words that its connector declares."""

    @property
    def label(self) -> str:
        """Return its name as one word."""
        return "".join(self.words)

    @property
    def count(self) -> int:
        """Return in how many records it stands, null included."""
        return len(self.values) + self.nulls


def places(records: Sequence[Mapping[str, Json]]) -> list[Place]:
    """
    Return the places of records, in their order.

    >>> [one.path for one in places([{"id": 1, "host": {"name": "a"}, "tags": [{"tag": "site", "value": "b"}]}])]
    ['$.id', '$.host', '$.host.name', '$.tags', "$.tags[?(@.tag=='site')].value"]
    """
    found: dict[str, Place] = {}
    for record in records:
        _walk(record, "$", (), found, 0)
    return list(found.values())


def _walk(node: Mapping[str, Json], path: str, above: tuple[str, ...], found: dict[str, Place], depth: int) -> None:
    for key, value in node.items():
        if "'" in key and '"' in key:
            continue
        here = f"{path}.{key}" if _PLAIN.fullmatch(key) else f"{path}[{_quoted(key)}]"
        place = _place(found, here, words_of(key), above)
        if place is None:
            return
        _add(place, value)
        if isinstance(value, dict) and depth < DEEPEST:
            _walk(value, here, place.words, found, depth + 1)
        elif isinstance(value, list):
            _labelled(value, here, place.words, found)


def _quoted(key: str) -> str:
    return f"'{key}'" if "'" not in key else f'"{key}"'


def _place(found: dict[str, Place], path: str, words: tuple[str, ...], above: tuple[str, ...]) -> Place | None:
    if path not in found:
        if len(found) >= MOST_PLACES:
            return None
        found[path] = Place(path, words, above)
    return found[path]


def _add(place: Place, value: Json) -> None:
    if value is None:
        place.nulls += 1
    else:
        place.values.append(value)


def _labelled(items: Sequence[Json], path: str, above: tuple[str, ...], found: dict[str, Place]) -> None:
    """Find the values in a list of labelled ones: [{tag: site, value: berlin}]."""
    objects = [one for one in items[:MOST_ITEMS] if isinstance(one, dict)]
    pair = next((one for one in _LABELS if objects and all(set(one) <= one_.keys() for one_ in objects)), None)
    if pair is None:
        return
    key, value = pair
    seen: set[str] = set()
    for item in objects:
        label = item[key]
        if not isinstance(label, str) or not label or _TEXT.fullmatch(label) is None or label in seen:
            continue
        seen.add(label)
        place = _place(found, f"{path}[?(@.{key}=='{label}')].{value}", words_of(label), above)
        if place is not None:
            place.many = True
            _add(place, item[value])


def declare(found: Iterable[Place], fields: Iterable[tuple[str, str, tuple[str, ...]]]) -> None:
    """Note at each place what its connector declares: (name, help, closed list of words)."""
    said = {f"$.{name.removeprefix('$.')}": (text, words) for name, text, words in fields}
    for place in found:
        if place.path in said:
            text, place.known = said[place.path]
            place.said = tuple(word for part in re.findall(r"[\w]+", text) for word in words_of(part))
