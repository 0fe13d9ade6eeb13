"""Snapshots, their facets, and facets that were late; a frozen snapshot never changes."""

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata, state_checks, state_columns

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Text, primary_key=True, comment="snap_…"),
    Column("recipe", Text, nullable=False),
    Column("version_id", ForeignKey("definition_version.id"), nullable=False),
    Column("subject_id", ForeignKey("entity.id"), nullable=False),
    Column("ticket_id", ForeignKey("entity.id")),
    Column("action_id", Text, unique=True, comment="the action that asked for it, if any; it may be archived"),
    Column("parent_id", ForeignKey("snapshot.id"), comment="the earlier snapshot that this one completes"),
    Column("state", Text, nullable=False, comment="open | frozen"),
    Column("asked_at", At, nullable=False),
    Column("deadline_ms", Integer, nullable=False),
    Column("frozen_at", At),
    Column("content", JsonText, comment="all that was known; immutable once frozen"),
    Column("sha256", Text, comment="of the canonical content"),
    Index("ix_snapshot_subject_id", "subject_id"),
)

facet = Table(
    "facet",
    metadata,
    Column("snapshot_id", ForeignKey("snapshot.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, comment="ok | stale | late | denied | absent | failed"),
    Column("reason", Text),
    Column("values", JsonText),
    Column("source", Text),
    Column("connector_id", ForeignKey("connector.id")),
    Column("value_at", At, comment="the source's time of the value; age = frozen_at - value_at"),
    Column("fetched_at", At),
    Column("took_ms", Integer),
    UniqueConstraint("snapshot_id", "name"),
)

late_facet = Table(
    "late_facet",
    metadata,
    Column("snapshot_id", ForeignKey("snapshot.id"), nullable=False, comment="the frozen snapshot that it is missing from"),
    Column("name", Text, nullable=False),
    Column("due_at", At, nullable=False, comment="the deadline that it missed"),
    Column("until_at", At, nullable=False, comment="the end of its grace"),
    *state_columns(),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", Text),
    Column("lease_until", At),
    Column("fence", RowId, nullable=False, server_default=text("0")),
    Column("child_id", ForeignKey("snapshot.id"), comment="the later snapshot that holds it"),
    Column("ended_at", At),
    PrimaryKeyConstraint("snapshot_id", "name"),
    *state_checks(),
    Index(
        "ix_late_facet_waiting",
        "until_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)
