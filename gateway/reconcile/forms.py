"""What a reconciliation client sends: batches of queries and data extensions, read strictly and refused in words."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core import strict
from gateway.operations import faults_of
from gateway.refusals import ValidationError
from mappings.identity.candidates import Asked

BATCH = 50
"""Queries in one batch; the manifest says so."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Referred(_Part):
    """A value that is an entity."""

    id: str
    name: str | None = None


Value = str | bool | int | float | Referred


class PropertyQuery(_Part):
    """A field that should have one of these values."""

    pid: str
    v: Annotated[list[Value], BeforeValidator(_listed)] = Field(max_length=50)


class TypeOf(_Part):
    """A type by its id, as some clients write it."""

    id: str


class Query(_Part):
    """One reconciliation query."""

    query: str | None = Field(None, max_length=1000)
    type: Annotated[list[str | TypeOf], BeforeValidator(_listed)] = Field(default_factory=list)
    limit: int = Field(5, ge=1, le=100)
    properties: list[PropertyQuery] = Field(default_factory=list, max_length=50)
    type_strict: str | None = None

    def asked(self) -> Asked:
        """Return it as a question to the register; a property is a field with or without its type before it."""
        fields: dict[str, tuple[Any, ...]] = {}
        for one in self.properties:
            name = one.pid.rpartition(".")[2]
            fields[name] = tuple(value.id if isinstance(value, Referred) else value for value in one.v)
        etypes = tuple(one if isinstance(one, str) else one.id for one in self.type)
        return Asked((self.query or "").strip() or None, etypes, fields, self.limit)


class WantedProperty(_Part):
    """A field whose values are wanted."""

    id: str = Field(max_length=200)


class Extension(_Part):
    """Which fields of which entities are wanted."""

    ids: list[str] = Field(max_length=1000)
    properties: list[WantedProperty] = Field(max_length=100)


def read_queries(text: str) -> dict[str, Query]:
    """Read a batch; each fault is named by its place."""
    found = strict.read_json(text.encode("utf-8", "surrogatepass"))
    if not isinstance(found, dict):
        raise ValidationError("queries", [{"path": "queries", "what": "is not an object of queries by name"}])
    faults: list[dict[str, Any]] = []
    read: dict[str, Query] = {}
    for name, one in found.items():
        try:
            query = Query.model_validate(one)
        except pydantic.ValidationError as error:
            faults += [{**fault, "path": f"{name}.{fault['path']}"} for fault in faults_of(error)]
            continue
        if not (query.query or "").strip() and not query.properties:
            faults.append({"path": name, "what": "has neither a query nor properties"})
        read[name] = query
    if faults:
        raise ValidationError("queries", faults)
    return read


def read_extension(text: str) -> Extension:
    """Read a data extension query."""
    try:
        return Extension.model_validate(strict.read_json(text.encode("utf-8", "surrogatepass")))
    except pydantic.ValidationError as error:
        raise ValidationError("extend", faults_of(error)) from error
