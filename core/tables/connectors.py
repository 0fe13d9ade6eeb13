"""Registered connectors, their streams' cursors, and open repairs."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

connector = Table(
    "connector",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("title", Text),
    Column("settings", JsonText, nullable=False, comment="without secrets"),
    Column("secrets", Text, comment="Fernet token of a JSON object; write-only"),
    Column("inbound", JsonText, comment="the door's scheme and window; secrets are named, not held"),
    Column("state", Text, nullable=False, comment="ok | draft | held"),
    Column("held_by", Text),
    Column("held_since", At),
    Column("breaker_open_until", At),
    Column("breaker_failures", Integer, nullable=False, server_default=text("0")),
    Column("breaker_reason", Text),
    Column("report", JsonText, comment="the last check, step by step"),
    Column("checked_at", At),
    Column("created_at", At, nullable=False),
    Column("updated_at", At, nullable=False),
)

stream = Table(
    "stream",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("every_s", Integer, nullable=False),
    Column("cursor", JsonText),
    Column("page_sha256", Text, comment="of the last stored page: the same page again is only seen, not stored"),
    Column("next_at", At, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", At),
    Column("fence", RowId, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("last_ok_at", At),
    Column("last_error", JsonText),
    UniqueConstraint("connector_id", "name"),
    Index("ix_stream_due", "next_at"),
)

repair = Table(
    "repair",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", Text, nullable=False, comment="what is broken, once: credentials:zabbix-east"),
    Column("code", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("fix", Text, nullable=False),
    Column("connector", Text),
    Column("opened_at", At, nullable=False),
    Column("seen_at", At, nullable=False),
    Column("seen", Integer, nullable=False, server_default=text("1")),
    Column("closed_at", At),
    Index(
        "uq_repair_open_key",
        "key",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)
