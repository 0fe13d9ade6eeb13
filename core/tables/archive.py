"""
What was done and is no longer needed at hand: bundles by day, what they were counted as, and the keys that are remembered.

A bundle holds a delivery with everything that became of it. ``archive_id`` finds it by any id in it; ``archive_count``
keeps the accounting identity true; ``remembered`` recognises a sender's id long after its delivery has left.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from core.tables.metadata import At, RowId, metadata

archive = Table(
    "archive",
    metadata,
    Column("day", Integer, nullable=False, comment="days since 1970-01-01 UTC, of handling; PostgreSQL: a partition each"),
    Column("delivery_id", RowId, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("connector_id", RowId, nullable=False),
    Column("received_at", At, nullable=False),
    Column("archived_at", At, nullable=False),
    Column("state", Text, nullable=False),
    Column("bundle", LargeBinary, nullable=False, comment="zlib of JSON: table -> rows"),
    PrimaryKeyConstraint("day", "delivery_id"),
    Index("ix_archive_receipt", "receipt"),
    postgresql_partition_by="RANGE (day)",
)

archive_id = Table(
    "archive_id",
    metadata,
    Column("day", Integer, nullable=False),
    Column("id", Text, nullable=False, comment="evt_… or act_…"),
    Column("delivery_id", RowId, nullable=False),
    PrimaryKeyConstraint("day", "id"),
    Index("ix_archive_id_id", "id"),
    postgresql_partition_by="RANGE (day)",
)

archive_count = Table(
    "archive_count",
    metadata,
    Column("connector_id", BigInteger, nullable=False),
    Column("what", Text, nullable=False, comment="delivery | event | action"),
    Column("state", Text, nullable=False),
    Column("n", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("connector_id", "what", "state"),
)

remembered = Table(
    "remembered",
    metadata,
    Column("connector_id", BigInteger, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("received_at", At, nullable=False),
    Column("seen", Integer, nullable=False),
    PrimaryKeyConstraint("connector_id", "external_id"),
    Index("ix_remembered_received_at", "received_at"),
)
