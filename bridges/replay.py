"""
Replay: the same deliveries through the same engine again, dry run first.

The dry run handles them in transactions that are rolled back: the same evaluator as production, and
provably nothing is sent, because sending happens from committed rows only. Many are tried in portions, so
that doors and workers get in between. A real replay makes the deliveries due again; the keys of their
actions are the same, so what was done is not done twice, what was dead is tried again, and what now fires
is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, delete, select, union, update

from bridges import archive
from bridges.handled import handle_rows
from bridges.loops import REPLAY, USUAL, Guards
from bridges.parsed import read
from bridges.portions import LARGEST, cut
from bridges.registered import Registered
from core.database import Database
from core.definitions import unknown
from core.errors import InputError, NotFoundError
from core.tables import action, connector, decision, definition, definition_version, delivery, event, remembered
from core.words import Micros, State, Verdict
from mappings import catalogue as definitions

MOST = 10_000


class ReplayChoiceError(InputError):
    """A replay that names nothing, or too much at once."""

    code = "replay-choice"
    title, title_zh = "The choice of what to replay is not clear", "重放范围不明确"


@dataclass(frozen=True, slots=True)
class Choice:
    """What to replay: one event or delivery, or everything of a window, a bridge, a mapping, a connector or a state."""

    id: str | None = None
    since: Micros | None = None
    until: Micros | None = None
    bridge: str | None = None
    connector: str | None = None
    state: str | None = None
    mapping: str | None = None
    """Everything that this mapping refused, or of which it could not use a field: for when it is mended."""


@dataclass(slots=True)
class Replayed:
    """What a replay would do or has set going."""

    deliveries: list[str] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    dry: bool = True
    portions: int = 1
    """In how many transactions it was tried: what one would have taught is not known to the next."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "dry": self.dry,
            "deliveries": self.deliveries,
            "decisions": self.decisions,
            "actions": self.actions,
            "already": self.again,
            "portions": self.portions,
        }


def plan(db: Database, registered: Registered, choice: Choice, *, portion: int = LARGEST, guards: Guards = USUAL) -> Replayed:
    """Say what a replay would do, connector by connector, and leave no trace."""
    replayed = Replayed()
    if choice.id is not None:  # it may have to be put back from the archive, which is rolled back too
        with db.trial() as conn:
            chosen = _chosen(conn, choice)
            _try(db, conn, registered, chosen, replayed, guards)
        replayed.deliveries = [row["receipt"] for row in chosen]
        return replayed
    with db.read() as conn:
        chosen = _chosen(conn, choice)
        portions = _portions(conn, registered, chosen, portion)
    for rows in portions:
        with db.trial() as conn:
            _try(db, conn, registered, rows, replayed, guards)
    replayed.deliveries, replayed.portions = [row["receipt"] for row in chosen], len(portions)
    return replayed


def _portions(
    conn: Connection, registered: Registered, chosen: list[dict[str, Any]], largest: int
) -> list[list[dict[str, Any]]]:
    """Cut what was chosen by connector and by what it tells of; nobody is kept waiting while it is read for that."""
    catalogue = definitions.load(conn)
    lanes: dict[int, list[dict[str, Any]]] = {}
    for row in chosen:
        lanes.setdefault(row["connector_id"], []).append(row)
    portions = []
    for connector_id, rows in lanes.items():
        by_id = {row["id"]: row for row in rows}
        about = {}
        for row in rows:
            [reading] = read([row], registered.row(connector_id), registered, catalogue)
            about[row["id"]] = [(item.record.stream, item.record.external_id) for item in reading.items]
        portions += [[by_id[one] for one in portion] for portion in cut(about, largest)]
    return portions


def _try(
    db: Database,
    conn: Connection,
    registered: Registered,
    chosen: list[dict[str, Any]],
    replayed: Replayed,
    guards: Guards,
) -> None:
    """Handle in a transaction that its owner rolls back, and note what became of it."""
    lanes: dict[int, list[Mapping[Any, Any]]] = {}
    for row in chosen:
        told = {"handled_at": row["handled_at"] or row["received_at"], "reason": f"{REPLAY}a dry run"}
        lanes.setdefault(row["connector_id"], []).append({**row, **told})
    for connector_id, rows in lanes.items():
        batch = handle_rows(db, conn, registered, registered.row(connector_id), rows, db.now(conn), guards)
        replayed.decisions += [_decision(row) for row in batch.rows.decisions]
        replayed.actions += [_action(row, registered) for row in batch.rows.actions]
        replayed.again += _already(conn, batch.rows.again, registered)


def run(db: Database, choice: Choice, *, by: str) -> Replayed:
    """Make the chosen deliveries due again; ``by`` stands with each and with every dead action it revives. The caller rings."""
    with db.write() as conn:
        now = db.now(conn)
        chosen = _chosen(conn, choice)
        ids = [row["id"] for row in chosen]
        for start in range(0, len(ids), 500):
            conn.execute(
                update(delivery)
                .where(delivery.c.id.in_(ids[start : start + 500]))
                .values(
                    state=State.WAITING.value,
                    next_at=now,
                    held_by=None,
                    reason=f"{REPLAY}{by}",
                    handled_at=delivery.c.received_at,
                )
            )
    return Replayed([row["receipt"] for row in chosen], dry=False)


def _chosen(conn: Connection, choice: Choice) -> list[dict[str, Any]]:
    if choice == Choice():
        raise ReplayChoiceError(
            "Nothing was chosen to replay.",
            why="A replay of everything is never meant.",
            fix="Name an event or receipt, or a window with --since, a --bridge, a --connector, a --mapping or a --state.",
        )
    _must_exist(conn, choice)
    if choice.id is not None and archive.put_back(conn, choice.id):  # in a dry run too: it is rolled back
        conn.execute(delete(remembered).where(remembered.c.receipt == _receipt(conn, choice.id)))
    rows: list[dict[str, Any]] = [{**row} for row in conn.execute(_query(choice)).mappings()]
    if choice.id is not None and not rows and _waits(conn, choice.id):
        raise ReplayChoiceError(
            f"{choice.id} is not replayed: it waits to be handled already.",
            why="It has just arrived, or was replayed a moment ago.",
            fix="None needed: it is handled as soon as a worker looks.",
        )
    if choice.id is not None and not rows:
        raise NotFoundError(
            f"There is no event or delivery {choice.id!r}.",
            why=archive.Source(conn, choice.id).pruned() or "Its row is not there.",
            fix="Look it up with `tieline events list`.",
        )
    if len(rows) > MOST:
        raise ReplayChoiceError(
            f"More than {MOST} deliveries would be replayed.",
            why="That is too much for one step.",
            fix="Choose a shorter window.",
        )
    return rows


def _waits(conn: Connection, public_id: str) -> bool:
    held = select(delivery.c.id).outerjoin(event, event.c.delivery_id == delivery.c.id)
    named = (delivery.c.receipt == public_id) | (event.c.id == public_id)
    return conn.execute(held.where(named, delivery.c.state == State.WAITING.value)).first() is not None


def _receipt(conn: Connection, public_id: str) -> str:
    if public_id.startswith("rcp_"):
        return public_id
    query = select(delivery.c.receipt).join(event, event.c.delivery_id == delivery.c.id).where(event.c.id == public_id)
    return str(conn.execute(query).scalar_one())


def _must_exist(conn: Connection, choice: Choice) -> None:
    """Refuse a name that nothing has: "nothing to replay" would be taken for an answer."""
    live = definition.c.name
    bridges = union(select(live).where(definition.c.kind == "bridge"), select(decision.c.bridge).distinct())
    for what, name, known in (
        ("connector", choice.connector, select(connector.c.name)),
        ("bridge", choice.bridge, bridges),
        ("mapping", choice.mapping, select(live).where(definition.c.kind == "mapping")),
    ):
        if name is not None and name not in (names := set(conn.execute(known).scalars())):
            missing = unknown("", what, name, names)
            raise NotFoundError(missing.what, why="So nothing can be replayed by it.", fix=missing.fix)


def _query(choice: Choice) -> Select[Any]:
    query = select(delivery).where(delivery.c.state != State.WAITING.value).order_by(delivery.c.id).limit(MOST + 1)
    if choice.id is not None:
        column = delivery.c.receipt == choice.id
        if choice.id.startswith("evt_"):
            column = delivery.c.id == select(event.c.delivery_id).where(event.c.id == choice.id).scalar_subquery()
        query = query.where(column)
    if choice.since is not None:
        query = query.where(delivery.c.received_at >= choice.since)
    if choice.until is not None:
        query = query.where(delivery.c.received_at < choice.until)
    if choice.connector is not None:
        query = query.where(
            delivery.c.connector_id == select(connector.c.id).where(connector.c.name == choice.connector).scalar_subquery()
        )
    if choice.state is not None:
        query = query.where(delivery.c.state == choice.state)
    if choice.mapping is not None:
        versions = (
            select(definition_version.c.id)
            .join(definition)
            .where(definition.c.kind == "mapping", definition.c.name == choice.mapping)
        )
        troubled = select(event.c.delivery_id).where(event.c.mapping_version_id.in_(versions), event.c.error.is_not(None))
        query = query.where(delivery.c.id.in_(troubled))
    if choice.bridge is not None:
        decided = (
            select(event.c.delivery_id)
            .join(decision, decision.c.event_id == event.c.id)
            .where(decision.c.bridge == choice.bridge)
        )
        query = query.where(delivery.c.id.in_(decided))
    return query


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("event_id", "bridge", "verdict", "clause", "left", "right", "reason", "actions")} | {
        "fired": row["verdict"] == Verdict.FIRED.value
    }


def _action(row: Mapping[str, Any], registered: Registered) -> dict[str, Any]:
    shown = ("key", "bridge", "step", "act", "state", "held_by", "arguments")
    return {one: row[one] for one in shown} | {"connector": _named(row, registered)}


def _already(conn: Connection, action_ids: list[str], registered: Registered) -> list[dict[str, Any]]:
    shown = ("id", "key", "bridge", "step", "act", "state", "external_id")
    rows = conn.execute(select(action).where(action.c.id.in_(action_ids)).order_by(action.c.seq)).mappings()
    return [{one: row[one] for one in shown} | {"connector": _named(row, registered)} for row in rows]


def _named(row: Mapping[Any, Any], registered: Registered) -> str | None:
    return None if row["connector_id"] is None else registered.row(row["connector_id"]).name
