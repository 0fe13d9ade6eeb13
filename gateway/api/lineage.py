"""Lineage: where a field comes from, what it touches, and where one value came from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.operations import Call, Subject
from gateway.shapes import Open, Query, Whole
from lineage import provenance
from lineage import query as graph

subject = Subject("lineage", "Where fields and values come from, and what they touch")


class FieldLineage(Open):
    """A bounded part of the graph; what is hidden is counted, and the graph has a version."""

    field: str


class ValueLineage(Open):
    """One value: its source, path, time, mapping version and delivery; for a formula its operands."""

    master_id: str
    field: str


class Depth(Query):
    """How much of the graph."""

    direction: Literal["up", "down", "both"] = Field("up", description="up: where it comes from; down: what it touches")
    depth: Whole = Field(3, ge=1, le=20)


@subject.get("/lineage/fields/<field>")
def field_lineage(call: Call, field: str, query: Depth) -> FieldLineage:
    """Show where a field (`alert.severity`) comes from, or what it touches."""
    with call.parts.db.read() as conn:
        found: Any = graph.fields(conn, field, direction=query.direction, depth=query.depth)
    return FieldLineage.model_validate(found)


@subject.get("/lineage/values/<master_id>/<field>")
def value_lineage(call: Call, master_id: str, field: str) -> ValueLineage:
    """Show where the present value of a field of one entity came from."""
    with call.parts.db.read() as conn:
        return ValueLineage.model_validate(provenance.value(conn, master_id, field))
