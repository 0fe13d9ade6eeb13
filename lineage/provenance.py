"""
Where one value came from: who said it, where it stood there, when, and which version read it.

A computed value names its operands with their own observations and is computed again: the stored value must come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from core.clock import to_rfc3339
from core.definitions import Catalogue, live, near
from core.errors import NotFoundError
from core.expressions import ExpressionError, NoValueError, compile_formula
from core.tables import archive, archive_id, connector, definition, definition_version, delivery, entity, event, observation
from core.tables import value as value_table
from core.words import FieldState, Json
from lineage import edges

DEEPEST = 8
"""Formulas of formulas are followed so far."""

_OBSERVATION: Select[Any] = (
    select(
        observation,
        connector.c.name.label("connector"),
        connector.c.kind.label("connector_kind"),
        definition.c.kind.label("by_kind"),
        definition.c.name.label("by_name"),
        definition_version.c.n.label("by_n"),
        definition_version.c.spec.label("by_spec"),
        delivery.c.receipt,
        delivery.c.received_at,
        event.c.stream,
        event.c.external_id,
        archive.c.receipt.label("archived_receipt"),
        archive.c.received_at.label("archived_received_at"),
    )
    .select_from(observation)
    .outerjoin(connector, connector.c.id == observation.c.connector_id)
    .outerjoin(definition_version, definition_version.c.id == observation.c.version_id)
    .outerjoin(definition, definition.c.id == definition_version.c.definition_id)
    .outerjoin(delivery, delivery.c.id == observation.c.delivery_id)
    .outerjoin(event, event.c.id == observation.c.event_id)
    .outerjoin(archive_id, (archive_id.c.id == observation.c.event_id) & event.c.id.is_(None))
    .outerjoin(archive, (archive.c.day == archive_id.c.day) & (archive.c.delivery_id == archive_id.c.delivery_id))
)


@dataclass(frozen=True, slots=True)
class _Subject:
    """Who is asked about: the id as asked, the survivor that answers today, and all its members."""

    asked: str
    gid: str
    etype: str
    members: tuple[int, ...]
    fields: Mapping[str, Any]


def value(conn: Connection, gid: str, field: str) -> dict[str, Any]:
    """
    Return where the present value of a field came from, once per connector that has said something, newest first.

    ``field`` may carry its entity (``alert.severity``). A known field nobody has filled gives no values,
    and what could fill it.
    """
    subject = _subject(conn, gid)
    name = field.removeprefix(f"{subject.etype}.")
    if name not in subject.fields:
        guess = near(name, subject.fields)
        raise NotFoundError(
            f"A {subject.etype} has no field {name!r}.",
            why=f"It has: {', '.join(sorted(subject.fields)) or 'none'}.",
            fix=f"Did you mean {guess!r}?" if guess else "Use one of these fields.",
        )
    held = select(value_table.c.observation_id).where(value_table.c.entity_id.in_(subject.members), value_table.c.field == name)
    rows = list(conn.execute(_OBSERVATION.where(observation.c.id.in_(held))))
    rows.sort(key=lambda row: (row.source_at or row.observed_at, row.id), reverse=True)
    node = f"field:{subject.etype}.{name}"
    return {
        "master_id": gid,
        "current_id": subject.gid,
        "moved": subject.gid != gid,
        "entity": subject.etype,
        "field": name,
        "values": [_told(conn, row, subject, 0) for row in rows],
        "could_come_from": [one.as_dict() for one in edges.into(conn, node)],
    }


def of_observation(conn: Connection, observation_id: str) -> dict[str, Any]:
    """Return where one observation came from, also one that is no longer current (a decision or a snapshot names it)."""
    row = conn.execute(_OBSERVATION.where(observation.c.id == observation_id)).first()
    if row is None:
        why = "Observations are never deleted within their retention."
        raise NotFoundError(f"There is no observation {observation_id!r}.", why=why, fix="Check the id.")
    gid = conn.execute(select(entity.c.gid).where(entity.c.id == row.entity_id)).scalar_one()
    subject = _subject(conn, gid)
    return {"master_id": gid, "current_id": subject.gid, "field": row.field, **_told(conn, row, subject, 0)}


def _subject(conn: Connection, gid: str) -> _Subject:
    row = conn.execute(select(entity.c.id, entity.c.etype, entity.c.survivor_id).where(entity.c.gid == gid)).first()
    if row is None:
        raise NotFoundError(f"There is no master ID {gid!r}.", why="It was never given.", fix="Resolve the foreign id first.")
    survivor = row.survivor_id or row.id
    of_component = (entity.c.survivor_id == survivor) | (entity.c.id == survivor)
    members = list(conn.execute(select(entity.c.id, entity.c.gid).where(of_component)))
    specs = {one.name: one.spec for one in live(conn, "entity")}
    current = next(member.gid for member in members if member.id == survivor)
    fields = specs.get(row.etype, {}).get("fields", {})
    return _Subject(gid, current, row.etype, tuple(member.id for member in members), fields)


def _told(conn: Connection, row: Row[Any], subject: _Subject, depth: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "value": row.value,
        "state": row.state,
        "observation_id": row.id,
        "observed_at": to_rfc3339(row.observed_at),
        "source_at": to_rfc3339(row.source_at),
        "event_id": row.event_id,
        "receipt": row.receipt or row.archived_receipt,
        "received_at": to_rfc3339(row.received_at or row.archived_received_at),
        "definition": {"kind": row.by_kind, "name": row.by_name, "version": row.by_n} if row.by_kind else None,
    }
    if row.by_kind == "formula":
        return told | {"source": None, "formula": _formula(conn, row, subject, depth)}
    return told | {
        "source": {
            "connector": row.connector,
            "kind": row.connector_kind,
            "stream": row.stream or ((row.by_spec or {}).get("from") or {}).get("stream"),
            "external_id": row.external_id,
            "path": row.path,
            "raw": row.raw,
        },
        "formula": None,
    }


def _formula(conn: Connection, row: Row[Any], subject: _Subject, depth: int) -> dict[str, Any]:
    inputs: dict[str, str] = row.inputs or {}
    found = {one.id: one for one in conn.execute(_OBSERVATION.where(observation.c.id.in_(inputs.values())))}
    operands = {name: found[one] for name, one in inputs.items() if one in found}
    expression = str(row.by_spec["expression"])
    return {
        "text": expression,
        "operands": {
            name: _told(conn, operand, subject, depth + 1)
            if depth < DEEPEST
            else {"observation_id": operand.id, "value": operand.value}
            for name, operand in operands.items()
        },
        "recomputed": _again(expression, row, operands, subject),
    }


def _again(expression: str, row: Row[Any], operands: Mapping[str, Row[Any]], subject: _Subject) -> dict[str, Any]:
    """Compute the stored formula on the stored operands; say whether the stored value comes out."""
    types = Catalogue(entities={subject.etype: {"fields": subject.fields}}).types({subject.etype: subject.etype})
    values: dict[str, Json] = {
        name: operand.value for name, operand in operands.items() if operand.state in (FieldState.PRESENT, FieldState.NULL)
    }
    try:
        result: Json = compile_formula(expression, types).evaluate(values)
        state = FieldState.PRESENT
    except NoValueError as error:
        return {"value": None, "agrees": row.state == FieldState.NULL, "why": error.why}
    except ExpressionError as error:
        return {"value": None, "agrees": row.state == FieldState.INVALID, "why": error.why}
    agrees = row.state == state and row.value == result
    return {
        "value": result,
        "agrees": agrees,
        "why": None if agrees else "The stored value differs from what its operands give.",
    }
