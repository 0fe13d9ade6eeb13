"""Definitions and their immutable versions: draft -> tested -> live -> retired."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

definition = Table(
    "definition",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", Text, nullable=False, comment="entity | mapping | formula | bridge | recipe | code_table"),
    Column("name", Text, nullable=False),
    Column("created_at", At, nullable=False),
    UniqueConstraint("kind", "name"),
)

definition_version = Table(
    "definition_version",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("definition_id", ForeignKey("definition.id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("spec", JsonText, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pack", Text),
    Column("author", Text, nullable=False),
    Column("created_at", At, nullable=False),
    Column("published_at", At),
    Column("retired_at", At),
    UniqueConstraint("definition_id", "n"),
    Index(
        "uq_definition_version_live",
        "definition_id",
        unique=True,
        sqlite_where=text("state = 'live'"),
        postgresql_where=text("state = 'live'"),
    ),
)
