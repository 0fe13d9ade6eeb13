"""Lineage: where a field comes from, what it touches, and where one value came from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.operations import Call, Subject
from gateway.shapes import Open, Query, Time, Whole
from lineage import provenance
from lineage import query as graph
from mappings import identity

subject = Subject("lineage", "Where fields and values come from, and what they touch")


class Node(Open):
    """A field, a source's path, a bridge, an act's argument, a facet."""

    id: str
    type: str
    name: str
    level: int = Field(description="distance; upstream is negative")
    hidden: dict[str, int] = Field(description="by direction (up, down): how many of its neighbours are not shown")
    neighbours: dict[str, int] = Field(description="by direction: how many it has in all")


class Author(Open):
    """The version of a definition that says so."""

    kind: str = Field(description="mapping, formula, bridge, recipe", examples=["formula"])
    name: str = Field(examples=["alert-priority"])
    version: int


class Arrow(Open):
    """One edge: `dst` is made from, or decided by, `src`."""

    src: str
    dst: str
    kind: Literal["DIRECT", "INDIRECT"] = Field(description="DIRECT: gives the value; INDIRECT: decides about it")
    subtype: str = Field(description="IDENTITY, TRANSFORMATION, AGGREGATION, JOIN, CONDITIONAL (the words of OpenLineage)")
    detail: str | None = Field(description="the formula, condition or step as its author wrote it")
    by: Author


class Coverage(Open):
    """How large the whole graph is, and what an empty answer means."""

    nodes: int
    edges: int
    note: str


class FieldLineage(Open):
    """A bounded part of the graph; what is hidden is counted, and the graph has a version."""

    field: str = Field(examples=["alert.priority"])
    node: str
    graph_version: int
    nodes: list[Node]
    edges: list[Arrow]
    direction: Literal["up", "down", "both"]
    depth: int
    hidden: int = Field(description="how many neighbours are not shown; 0 means: this is all")
    truncated: bool
    stopped: dict[str, Any] = Field(description="by direction: why the walk ended early (depth, nodes, time), [] if it did not")
    coverage: Coverage


class Told(Open):
    """One source's word, or one formula's result, with everything that led to it."""

    value: Any
    state: str
    observation_id: str
    observed_at: Time
    source_at: Time | None
    event_id: str | None
    receipt: str | None = Field(description="the delivery it came with: GET /api/v1/events/{receipt}")
    received_at: Time | None
    definition: Any
    source: Any = Field(description="connector, stream, path and the value as it stood there; null for a formula")
    formula: Any = Field(description="the text, its operands with their own lineage, and whether it computes again")


class ValueLineage(Open):
    """Where the value of a field came from, once per source, newest first."""

    master_id: str
    current_id: str
    moved: bool
    entity: str
    field: str
    values: list[Told]
    could_come_from: list[Arrow] = Field(description="every live edge into this field")


class Depth(Query):
    """How much of the graph."""

    direction: Literal["up", "down", "both"] = Field("both", description="up: where it comes from; down: what it touches")
    depth: Whole = Field(3, ge=1, le=50)
    nodes: Whole = Field(500, ge=1, le=2000, description="at most so many in each direction")


@subject.get("/lineage/fields/<path:field>")
def field_lineage(call: Call, field: str, query: Depth) -> FieldLineage:
    """
    Show where a field (`alert.severity`) comes from, and what it touches.

    Any other node of the graph can stand there too, as its `id` is written: `bridge:alert-to-ticket`.
    """
    with call.parts.db.read() as conn:
        found = graph.fields(conn, field, direction=query.direction, depth=query.depth, nodes=query.nodes)
    return FieldLineage.model_validate(found)


@subject.get("/lineage/values/<master_id>/<field>")
def value_lineage(call: Call, master_id: str, field: str) -> ValueLineage:
    """
    Show where the value of a field of one entity came from: source, path, time, mapping, delivery; or its operands.

    `field` is the name alone (`priority`) or with its entity (`alert.priority`).
    """
    with call.parts.db.read() as conn:
        return ValueLineage.model_validate(provenance.value(conn, identity.entered(master_id), field))
