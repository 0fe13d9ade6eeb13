"""
Frozen snapshots: the content, its hash, and nothing that changes either.

``freeze`` is the only writer of what is open, and ``freeze_completed`` makes a later answer a new row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core import jsons
from core.clock import to_rfc3339
from core.tables import entity, facet, late_facet, snapshot
from core.words import Json, Micros
from snapshots.content import answer_of, completed, facets_of, made, question_of
from snapshots.subject import Subject, no_snapshot
from snapshots.words import Answer, Question


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen snapshot: ``sha256`` is of the canonical JSON of ``content``."""

    id: str
    content: dict[str, Json]
    sha256: str

    @property
    def intact(self) -> bool:
        """Say whether the content is still the one that was hashed."""
        return jsons.sha256(self.content) == self.sha256


def freeze(conn: Connection, subject: Subject, answers: dict[str, Answer], now: Micros) -> bool:
    """Freeze an open snapshot with what is known; False when somebody was faster: then his stands."""
    content = made(subject, subject.snapshot_id, None, answers, now)
    written = {"state": "frozen", "frozen_at": now, "content": content, "sha256": jsons.sha256(content)}
    still_open = (snapshot.c.id == subject.snapshot_id) & (snapshot.c.state == "open")
    if conn.execute(snapshot.update().where(still_open).values(written)).rowcount == 0:
        return False
    _insert_facets(conn, subject.snapshot_id, facets_of(subject.questions, answers, now))
    return True


def freeze_completed(
    conn: Connection, parent_id: str, snapshot_id: str, arrived: Mapping[str, Answer], now: Micros
) -> Snapshot:
    """Freeze a new snapshot with what arrived late; it names its parent, and the parent stays as it is."""
    parent = conn.execute(select(snapshot).where(snapshot.c.id == parent_id)).mappings().one()
    told = parent["content"]
    content = completed(told, snapshot_id, arrived, now)
    same = ("recipe", "version_id", "subject_id", "ticket_id", "asked_at", "deadline_ms")
    conn.execute(
        snapshot.insert().values(
            **{name: parent[name] for name in same},
            id=snapshot_id,
            parent_id=parent_id,
            state="frozen",
            frozen_at=now,
            content=content,
            sha256=jsons.sha256(content),
        )
    )
    questions = questions_of(conn, parent_id, told, told["facets"])
    answers = {name: arrived.get(name) or answer_of(one) for name, one in told["facets"].items()}
    _insert_facets(conn, snapshot_id, facets_of(questions, answers, now))
    return frozen(conn, snapshot_id)


def questions_of(conn: Connection, snapshot_id: str, content: Mapping[str, Json], names: Iterable[str]) -> tuple[Question, ...]:
    """Return the questions of a frozen snapshot's facets, as they were asked."""
    query = select(facet.c.name, facet.c.connector_id).where(facet.c.snapshot_id == snapshot_id)
    connectors = {row.name: row.connector_id for row in conn.execute(query)}
    return tuple(question_of(name, content["facets"][name], connectors[name]) for name in names)


def frozen(conn: Connection, snapshot_id: str) -> Snapshot:
    """Return a frozen snapshot; one that is still open is not found."""
    row = conn.execute(select(snapshot.c.content, snapshot.c.sha256).where(snapshot.c.id == snapshot_id)).one_or_none()
    if row is None or row.content is None:
        raise no_snapshot(snapshot_id)
    return Snapshot(snapshot_id, row.content, row.sha256)


def is_open(conn: Connection, snapshot_id: str) -> bool:
    """Say whether it waits to be assembled."""
    state = conn.execute(select(snapshot.c.state).where(snapshot.c.id == snapshot_id)).scalar_one_or_none()
    if state is None:
        raise no_snapshot(snapshot_id)
    return str(state) == "open"


def read(conn: Connection, snapshot_id: str) -> dict[str, Json]:
    """
    Return a snapshot for the API: the content, ``state``, ``sha256``, ``intact``, who completes it, and what was ``late``.

    ``intact`` is false when somebody changed the row behind our back.
    """
    row = conn.execute(
        select(
            snapshot.c.state, snapshot.c.recipe, snapshot.c.asked_at, snapshot.c.deadline_ms, snapshot.c.parent_id, entity.c.gid
        )
        .join(entity, entity.c.id == snapshot.c.subject_id)
        .where(snapshot.c.id == snapshot_id)
    ).one_or_none()
    if row is None:
        raise no_snapshot(snapshot_id)
    if row.state == "open":
        return {
            "id": snapshot_id,
            "state": "open",
            "recipe": {"name": row.recipe},
            "subject": {"gid": row.gid},
            "parent": row.parent_id,
            "asked_at": to_rfc3339(row.asked_at),
            "deadline_ms": row.deadline_ms,
        }
    one = frozen(conn, snapshot_id)
    later = conn.execute(select(snapshot.c.id).where(snapshot.c.parent_id == snapshot_id).order_by(snapshot.c.id)).scalars()
    return {
        **one.content,
        "state": "frozen",
        "sha256": one.sha256,
        "intact": one.intact,
        "completed_by": list(later),
        "late": _late(conn, snapshot_id),
    }


def _late(conn: Connection, snapshot_id: str) -> dict[str, Json]:
    """Return what became of each facet that was late here: still waited for, in a later snapshot, or given up."""
    rows = conn.execute(select(late_facet).where(late_facet.c.snapshot_id == snapshot_id).order_by(late_facet.c.name))
    return {
        row.name: {
            "state": row.state,
            "reason": row.reason,
            "due_at": to_rfc3339(row.due_at),
            "until_at": to_rfc3339(row.until_at),
            "completed_by": row.child_id,
        }
        for row in rows
    }


def _insert_facets(conn: Connection, snapshot_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
    conn.execute(facet.insert(), [{"snapshot_id": snapshot_id, **row} for row in rows])
