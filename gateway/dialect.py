"""
JSON Schema as pydantic writes it (2020-12), rewritten into the dialect of OpenAPI 3.0.

3.0 knows no ``type: null``, no ``const``, no ``prefixItems``, and its exclusive bounds are booleans.
A document that uses them passes by eye and breaks every generated client, so this is a module of
its own with a test of its own.
"""

from __future__ import annotations

from typing import Any

_UNKNOWN_TO_3_0 = ("propertyNames", "patternProperties", "unevaluatedProperties", "contentMediaType", "$defs", "$schema")


def to_3_0(schema: Any, *, named: bool = True) -> Any:
    """
    Return the schema in the 3.0 dialect.

    >>> to_3_0({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None})
    {'default': None, 'type': 'string', 'nullable': True}
    >>> to_3_0({"const": "zh"})
    {'enum': ['zh']}
    >>> to_3_0({"type": "integer", "exclusiveMinimum": 0})
    {'type': 'integer', 'minimum': 0, 'exclusiveMinimum': True}
    """
    if isinstance(schema, list):
        return [to_3_0(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for word, value in schema.items():
        if word not in _UNKNOWN_TO_3_0 and (named or word != "title"):
            found.update(_member(word, value))
    return _nullable(found)


def _member(word: str, value: Any) -> dict[str, Any]:
    """Return what one member of a schema becomes."""
    match word:
        case "properties":
            return {word: {name: to_3_0(one, named=False) for name, one in value.items()}}
        case "items" | "additionalProperties" | "not" if isinstance(value, dict):
            return {word: to_3_0(value, named=False)}
        case "anyOf" | "oneOf" | "allOf":
            return {word: [to_3_0(one, named=False) for one in value]}
        case "const":
            return {"enum": [value]}
        case "examples":
            return {"example": value[0]}
        case "exclusiveMinimum" | "exclusiveMaximum":
            return {word.replace("exclusiveM", "m"): value, word: True}
        case "prefixItems":
            return {"items": {"anyOf": to_3_0(value)} if value else {}}
    return {word: value}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Turn "this or null" into ``nullable``."""
    for word in ("anyOf", "oneOf"):
        if word not in schema:
            continue
        others = [one for one in schema[word] if one.get("type") != "null"]
        if len(others) == len(schema[word]):
            continue
        schema = {key: value for key, value in schema.items() if key != word}
        if len(others) == 1 and "$ref" not in others[0]:
            schema.update(others[0])
        elif len(others) == 1:
            schema["allOf"] = others
        else:
            schema[word] = others
        schema["nullable"] = True
    return schema
