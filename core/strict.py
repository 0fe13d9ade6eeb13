"""
Strict reading of foreign bytes: what does not mean exactly one thing is refused, with its position.

JSON: UTF-8 only, no NaN or infinity, no duplicate keys, no lone surrogates, bounded depth, no number that 64 bits or a
double cannot hold. YAML: the plain core of version 1.2 (``on`` and ``no`` are words, not booleans), no anchors, aliases
or tags, no duplicate keys, and the line of every value.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from core.errors import MalformedError
from core.words import Json

MAX_DEPTH = 64
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]', re.DOTALL)
YAML_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
YAML_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
YAML_WORDS: dict[str, Json] = {"": None, "~": None, "null": None, "true": True, "True": True, "false": False, "False": False}
"""What a plain scalar is read as; everything else is text. The writer of exports quotes by the same three."""


class _TwiceError(ValueError):
    """A key stands twice in one object."""


class _TooBigError(ValueError):
    """A number cannot be held."""


def read_json(body: bytes, max_depth: int = MAX_DEPTH) -> Json:
    """
    Read a JSON body, or raise MalformedError that says what is wrong and where.

    >>> read_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    """
    text = _decoded(body)
    _check_depth(text, max_depth)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        what = "The body is empty." if not text.strip() else f"The body is not JSON: {error.msg}."
        raise _malformed(text, what, "It breaks off or breaks the rules of JSON there.", error.pos) from None
    except _TwiceError as error:
        key = str(error)
        why = "Nobody can know which value is meant."
        raise _malformed(text, f"The key {key!r} stands twice in one object.", why, _second(text)) from None
    except _TooBigError as error:
        number = str(error)
        what = f"The number {number[:40]} cannot be held." if number[-1].isdigit() else f"{number} is not JSON."
        raise _malformed(
            text, what, "Numbers are 64-bit integers or finite doubles.", text.find(number), "Send it as text."
        ) from None
    if _SURROGATE.search(text):
        _check_surrogates(text, value)
    return value


def _decoded(body: bytes) -> str:
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _malformed("", "The body begins with a byte order mark.", "JSON is UTF-8 without a mark.", 0, "Send plain UTF-8.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        good = body[: error.start].decode()
        why = f"Byte {error.start} cannot be read; JSON is always UTF-8."
        raise _malformed(good, "The body is not UTF-8.", why, len(good), "Send it in UTF-8 (not in GBK or Latin-1).") from None


def _check_depth(text: str, limit: int) -> None:
    """Count brackets before parsing, so that depth never reaches the parser."""
    if text.count("[") + text.count("{") <= limit:
        return
    depth = 0
    for found in _JSON_TOKEN.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth > limit:
                raise _malformed(text, f"The body is nested deeper than {limit}.", "No real message is.", found.start())
        elif found[0] in ("]", "}"):
            depth -= 1


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _TwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _second(text: str) -> int:
    """Return where a key stands for the second time in its object."""
    keys: list[set[str] | None] = []
    tokens = list(_JSON_TOKEN.finditer(text))
    for token, after in itertools.pairwise(tokens):
        if token[0] in ("{", "["):
            keys.append(set() if token[0] == "{" else None)
        elif token[0] in ("}", "]"):
            keys.pop()
        elif after[0] == ":" and keys and (known := keys[-1]) is not None:
            key = json.loads(token[0], strict=False)
            if key in known:
                return token.start()
            known.add(key)
    return 0


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -(1 << 63) <= (value := int(digits)) < 1 << 64:
        raise _TooBigError(digits)
    return value


def _broken(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _TooBigError(digits)
    return value


def _constant(word: str) -> Json:
    raise _TooBigError(word)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole, parse_float=_broken, parse_constant=_constant)


def _check_surrogates(text: str, value: Json) -> None:
    for one in _texts(value):
        if not one.isascii() and any("\ud800" <= char <= "\udfff" for char in one):
            found = _SURROGATE.search(text)
            why = "Half of a surrogate pair stands for no character."
            raise _malformed(text, "A text holds half a character.", why, found.start() if found else 0)


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _malformed(text: str, what: str, why: str, at: int, fix: str = "Correct the sender.") -> MalformedError:
    at = max(at, 0)
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return MalformedError(what, why=f"{why} (line {line}, column {column})", fix=fix, position=at, line=line, column=column)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, the file it came from, and the line of everything in it."""

    value: Json
    file: str
    line: int
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, path: str | Iterable[str | int] = "") -> int:
        """Return the line of a path (``fields.title`` or its parts); of the nearest parent when the path is not there."""
        dotted = path if isinstance(path, str) else ".".join(str(part) for part in path)
        dotted = re.sub(r"\[(\w+)\]", r".\1", dotted)
        while dotted:
            if dotted in self.lines:
                return self.lines[dotted]
            dotted = dotted.rpartition(".")[0]
        return self.line


def read_yaml(text: str, file: str) -> list[Document]:
    r"""
    Read every document of a YAML text, or raise MalformedError with file and line.

    >>> [document.value for document in read_yaml("on: no\n---\na: {0: 07, 1: 7}", "x.yaml")]
    [{'on': 'no'}, {'a': {'0': '07', '1': 7}}]
    """
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            _check_event(event, file, depth)
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _bad_yaml(file, mark, f"It cannot be read as YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise _bad_yaml(file, None, f"It cannot be read as YAML: {error}.") from None
    documents = []
    for node in nodes:
        lines: dict[str, int] = {}
        value = _construct(node, "", lines, file)
        if value is not None:  # nothing stands between two marks
            documents.append(Document(value, file, node.start_mark.line + 1, lines))
    return documents


def _check_event(event: Any, file: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _bad_yaml(file, event.start_mark, f"It is nested deeper than {MAX_DEPTH}.")
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _bad_yaml(file, event.start_mark, "Anchors and aliases (& and *) are not read.", "Write the value out.")
    if getattr(event, "tag", None) not in (None, "!"):
        raise _bad_yaml(file, event.start_mark, f"The tag {event.tag} is not read.", "Write plain values.")


def _construct(node: Any, path: str, lines: dict[str, int], file: str) -> Json:
    lines.setdefault(path, node.start_mark.line + 1)
    prefix = f"{path}." if path else ""
    if isinstance(node, yaml.SequenceNode):
        return [_construct(one, f"{prefix}{i}", lines, file) for i, one in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node, file)
    found: dict[str, Json] = {}
    for key, one in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _bad_yaml(file, key.start_mark, "A key is not a word.", "Write a plain key.")
        if key.value in found:
            raise _bad_yaml(file, key.start_mark, f"The key {key.value!r} stands twice.", "Keep one of them.")
        lines[prefix + key.value] = key.start_mark.line + 1
        found[key.value] = _construct(one, prefix + key.value, lines, file)
    return found


def _scalar(node: Any, file: str) -> Json:
    word: str = node.value
    if node.style:  # quoted or a block: a text, whatever it says
        return word
    if word in YAML_WORDS:
        return YAML_WORDS[word]
    if YAML_INT.fullmatch(word):
        value = int(word, 0) if word[:2] in ("0x", "0o") else int(word)
        if not -(1 << 63) <= value < 1 << 64:
            raise _bad_yaml(file, node.start_mark, f"The number {word[:40]} is too big.", "Write it in quotes.")
        return value
    if YAML_FLOAT.fullmatch(word):
        number = float(word)
        if math.isinf(number):
            raise _bad_yaml(file, node.start_mark, f"The number {word[:40]} is too big.", "Write it in quotes.")
        return number
    return word


def _bad_yaml(file: str, mark: Any, what: str, fix: str = "Correct this place.") -> MalformedError:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return MalformedError(what, why=f"{file}:{line}, column {column}.", fix=fix, file=file, line=line, column=column)
