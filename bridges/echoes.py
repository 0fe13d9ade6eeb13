"""
Echoes: our own writes coming back are recognised by what they say, not by when they come.

An event is an echo when everything that changed is exactly what one of our writes left there. Neither the
far side's version nor its actor alone is enough: a poll shows our message as the newest change on top of
a person's edit that we have not seen yet, and that edit is news. Only while a write of ours is under way (its
echo was faster than our own commit) or was the first one does our user's name decide. An echo's values are
kept as observations; bridges do not run on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.jsons import same
from core.tables import action, written
from core.words import Json, Record, State

Key = tuple[int, str, str]
"""(connector id, entity type, external id)."""

_LEDGER = (
    select(
        written.c.connector_id,
        written.c.etype,
        written.c.external_id,
        written.c.action_id,
        written.c.fields,
        written.c.hops,
        written.c.at,
    )
    .where(written.c.connector_id == bindparam("connector"), written.c.external_id.in_(bindparam("ids", expanding=True)))
    .order_by(written.c.id.desc())
)


def ledger(conn: Connection, keys: Iterable[Key]) -> dict[Key, list[Mapping[Any, Any]]]:
    """Return what we wrote to each of these, newest first."""
    wanted: dict[int, set[str]] = {}
    for connector_id, _, external_id in keys:
        wanted.setdefault(connector_id, set()).add(external_id)
    found: dict[Key, list[Mapping[Any, Any]]] = {}
    for connector_id, ids in wanted.items():
        for row in conn.execute(_LEDGER, {"connector": connector_id, "ids": sorted(ids)}).mappings():
            found.setdefault((row["connector_id"], row["etype"], row["external_id"]), []).append(row)
    return found


def under_way(conn: Connection, entity_ids: Iterable[int]) -> dict[tuple[int, int], tuple[str, int]]:
    """Return what a worker has in its hands for these entities: (connector id, entity id) -> (action id, its hops)."""
    held = select(action.c.connector_id, action.c.target_id, action.c.id, action.c.hops).where(
        action.c.state == State.WAITING.value, action.c.lease_owner.is_not(None), action.c.target_id.in_(list(entity_ids))
    )
    return {(row.connector_id, row.target_id): (row.id, row.hops) for row in conn.execute(held)}


def echo_of(
    record: Record,
    changed_paths: Iterable[str],
    writes: Iterable[Mapping[Any, Any]],
    own_user: str | None,
    *,
    writing: bool = False,
) -> str | None:
    """
    Return what this record is an echo of ("action act_…", "our user gateway"), or None.

    ``changed_paths`` are the places in the record of the fields that changed; each must hold what we wrote.
    Where the far side names somebody else as the author it is his word, even if he says what we once wrote.
    ``writing`` says that an act of ours on this entity is under way and not in the ledger yet.

    >>> data = {"status": "resolved", "title": "Oil hot"}
    >>> seen = Record("issues", "4", data, actor="gateway")
    >>> echo_of(seen, ["$.status"], [{"action_id": "act_1", "fields": {"status": "resolved"}}], "gateway")
    'action act_1'
    >>> echo_of(seen, ["$.status"], [{"action_id": "act_1", "fields": {"status": "open"}}], "gateway") is None
    True
    >>> echo_of(seen, ["$.status"], [], "gateway")
    'our user gateway'
    >>> by_tech = Record("issues", "4", data, actor="tech")
    >>> echo_of(by_tech, ["$.status"], [{"action_id": "act_1", "fields": {"status": "resolved"}}], "gateway") is None
    True
    """
    if own_user is not None and record.actor is not None and record.actor != own_user:
        return None
    wrote = list(writes)
    roots = roots_of(changed_paths) if wrote else set()
    for row in wrote:
        fields: dict[str, Json] = row["fields"]
        if roots <= fields.keys() and all(same(record.data.get(root), fields[root]) for root in roots):
            return f"action {row['action_id']}"
    if (writing or not wrote) and own_user is not None and record.actor == own_user:
        return f"our user {own_user}"
    return None


def roots_of(paths: Iterable[str]) -> set[str]:
    """Return the top-level names of the places in a record."""
    return {_root(path) for path in paths}


@lru_cache(maxsize=4096)
def _root(path: str) -> str:
    """
    Return the top-level name of a path in the record.

    >>> _root("$.host.name"), _root("$.status"), _root("$['工单'].x")
    ('host', 'status', '工单')
    """
    rest = path.removeprefix("$").lstrip(".")
    if rest.startswith("["):
        return rest[1:].split("]")[0].strip("'\"")
    return rest.split(".")[0].split("[")[0]
