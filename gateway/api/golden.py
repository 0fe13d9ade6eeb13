"""The golden record: one value per field of a master ID, with why it won and what lost."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import Connection, select

from core.errors import NotFoundError
from core.tables import connector, entity
from gateway.api.identity import who
from gateway.api.matching import Both
from gateway.known import Claim, Known, known_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body
from mappings import catalogue, golden, values

subject = Subject("golden", "The golden record: which value of a field counts, and why")


class GoldenField(Answer):
    """The value of one field, why it won, and what lost."""

    field: str
    value: Any
    state: str
    source: str
    rule: str = Field(description="what decided: only, state, pin, sources, longest, most_complete, newest or equal")
    why: Both
    survives_by: str = Field(description="what the entity's definition says about this field")
    losers: list[Claim]


class GoldenRecord(Answer):
    """One value per field, chosen when it is read."""

    requested: str
    master_id: str
    moved: bool
    type: str
    fields: list[GoldenField]


class Pin(Body):
    """A source whose word counts for one field of one master ID."""

    field: str = Field(min_length=1, max_length=100)
    source: str | None = Field(description="a connector's name, or tieline for what a formula computed; null: unpin")
    why: str | None = Field(None, max_length=500)


@subject.get("/entities/<master_id>/golden")
def get_golden(call: Call, master_id: str) -> GoldenRecord:
    """Show one value per field, why it won, and what lost."""
    with call.parts.db.read() as conn:
        return _golden(conn, master_id)


@subject.post("/entities/<master_id>/pins", scope="identity:write", also=(409,))
def pin_field(call: Call, master_id: str, body: Pin) -> GoldenRecord:
    """Let a source's word count for one field of this master ID whatever its time and order, or withdraw that."""
    with call.parts.db.write() as conn:
        found = who(conn, master_id)
        if body.source is None:
            golden.unpin(conn, found.entity_id, body.field)
        else:
            golden.pin(
                conn,
                found.entity_id,
                body.field,
                _connector(conn, body.source),
                made_by=call.caller.name,
                now=call.parts.db.now(conn),
                note=body.why,
            )
        return _golden(conn, master_id)


def _golden(conn: Connection, master_id: str) -> GoldenRecord:
    found = who(conn, master_id)
    etype = conn.execute(select(entity.c.etype).where(entity.c.id == found.entity_id)).scalar_one()
    known = known_of(conn, found.entity_id, etype)
    live = catalogue.load(conn)
    fields = [_field(name, one, live.survivorship(etype, name)) for name, one in known.items()]
    return GoldenRecord(requested=master_id, master_id=found.gid, moved=found.moved, type=etype, fields=fields)


def _field(name: str, one: Known, survives_by: str) -> GoldenField:
    return GoldenField(
        field=name,
        value=one.value,
        state=one.state,
        source=one.source,
        rule=one.decided_by,
        why=Both(**one.why),
        survives_by=survives_by,
        losers=one.others,
    )


def _connector(conn: Connection, name: str) -> int:
    if name == values.OWN_NAME:
        return values.OWN
    found = conn.execute(select(connector.c.id).where(connector.c.name == name)).scalar_one_or_none()
    if found is None:
        raise NotFoundError(
            f"There is no connector {name!r}.", why="A source is a connector.", fix="List them: tieline connectors"
        )
    return int(found)
