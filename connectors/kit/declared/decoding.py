"""From an answer to records, and from a record to its declared fields: named steps, no computing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.kit.contract import FieldType
from connectors.kit.declared.manifest import FieldSpec, Moment
from connectors.kit.declared.paths import path, there
from connectors.kit.declared.times import read_time, zone_of
from connectors.kit.declared.wire import Decode, Named, Pairs, Zip
from connectors.kit.shapes import ShapeError
from core.clock import to_rfc3339
from core.words import Json, Micros

Rows = list[dict[str, Json]]
MOST_RECORDS = 50_000
"""No page of anybody holds more."""


def rows_of(body: Json, records: str, steps: list[Decode], whose: str) -> Rows:
    """Return the records of an answer, each an object."""
    for step in steps:
        if step.zip_ is not None:
            body = _zipped(body, step.zip_, whose)
            records = "$"
        elif step.named is not None:
            body = _named(body, step.named, whose)
            records = "$"
    found = path(records)(body)
    if found is None and body is not None:
        found = []
    rows = found if isinstance(found, list) else [found]
    if len(rows) > MOST_RECORDS:
        raise _shape(whose, f"it holds {len(rows)} records, and more than {MOST_RECORDS} are not read at once")
    for step in steps:
        for place, row in enumerate(rows):
            if not isinstance(row, dict):
                raise _shape(whose, f"record {place} is not an object")
            rows[place] = _stepped(row, step)
    if any(not isinstance(row, dict) for row in rows):
        raise _shape(whose, "a record is not an object")
    return rows


def _stepped(row: dict[str, Json], step: Decode) -> dict[str, Json]:
    if step.json_in is not None:
        return {**row, **{name: _parsed(row[name]) for name in step.json_in if isinstance(row.get(name), str)}}
    if step.pairs is not None:
        return _paired(row, step.pairs)
    if step.points is not None:
        return _pointed(row, step.points)
    if step.blank is not None:
        return {name: None if _is_blank(one, step.blank) else one for name, one in row.items()}
    return row


def _is_blank(value: Json, blanks: list[Any]) -> bool:
    return any(value == one and type(value) is type(one) for one in blanks)


def _parsed(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _zipped(body: Json, step: Zip, whose: str) -> Rows:
    names = step.names
    if names is None:
        told = path(step.names_at or "$")(body)
        if not isinstance(told, list):
            raise _shape(whose, f"there are no names of columns at {step.names_at}")
        names = [_column(one, step.name_in) for one in told]
    rows = path(step.rows)(body)
    if not isinstance(rows, list):
        raise _shape(whose, f"there is no list of rows at {step.rows}")
    made: Rows = []
    for place, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise _shape(whose, f"row {place} does not hold {len(names)} values")
        made.append(dict(zip(names, row, strict=True)))
    return made


def _column(told: Json, name_in: str) -> str:
    if isinstance(told, dict):
        told = told.get(name_in)
    elif isinstance(told, list) and told:
        told = told[0]  # [name, type, length], as TDengine tells it
    return str(told)


def _named(body: Json, step: Named, whose: str) -> Rows:
    found = path(step.at)(body)
    if not isinstance(found, dict):
        raise _shape(whose, f"there is no object at {step.at}")
    made: Rows = []
    for name, one in found.items():
        if isinstance(one, list):
            made += [{**part, step.name_as: name} for part in one if isinstance(part, dict)]
        else:
            made.append({**one, step.name_as: name} if isinstance(one, dict) else {step.name_as: name, "value": one})
    return made


def _paired(row: dict[str, Json], step: Pairs) -> dict[str, Json]:
    found = path(step.at)(row)
    if not isinstance(found, list):
        return row
    made = {str(one[step.name]): one.get(step.value) for one in found if isinstance(one, dict) and step.name in one}
    return {**row, step.at.removeprefix("$.").split(".", maxsplit=1)[0]: made}


def _pointed(row: dict[str, Json], where: str) -> dict[str, Json]:
    def point(one: Json) -> Json:
        return {"time": one[0], "value": one[1]} if isinstance(one, list) and len(one) == 2 else one

    found = path(where)(row)
    if isinstance(found, list):
        made = point(found) if len(found) == 2 and not isinstance(found[0], list) else [point(one) for one in found]
        return {**row, where.removeprefix("$.").split(".", maxsplit=1)[0]: made}
    return row


def zone_in(name: str | None, settings: Mapping[str, Any]) -> ZoneInfo | None:
    """Return the zone a manifest names: itself, or the setting ``time_zone``."""
    if name is None:
        return None
    if name != "{time_zone}":
        return zone_of(name)
    given = settings.get("time_zone")
    return zone_of(str(given)) if given else None


def moment_of(spec: Moment | None, row: Json, settings: Mapping[str, Any], whose: str) -> Micros | None:
    """Return the time of a record, or None where it gives none."""
    if spec is None:
        return None
    try:
        return read_time(path(spec.at)(row), spec.form, zone_in(spec.zone, settings))
    except ValueError as error:
        raise _shape(whose, f"{spec.at}: {error}") from None


def shaped_fields(row: Json, fields: Mapping[str, FieldSpec], settings: Mapping[str, Any], whose: str) -> dict[str, Json]:
    """Return the declared fields of a record, each of its type; null stays null, what is not there is left out."""
    made: dict[str, Json] = {}
    for name, spec in fields.items():
        value = path(spec.from_ or name)(row)
        if value is not None:
            try:
                value = _typed(value, spec, settings)
            except (ValueError, TypeError, OverflowError) as error:
                raise _shape(whose, f"{name}: {error}") from None
        if value is not None or there(spec.from_ or name)(row):
            _put(made, name, value)
    return made


def _put(made: dict[str, Json], name: str, value: Json) -> None:
    """A dotted name is a place in an object, as the contract has it."""
    *outer, last = name.split(".")
    for part in outer:
        made = made.setdefault(part, {})
    made[last] = value


def _typed(value: Json, spec: FieldSpec, settings: Mapping[str, Any]) -> Json:
    if spec.type is FieldType.TIME:
        return to_rfc3339(read_time(value, spec.form or "iso", zone_in(spec.zone, settings)))
    return _TYPED[spec.type](value, spec)


def _string(value: Json, _spec: FieldSpec) -> Json:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str):
        return value[1]  # [id, "name"], as Odoo refers to things
    raise TypeError(f"it is {type(value).__name__} where a text was declared")


def _integer(value: Json, _spec: FieldSpec) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"it is {type(value).__name__} where a whole number was declared")
    if isinstance(value, str) and not value.strip():
        return None
    number = int(value) if not isinstance(value, str) else int(value.strip())
    if number != value and isinstance(value, float):
        raise ValueError(f"{value} is not a whole number")
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("it does not fit 64 bits")
    return number


def _number(value: Json, _spec: FieldSpec) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"it is {type(value).__name__} where a number was declared")
    if isinstance(value, str):
        if not value.strip():
            return None
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            return None  # NaN: measured, but nothing that can be counted with
        return int(value) if value.strip().lstrip("-").isdecimal() and len(value) < 16 else number
    return value


def _boolean(value: Json, _spec: FieldSpec) -> Json:
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0", "yes", "no", "y", "n", "t", "f"):
        return value.lower() in ("true", "1", "yes", "y", "t")
    raise ValueError(f"{str(value)[:40]!r} is neither true nor false")


def _list(value: Json, spec: FieldSpec) -> Json:
    if not isinstance(value, list):
        raise TypeError(f"it is {type(value).__name__} where a list was declared")
    if spec.each is None:
        return value
    return [{name: path(where)(one) for name, where in spec.each.items()} for one in value]


def _object(value: Json, _spec: FieldSpec) -> Json:
    if not isinstance(value, dict):
        raise TypeError(f"it is {type(value).__name__} where an object was declared")
    return value


_TYPED: dict[FieldType, Callable[[Json, FieldSpec], Json]] = {
    FieldType.STRING: _string,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.LIST: _list,
    FieldType.OBJECT: _object,
}


def _shape(whose: str, what: str) -> ShapeError:
    return ShapeError(
        f"{whose}: {what}.",
        why="It does not have the form that the manifest declares.",
        fix="Compare the other system's version with the one the manifest was written for.",
    )
