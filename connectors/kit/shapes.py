"""Declared shapes held against real data: every field known, of its type, and of its closed list of words."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from connectors.kit.contract import Field, FieldType
from core.clock import from_rfc3339
from core.errors import InputError, UnknownVocabularyError
from core.words import Json


class ShapeError(InputError):
    """Foreign data that does not have the shape its kind declares."""

    code = "shape"
    title, title_zh = "The data does not have the declared shape", "数据与声明的结构不符"


def shaped(data: Json, fields: Iterable[Field], whose: str) -> dict[str, Json]:
    """
    Return the data when it has the declared fields and no others; say which one is wrong otherwise.

    A dotted name (``host.name``) declares a field of an object; null is a value of every type.
    An object without dotted fields may hold anything.
    """
    if not isinstance(data, dict):
        raise ShapeError(f"{whose} is not an object.", why=f"It is {_kind_of(data)}.", fix="Send one JSON object.")
    declared = {field.name: field for field in fields}
    tops = {name.split(".", 1)[0] for name in declared}
    for name in data:
        if name not in tops:
            near = difflib.get_close_matches(str(name), tops, n=1)
            raise ShapeError(
                f"{whose} has no field {name!r}.",
                why=f"Declared are: {', '.join(sorted(tops))}." + (f" Did you mean {near[0]!r}?" if near else ""),
                fix="Correct the name, or leave the field out.",
            )
    for field in declared.values():
        _check(data, field, whose)
    return data


def _check(data: dict[str, Json], field: Field, whose: str) -> None:
    value: Json = data
    for part in field.name.split("."):
        if value is None:
            return
        if not isinstance(value, dict) or part not in value:
            if field.required:
                raise ShapeError(f"{whose} lacks the field {field.name!r}.", why="It is required.", fix="Send it.")
            return
        value = value[part]
    if value is None:
        return
    if not _FITS[field.type](value):
        raise ShapeError(
            f"{whose}: {field.name!r} is not {_article(field.type)}.",
            why=f"It is {_kind_of(value)}.",
            fix=f"Send {_article(field.type)}.",
        )
    if field.words and value not in field.words:
        raise UnknownVocabularyError(
            f"{whose}: {field.name!r} is {str(value)[:80]!r}.",
            why=f"Known words are: {', '.join(field.words)}.",
            fix="Use one of these words, or add the new one to the kind.",
            known=list(field.words),
        )


def _is_time(value: Json) -> bool:
    try:
        from_rfc3339(value)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FITS: Mapping[FieldType, Callable[[Json], bool]] = {
    FieldType.STRING: lambda value: isinstance(value, str),
    FieldType.INTEGER: _is_integer,
    FieldType.NUMBER: lambda value: _is_integer(value) or isinstance(value, float),
    FieldType.BOOLEAN: lambda value: isinstance(value, bool),
    FieldType.TIME: _is_time,
    FieldType.LIST: lambda value: isinstance(value, list),
    FieldType.OBJECT: lambda value: isinstance(value, dict),
}


def _article(kind: FieldType) -> str:
    if kind is FieldType.TIME:
        return "an RFC 3339 time with a zone"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _kind_of(value: Json) -> str:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
