"""
What would follow from a merge or unmerge: keys gained and lost, and the bridges, snapshots and tickets that it touches.

It looks at the state that the change has made in a transaction which is then rolled back, so nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Text, func, select, type_coerce

from bridges.specs import BridgeSpec, aliases
from core.definitions import Catalogue as Authored
from core.definitions import live
from core.jsons import dumps
from core.tables import action, connector, crosswalk, entity, snapshot, value
from core.words import State
from gateway.shapes import Answer
from mappings import catalogue
from mappings.identity import Change, Moved

SHOWN = 50
"""So many of each are listed; all are counted."""


class MovedKey(Answer):
    """An external id that would answer through another master ID."""

    connector: str
    external_id: str
    before: str
    after: str


class KeyBalance(Answer):
    """How many keys a master ID would gain and lose."""

    master_id: str
    gained: int
    lost: int


class TouchedBridge(Answer):
    """A live bridge that reads or watches such things."""

    name: str
    how: str = Field(description="watches or joins")


class TouchedSnapshot(Answer):
    """A snapshot that was taken of one of them; it stays as it is and is found through the survivor."""

    id: str
    subject: str


class TouchedReference(Answer):
    """Another entity (a ticket, an alert) that names one of them in a field."""

    master_id: str
    type: str
    field: str
    names: str


class Consequences(Answer):
    """All that would follow; lists are cut at 50, the counts are whole."""

    keys: list[MovedKey]
    balance: list[KeyBalance]
    bridges: list[TouchedBridge]
    waiting_actions: int = Field(description="actions that wait or are held and act upon one of them")
    snapshots: list[TouchedSnapshot]
    snapshot_count: int
    tickets: list[TouchedReference]
    ticket_count: int


def consequences(conn: Connection, change: Change) -> Consequences:
    """Say what a change that was just made in this transaction touches."""
    ids = [one.entity_id for one in change.moved]
    gids = sorted({side for one in change.moved for side in (one.gid, one.before, one.after)})
    moved = {one.entity_id: one for one in change.moved}
    keys, balance = _keys(conn, moved)
    etype = conn.execute(select(entity.c.etype).where(entity.c.id.in_(ids)).limit(1)).scalar()
    snapshots, snapshot_count = _snapshots(conn, gids)
    tickets, ticket_count = _references(conn, etype, gids)
    return Consequences(
        keys=keys,
        balance=balance,
        bridges=_bridges(conn, etype) if etype else [],
        waiting_actions=_waiting(conn, gids),
        snapshots=snapshots,
        snapshot_count=snapshot_count,
        tickets=tickets,
        ticket_count=ticket_count,
    )


def _keys(conn: Connection, moved: Mapping[int, Moved]) -> tuple[list[MovedKey], list[KeyBalance]]:
    query = (
        select(connector.c.name, crosswalk.c.external_raw, crosswalk.c.home_id)
        .join(connector, connector.c.id == crosswalk.c.connector_id)
        .where(crosswalk.c.home_id.in_(list(moved)), crosswalk.c.valid_to.is_(None))
        .order_by(connector.c.name, crosswalk.c.id)
    )
    keys: list[MovedKey] = []
    gained: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for name, raw, home_id in conn.execute(query):
        one = moved[home_id]
        gained[one.after] += 1
        lost[one.before] += 1
        if len(keys) < SHOWN:
            keys.append(MovedKey(connector=name, external_id=raw, before=one.before, after=one.after))
    balance = [KeyBalance(master_id=gid, gained=gained[gid], lost=lost[gid]) for gid in sorted(gained | lost)]
    return keys, balance


def _bridges(conn: Connection, etype: str) -> list[TouchedBridge]:
    authored = Authored(entities=catalogue.load(conn).specs)
    found = []
    for one in live(conn, "bridge"):
        spec = BridgeSpec.model_validate(one.spec)
        if spec.on.entity == etype:
            found.append(TouchedBridge(name=spec.name, how="watches"))
        elif etype in aliases(spec, authored).values():
            found.append(TouchedBridge(name=spec.name, how="joins"))
    return found


def _waiting(conn: Connection, gids: Sequence[str]) -> int:
    open_ones = action.c.state.in_([State.WAITING.value, State.HELD.value])
    query = select(func.count()).select_from(action).join(entity, entity.c.id == action.c.target_id)
    return int(conn.execute(query.where(open_ones, entity.c.gid.in_(gids))).scalar_one())


def _snapshots(conn: Connection, gids: Sequence[str]) -> tuple[list[TouchedSnapshot], int]:
    query = select(snapshot.c.id, entity.c.gid).join(entity, entity.c.id == snapshot.c.subject_id).where(entity.c.gid.in_(gids))
    rows = conn.execute(query.order_by(snapshot.c.id.desc())).all()
    return [TouchedSnapshot(id=row.id, subject=row.gid) for row in rows[:SHOWN]], len(rows)


def _references(conn: Connection, etype: str | None, gids: Iterable[str]) -> tuple[list[TouchedReference], int]:
    """Find the entities of other types whose reference fields name one of these master IDs."""
    named = [dumps(gid) for gid in gids]
    found: list[TouchedReference] = []
    count = 0
    for holder, spec in sorted(catalogue.load(conn).entities.items()):
        fields = [name for name, one in spec.fields.items() if one.to == etype]
        if not fields or etype is None:
            continue
        query = (
            select(entity.c.gid, value.c.field, value.c.value)
            .join(entity, entity.c.id == value.c.entity_id)
            .where(entity.c.etype == holder, value.c.field.in_(fields), _text(value.c.value).in_(named))
            .order_by(entity.c.id.desc())
        )
        for row in conn.execute(query):
            count += 1
            if len(found) < SHOWN:
                found.append(TouchedReference(master_id=row.gid, type=holder, field=row.field, names=row.value))
    return found, count


def _text(column: Any) -> Any:
    """Return a JSON column as the text that it is kept as."""
    return type_coerce(column, Text)
