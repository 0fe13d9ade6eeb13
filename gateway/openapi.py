"""The OpenAPI 3.0.3 document, made from the operations themselves and from the doors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.auth import SCOPES
from gateway.dialect import to_3_0
from gateway.operations import Download, Operation, Subject
from gateway.shapes import Problem, Received

REF = "#/components/schemas/{model}"

VARIABLES: dict[str, tuple[str, str | None]] = {
    "id": ("as a list or an answer gave it: evt_… or rcp_… (events), act_… (actions), snap_… (snapshots)", None),
    "receipt": ("rcp_…: what the door answered, or a list shows", None),
    "master_id": ("a master ID; one that was merged answers through its survivor", "ALRT-2026-000001"),
    "field": ("a field as entity.field", "alert.severity"),
    "name": ("as a list gave it", None),
    "connector": ("a connector's name", "monitoring"),
    "stream": ("a stream of the connector's kind", "problems"),
    "kind": ("the kind of definition: entity, mapping, formula, bridge, recipe, code_table", "recipe"),
    "review_id": ("of a review, as the list shows it", None),
    "drift_id": ("the number of a drift, as the list shows it", None),
    "edge_id": ("of an edge, as an entity shows it", None),
    "word": ("a placeholder as the list shows it", None),
    "prefix": ("the first characters of a key, as the list shows them", None),
    "secret": ("the secret part of the address; shown once", None),
}
"""What stands in a path, and an example where one is true everywhere."""

READ_ME = """\
Nothing dropped, nothing silent, everything explained and replayable.

**Keys**: `Authorization: Bearer tl_…`. Scopes: {scopes}.

**Lists** are newest first. `limit` (1 to 200, else 50) says how many; `next` of the answer goes into `cursor` of the next
request; null means that was all. What arrives meanwhile neither repeats nor hides a row.

**Times** are RFC 3339 in UTC; a time that is sent needs a zone.

**Errors** are `application/problem+json` (RFC 9457): `code` is stable, `family` says who has to move next (transient: nobody;
input: the sender; setup: a person here; refused: the other system's owner), `what`, `why` and `fix` are sentences for people,
`type` is the address of a page that explains the code in English and Chinese. `Accept-Language: zh` gives Chinese titles.

**A ticket system** asks `POST /api/v1/identity/resolve` for the master ID of its ticket or device, then
`POST /api/v1/snapshots` for what is known about it, and `GET /api/v1/lineage/values/{{master_id}}/{{field}}` for where a value
came from.
"""

MEANINGS = {
    400: "The request cannot be read.",
    401: "A key is needed, or this one is not accepted.",
    403: "The key lacks a scope; the answer names it.",
    404: "There is no such thing.",
    409: "It exists already, differently.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The content type is not read here.",
    422: "The request can be read, but not used; every fault is listed.",
    502: "The other system understood and refused.",
    503: "Not now; Retry-After says when.",
}


def document(subjects: Iterable[Subject]) -> dict[str, Any]:
    """Return the whole document; its order is the order of declaration, so that diffs are small."""
    subjects = list(subjects)
    operations = [operation for subject in subjects for operation in subject.operations]
    schemas, refs = _schemas(operations)
    paths: dict[str, Any] = {}
    for operation in operations:
        path = "/api/v1" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _entry(operation, schemas, refs)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Tieline",
            "version": release(),
            "description": READ_ME.format(scopes="; ".join(f"{name} ({texts[0]})" for name, texts in SCOPES.items())),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": "doors", "description": "Where other systems deliver"}]
        + [{"name": subject.name, "description": subject.title} for subject in subjects],
        "paths": {**_doors(), **paths},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key: tl_…"}},
        },
    }


def release() -> str:
    """Return the installed version."""
    try:
        return version("tieline")
    except PackageNotFoundError:
        return "0.0.0"


def _schemas(operations: list[Operation]) -> tuple[dict[str, Any], dict[Any, str]]:
    wanted: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization"), (Received, "serialization")]
    for operation in operations:
        if operation.answer is not Download:
            wanted.append((operation.answer, "serialization"))
        if operation.body is not None:
            wanted.append((operation.body, "validation"))
    chosen, whole = models_json_schema(list(dict.fromkeys(wanted)), ref_template=REF)
    refs = {key: schema["$ref"] for key, schema in chosen.items()}
    return {name: to_3_0(schema) for name, schema in whole["$defs"].items()}, refs


def _entry(operation: Operation, schemas: dict[str, Any], refs: dict[Any, str]) -> dict[str, Any]:
    if operation.answer is Download:
        content = _FILE
    else:
        content = {"application/json": {"schema": {"$ref": refs[operation.answer, "serialization"]}}}
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.subject],
        "summary": operation.summary,
        "description": f"{operation.details}\n\nNeeds the scope `{operation.scope}`.".strip(),
        "parameters": [_variable(name) for name in operation.variables]
        + (_parameters(operation.query) if operation.query else []),
        "responses": {
            str(operation.status): {"description": "Done.", "content": content},
            **{str(code): _problem(code) for code in operation.refusals},
        },
    }
    if operation.body is not None:
        schema = {"$ref": refs[operation.body, "validation"]}
        entry["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.upload:
        entry["requestBody"] = {"required": True, "content": _FILE}
    return entry


_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def _variable(name: str) -> dict[str, Any]:
    """Return what stands in a path, said and with an example where there is one."""
    said, example = VARIABLES[name]
    shown = {} if example is None else {"example": example}
    return (
        {"name": name, "in": "path", "required": True, "description": said}
        | shown
        | {"schema": {"type": "string", "minLength": 1}}
    )


def _parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    found = []
    for name, one in schema["properties"].items():
        plain = to_3_0(one, named=False)
        plain.pop("nullable", None)  # a parameter that is not there is not null
        if plain.get("default", "") is None:
            plain.pop("default")
        parameter = {"name": name, "in": "query", "required": name in required, "schema": plain}
        if "description" in plain:
            parameter["description"] = plain.pop("description")
        found.append(parameter)
    return found


def _problem(code: int) -> dict[str, Any]:
    schema = {"$ref": REF.format(model="Problem")}
    return {"description": MEANINGS[code], "content": {"application/problem+json": {"schema": schema}}}


def _doors() -> dict[str, Any]:
    """Return the doors' own entries; they are no operations, because no model may stand in their way."""
    responses = {
        code: {"description": text, "content": {"application/json": {"schema": {"$ref": REF.format(model="Received")}}}}
        for code, text in (("202", "Stored, committed; handled next."), ("200", "Known already; the first receipt."))
    }
    refusals = {str(code): _problem(code) for code in (400, 401, 404, 408, 409, 413, 415, 503)}

    def entry(name: str, variables: tuple[str, ...], summary: str) -> dict[str, Any]:
        return {
            "post": {
                "operationId": name,
                "tags": ["doors"],
                "summary": summary,
                "description": "Verified over the raw bytes by the connector's declared scheme; at most 1 MiB.",
                "security": [],
                "parameters": [_variable(one) for one in variables],
                "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
                "responses": {**responses, **refusals},
            }
        }

    return {
        "/in/{connector}": entry("deliver", ("connector",), "Deliver a body to a connector."),
        "/in/{connector}/{secret}": entry(
            "deliver_secretly", ("connector", "secret"), "Deliver through a secret path, for systems that cannot sign."
        ),
    }
