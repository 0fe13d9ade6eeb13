"""
The form of a definition: the model of its kind, or every fault of form with its path and the near word.

Each room keeps the models and checks of its own kinds; this table is the one place that knows them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

assert set(MODELS) == set(KINDS), "every kind has a model, and nothing else has"


def read(kind: str, spec: Mapping[str, Json]) -> BaseModel | list[Problem]:
    """Return the model of a document, or what is wrong with its form."""
    try:
        return MODELS[kind].model_validate(dict(spec))
    except ValidationError as error:
        schema = MODELS[kind].model_json_schema()
        found = [_problem(one, spec, schema) for one in error.errors(include_url=False)]
    return list({one.path: one for one in reversed(found)}.values())[::-1]


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
    parts = list(_real(found["loc"], spec))
    path = ".".join(str(part) for part in parts)
    last = str(found["loc"][-1]) if found["loc"] else ""
    if found["type"] == "extra_forbidden":
        return unknown(path, "word", last, _words(schema, parts[:-1]))
    if found["type"] == "missing":
        return Problem(path, f"{last!r} is missing.", f"Add {last}: to it.")
    said = str(found["msg"]).removeprefix("Value error, ").rstrip(".")
    return Problem(path, f"{said}.", f"It says {_short(found['input'])} now.")


def _real(loc: Sequence[str | int], value: Json) -> Iterator[str | int]:
    """Yield the parts of a place that stand in the document; the names of alternatives are left out."""
    for i, part in enumerate(loc):
        if isinstance(value, dict) and part in value:
            yield part
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            yield part
            value = value[part]
        elif isinstance(value, dict) and i == len(loc) - 1:
            yield part  # what is missing


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
