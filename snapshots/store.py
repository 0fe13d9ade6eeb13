"""
Frozen snapshots: the content, its hash, and nothing that changes either.

``freeze`` is the only writer, and it writes only what is still open; a later answer becomes a new row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core import jsons
from core.clock import to_rfc3339
from core.tables import entity, facet, snapshot
from core.words import Json, Micros
from snapshots.content import facets_of, made
from snapshots.subject import Subject, no_snapshot
from snapshots.words import Answer


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


def freeze(conn: Connection, subject: Subject, answers: dict[str, Answer], now: Micros) -> Snapshot:
    """Freeze an open snapshot with what is known; if somebody was faster, return his."""
    content = made(subject, subject.snapshot_id, None, answers, now)
    written = {"state": "frozen", "frozen_at": now, "content": content, "sha256": jsons.sha256(content)}
    still_open = (snapshot.c.id == subject.snapshot_id) & (snapshot.c.state == "open")
    if conn.execute(snapshot.update().where(still_open).values(written)).rowcount == 1:
        _insert_facets(conn, subject, subject.snapshot_id, answers, now)
    return frozen(conn, subject.snapshot_id)


def freeze_completed(conn: Connection, subject: Subject, snapshot_id: str, answers: dict[str, Answer], now: Micros) -> Snapshot:
    """Freeze a new snapshot that names its parent; the parent stays as it is."""
    content = made(subject, snapshot_id, subject.snapshot_id, answers, now)
    conn.execute(
        snapshot.insert().values(
            id=snapshot_id,
            recipe=subject.recipe.spec.name,
            version_id=subject.recipe.version_id,
            subject_id=subject.subject_id,
            ticket_id=subject.ticket_id,
            parent_id=subject.snapshot_id,
            state="frozen",
            asked_at=subject.asked_at,
            deadline_ms=subject.recipe.spec.deadline_ms,
            frozen_at=now,
            content=content,
            sha256=jsons.sha256(content),
        )
    )
    _insert_facets(conn, subject, snapshot_id, answers, now)
    return frozen(conn, snapshot_id)


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
    Return a snapshot for the API: the content, ``state``, ``sha256``, ``intact`` and who completes it.

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
    return {**one.content, "state": "frozen", "sha256": one.sha256, "intact": one.intact, "completed_by": list(later)}


def _insert_facets(conn: Connection, subject: Subject, snapshot_id: str, answers: dict[str, Answer], now: Micros) -> None:
    rows: list[dict[str, Any]] = [{"snapshot_id": snapshot_id, **row} for row in facets_of(subject, answers, now)]
    conn.execute(facet.insert(), rows)
