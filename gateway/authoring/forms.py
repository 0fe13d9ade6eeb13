"""
The form of a definition: the model of its kind, or every fault of form with its path and the near word.

Each room keeps the models and checks of its own kinds; this table is the one place that knows them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

import bridges.specs
import mappings.specs
import snapshots.specs
from core.definitions import KINDS, Catalogue, Edge, Problem, unknown
from core.words import Json
from mappings.models import MODELS as MAPPED

MODELS: dict[str, type[BaseModel]] = {
    **MAPPED,
    "bridge": bridges.specs.BridgeSpec,
    "recipe": snapshots.specs.RecipeSpec,
}
"""Kind -> the model that its documents must fit."""

Place = tuple[str | int, ...]
_MISSING = "is missing."
_GUESS = re.compile(r"Did you mean '([^']+)'")

assert set(MODELS) == set(KINDS), "every kind has a model, and nothing else has"


def read(kind: str, spec: Mapping[str, Json]) -> BaseModel | list[Problem]:
    """Return the model of a document, or what is wrong with its form."""
    try:
        return MODELS[kind].model_validate(dict(spec))
    except ValidationError as error:
        schema = MODELS[kind].model_json_schema()
        faults = _best_forms(error.errors(include_url=False), spec)
    found = {one.path: one for one in (_problem(fault, spec, schema) for fault in reversed(faults))}
    missing = {one.path for one in found.values() if one.what.endswith(_MISSING)}
    return [one for one in reversed(found.values()) if one.path not in missing & _meant(found.values())]


def _best_forms(faults: list[Any], spec: Mapping[str, Json]) -> list[Any]:
    """
    Keep, where several forms are allowed, only the faults of the form that was probably meant: the nearest one.

    A list that counts as too short only because of faults inside it is left out as well.
    """
    groups: dict[Place, dict[str, list[Any]]] = {}
    for fault in faults:
        place, form = _form(fault, spec)
        groups.setdefault(place, {}).setdefault(form, []).append(fault)
    kept: list[Any] = []
    for forms in groups.values():
        deeper = [one for form, one in forms.items() if form and any(_is_inside(fault, form) for fault in one)]
        plain = [fault for form, one in forms.items() if not form for fault in one]
        others = [one for form, one in forms.items() if form]
        kept += plain + (min(deeper or others, key=len) if others else [])
    inside = {tuple(fault["loc"][:n]) for fault in kept for n in range(len(fault["loc"]))}
    return [fault for fault in kept if not (fault["type"] == "too_short" and tuple(fault["loc"]) in inside)]


def _is_inside(fault: Any, form: str) -> bool:
    return str(fault["loc"][-1]) != form


def _form(fault: Any, spec: Mapping[str, Json]) -> tuple[Place, str]:
    """Return the place where several forms are allowed, and the name of the form a fault is about; or no name."""
    parts = tuple(_real(fault, spec))
    loc = fault["loc"]
    for i, part in enumerate(loc):
        if i >= len(parts) or parts[i] != part:
            return tuple(loc[:i]), str(part)
    return parts, ""


def _meant(found: Iterable[Problem]) -> set[str]:
    """Return the paths that a misspelt word was probably meant for: they do not lack as well."""
    pairs = ((one.path.rpartition("."), _GUESS.match(one.fix)) for one in found)
    return {f"{parent}{dot}{guess[1]}" for (parent, dot, _), guess in pairs if guess}


def problems(model: Any, catalogue: Catalogue) -> list[Problem]:
    """Return what else keeps a definition of good form from being published."""
    if isinstance(model, bridges.specs.BridgeSpec):
        return bridges.specs.problems(model, catalogue)
    if isinstance(model, snapshots.specs.RecipeSpec):
        return snapshots.specs.problems(model, catalogue)
    return mappings.specs.problems(model, catalogue)


def edges(model: Any, catalogue: Catalogue) -> list[Edge]:
    """Return the lineage a definition without problems draws."""
    if isinstance(model, bridges.specs.BridgeSpec):
        return bridges.specs.edges(model, catalogue)
    if isinstance(model, snapshots.specs.RecipeSpec):
        return snapshots.specs.edges(model, catalogue)
    return mappings.specs.edges(model, catalogue)


def _problem(found: Any, spec: Mapping[str, Json], schema: dict[str, Any]) -> Problem:
    parts = list(_real(found, spec))
    path = ".".join(str(part) for part in parts)
    last = str(found["loc"][-1]) if found["loc"] else ""
    if found["type"] == "extra_forbidden":
        return unknown(path, "word", last, _words(schema, parts[:-1]))
    if found["type"] == "missing":
        return Problem(path, f"{last!r} {_MISSING}", f"Add {last}: to it.")
    said = str(found["msg"]).removeprefix("Value error, ").rstrip(".")
    return Problem(path, f"{said}.", f"It says {_short(found['input'])} now.")


def _real(fault: Any, value: Json) -> Iterator[str | int]:
    """Yield the parts of a place that stand in the document, or lack there; the names of forms are left out."""
    loc = fault["loc"]
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        here = (
            part in value
            if isinstance(value, dict)
            else isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if here or (last and fault["type"] == "missing"):
            yield part
            value = value[part] if here else None


def _words(schema: dict[str, Any], parts: Sequence[str | int]) -> set[str]:
    """Return the words that a model offers at a place."""
    found = [schema]
    for part in parts:
        found = [inner for one in found for inner in _inside(_alternatives(one, schema), part)]
    return {name for one in found for option in _alternatives(one, schema) for name in option.get("properties", {})}


def _alternatives(part: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in part:
        return _alternatives(schema["$defs"][part["$ref"].rpartition("/")[2]], schema)
    options = part.get("anyOf") or part.get("oneOf")
    return [one for option in options for one in _alternatives(option, schema)] if options else [part]


def _inside(options: list[dict[str, Any]], part: str | int) -> Iterator[dict[str, Any]]:
    for one in options:
        for inner in (one.get("properties", {}).get(part), one.get("additionalProperties"), one.get("items")):
            if isinstance(inner, dict):
                yield inner


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
