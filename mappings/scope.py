"""
What a condition may read: the flat names of an entity and of those it refers to.

``load_scopes`` fetches for a whole batch with a handful of queries, ``build_scope`` is pure,
``load_scope`` does both for one entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from core.tables import entity
from core.words import FieldState, Json
from mappings import identity
from mappings.catalogue import Catalogue
from mappings.values import CHUNK, Current, current_values

Joins = Mapping[str, str]
"""Name in the scope -> the reference that leads there: ``{"device": "alert.device"}``."""


@dataclass(slots=True)
class Scope:
    """
    Everything an expression of one event can read.

    ``values`` is flat: ``alert.title``; a null is None, what is missing or invalid is absent. ``entities`` and
    ``gids`` say who is behind each name, ``observations`` where each value came from, and ``unjoined`` why
    a join led nowhere.
    """

    values: dict[str, Json] = field(default_factory=dict)
    entities: dict[str, int] = field(default_factory=dict)
    gids: dict[str, str] = field(default_factory=dict)
    observations: dict[str, str] = field(default_factory=dict)
    unjoined: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Loaded:
    """What a batch has in memory: known values by survivor, and who every master ID is today."""

    current: dict[int, Mapping[str, Current]] = field(default_factory=dict)
    survivors: dict[str, int] = field(default_factory=dict)
    gids: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Want:
    """A scope that is wanted: of which entity (its survivor's id), with which joins."""

    etype: str
    entity_id: int
    joins: Joins


def build_scope(catalogue: Catalogue, etype: str, entity_id: int, loaded: Loaded, joins: Joins) -> Scope:
    """Return the scope of one entity from what is loaded. Pure."""
    scope = Scope()
    _add(scope, etype, entity_id, loaded)
    types = {etype: etype}
    for alias, reference in joins.items():
        origin, _, name = reference.partition(".")
        spec = catalogue.entities[types[origin]].fields.get(name) if types.get(origin) in catalogue.entities else None
        if spec is None or spec.to is None:
            scope.unjoined[alias] = f"{reference} is not a reference to another entity."
            continue
        types[alias] = spec.to
        gid = scope.values.get(reference)
        if gid is None:
            scope.unjoined[alias] = f"{reference} has no value."
        elif gid not in loaded.survivors:
            scope.unjoined[alias] = f"{reference} is {gid}, which nobody knows."
        else:
            _add(scope, alias, loaded.survivors[gid], loaded)
    return scope


def _add(scope: Scope, alias: str, entity_id: int, loaded: Loaded) -> None:
    scope.entities[alias] = entity_id
    if entity_id in loaded.gids:
        scope.gids[alias] = loaded.gids[entity_id]
    for name, known in loaded.current.get(entity_id, {}).items():
        if known.state in (FieldState.PRESENT, FieldState.NULL):
            scope.values[f"{alias}.{name}"] = known.value
            scope.observations[f"{alias}.{name}"] = known.observation_id


def load_scopes(conn: Connection, catalogue: Catalogue, wants: Iterable[Want], loaded: Loaded) -> None:
    """
    Bring everything the wanted scopes need into ``loaded``; what is there already is not asked again.

    Two queries per 500 entities and per step of a chain of joins, whatever the number of scopes.
    """
    wanted = list(wants)
    ids = {want.entity_id for want in wanted}
    while True:
        _load_values(conn, catalogue, ids, loaded)
        missing = {gid for want in wanted for gid in _referred(catalogue, want, loaded) if gid not in loaded.survivors}
        new = _load_survivors(conn, missing, loaded)
        ids = {
            loaded.survivors[gid]
            for want in wanted
            for gid in _referred(catalogue, want, loaded)
            if loaded.survivors.get(gid) not in (None, *loaded.current)
        }
        if not ids and not new:
            return


def _referred(catalogue: Catalogue, want: Want, loaded: Loaded) -> list[str]:
    """Return the master IDs that the joins of a scope lead to, as far as they can be followed now."""
    scope = build_scope(catalogue, want.etype, want.entity_id, loaded, want.joins)
    return [str(scope.values[reference]) for reference in want.joins.values() if scope.values.get(reference) is not None]


def _load_values(conn: Connection, catalogue: Catalogue, ids: Iterable[int], loaded: Loaded) -> None:
    unknown = [one for one in ids if one not in loaded.current]
    if unknown:
        loaded.current.update(current_values(conn, unknown, catalogue))
    nameless = [one for one in loaded.current if one not in loaded.gids]
    for start in range(0, len(nameless), CHUNK):
        for row in conn.execute(_GIDS, {"ids": nameless[start : start + CHUNK]}):
            loaded.gids[row.id] = row.gid
            loaded.survivors[row.gid] = row.id


_GIDS = select(entity.c.id, entity.c.gid).where(entity.c.id.in_(bindparam("ids", expanding=True)))


def _load_survivors(conn: Connection, gids: Iterable[str], loaded: Loaded) -> bool:
    wanted = list(gids)
    found = identity.current(conn, wanted) if wanted else {}
    for gid, today in found.items():
        loaded.survivors[gid] = today.entity_id
        loaded.survivors[today.gid] = today.entity_id
        loaded.gids[today.entity_id] = today.gid
    return bool(found)


def load_scope(
    conn: Connection,
    catalogue: Catalogue,
    etype: str,
    entity_id: int,
    joins: Joins,
    current: Mapping[str, Current] | None = None,
) -> Scope:
    """Return the scope of one entity, given as its survivor; ``current`` spares reading what the caller knows."""
    loaded = Loaded(current={entity_id: current} if current is not None else {})
    load_scopes(conn, catalogue, [Want(etype, entity_id, joins)], loaded)
    return build_scope(catalogue, etype, entity_id, loaded, joins)
