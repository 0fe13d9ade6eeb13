"""What the database knows before anybody is asked: who it is about, its known fields, and the questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core.clock import to_rfc3339
from core.database import Database
from core.definitions import Catalogue as Authored
from core.errors import NotFoundError, TielineError
from core.expressions import NoValueError, compile_formula
from core.tables import connector, entity, observation, snapshot
from core.words import Json, Micros
from mappings.catalogue import load
from mappings.identity import external_ids
from mappings.scope import Scope, load_scope
from mappings.values import OWN_NAME
from snapshots.recipes import Recipe, recipe_version
from snapshots.specs import FacetSpec, IdOf, aliases
from snapshots.words import Answer, Question, Status


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that is settled before the far sides are asked."""

    snapshot_id: str
    recipe: Recipe
    gid: str
    etype: str
    subject_id: int
    ticket_id: int | None
    ticket: str | None
    asked_at: Micros
    read_at: Micros
    scope: Scope
    fields: dict[str, Json]
    questions: tuple[Question, ...]


def known(conn: Connection, db: Database, snapshot_id: str) -> Subject:
    """Read all of it in one go; the caller closes the connection before anybody is asked."""
    row = conn.execute(select(snapshot).where(snapshot.c.id == snapshot_id)).one_or_none()
    if row is None:
        raise no_snapshot(snapshot_id)
    recipe = recipe_version(conn, row.version_id)
    who = conn.execute(select(entity.c.survivor_id, entity.c.etype).where(entity.c.id == row.subject_id)).one()
    names = {
        one.id: one.gid
        for one in conn.execute(select(entity.c.id, entity.c.gid).where(entity.c.id.in_((who.survivor_id, row.ticket_id))))
    }
    catalogue = load(conn)
    scope = load_scope(conn, catalogue, who.etype, who.survivor_id, recipe.spec.join)
    types = Authored(entities=catalogue.specs).types(aliases(recipe.spec, catalogue.specs))
    return Subject(
        snapshot_id=snapshot_id,
        recipe=recipe,
        gid=names[who.survivor_id],
        etype=who.etype,
        subject_id=row.subject_id,
        ticket_id=row.ticket_id,
        ticket=names.get(row.ticket_id),
        asked_at=row.asked_at,
        read_at=db.now(conn),
        scope=scope,
        fields=_fields(conn, scope),
        questions=tuple(_questions(conn, recipe, scope, types)),
    )


def no_snapshot(snapshot_id: str) -> NotFoundError:
    """Say that there is none."""
    return NotFoundError(f"There is no snapshot {snapshot_id!r}.", why="No row has that id.", fix="Copy the id again: snap_…")


def _fields(conn: Connection, scope: Scope) -> dict[str, Json]:
    """Return every known field of the scope with who said it, where, and when."""
    wanted = select(
        observation.c.id, observation.c.source_at, observation.c.observed_at, observation.c.path, connector.c.name
    ).outerjoin(connector, connector.c.id == observation.c.connector_id)
    rows = {row.id: row for row in conn.execute(wanted.where(observation.c.id.in_(sorted(set(scope.observations.values())))))}
    found: dict[str, Json] = {}
    for name, value in sorted(scope.values.items()):
        row = rows.get(scope.observations.get(name, ""))
        found[name] = {"value": value} if row is None else {
            "value": value,
            "source": row.name or OWN_NAME,
            "path": row.path,
            "source_at": to_rfc3339(row.source_at),
            "observed_at": to_rfc3339(row.observed_at),
            "observation": row.id,
        }  # fmt: skip
    return found


def _questions(conn: Connection, recipe: Recipe, scope: Scope, types: Mapping[str, str]) -> Iterable[Question]:
    facets = recipe.spec.facets
    wanted = sorted({facet.connector for facet in facets.values()})
    ids = {
        row.name: row.id for row in conn.execute(select(connector.c.id, connector.c.name).where(connector.c.name.in_(wanted)))
    }
    foreign = {name: external_ids(conn, scope.entities.values(), row_id) for name, row_id in ids.items()}
    for name, facet in facets.items():
        inputs, settled = _inputs(facet, scope, types, foreign.get(facet.connector, {}))
        if facet.connector not in ids:
            settled = Answer(Status.FAILED, f"No connector {facet.connector!r} is registered.")
        yield Question(
            name=name,
            connector=facet.connector,
            lookup=facet.lookup,
            connector_id=ids.get(facet.connector),
            inputs=inputs,
            wait_s=min(facet.budget_ms or recipe.spec.deadline_ms, recipe.spec.deadline_ms) / 1000,
            stale_after_s=facet.stale_after_s,
            title=facet.title.model_dump() if facet.title else None,
            settled=settled,
        )


def _inputs(
    facet: FacetSpec, scope: Scope, types: Mapping[str, str], foreign: Mapping[int, str]
) -> tuple[dict[str, Any], Answer | None]:
    """Return the inputs of a lookup, or the answer where there is nothing to ask about."""
    inputs: dict[str, Any] = {}
    for name, given in facet.inputs.items():
        if isinstance(given, IdOf):
            entity_id = scope.entities.get(given.id_of)
            if entity_id is None:
                return {}, Answer(Status.ABSENT, scope.unjoined.get(given.id_of, f"There is no {given.id_of}."))
            if entity_id not in foreign:
                return {}, Answer(Status.ABSENT, f"{facet.connector} does not know {scope.gids.get(given.id_of, given.id_of)}.")
            inputs[name] = foreign[entity_id]
            continue
        try:
            inputs[name] = compile_formula(given, types).evaluate(scope.values)
        except NoValueError as error:
            return {}, Answer(Status.ABSENT, error.why)
        except TielineError as error:
            return {}, Answer(Status.FAILED, f"{error.what} {error.why}")
    return inputs, None
