"""What each stream really sends, path by path, and where it sent another form than before."""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

profile = Table(
    "profile",
    metadata,
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("stream", Text, nullable=False),
    Column("path", Text, nullable=False, comment="$: the record itself"),
    Column("types", JsonText, nullable=False, comment="type -> how many values had it"),
    Column("accepted", JsonText, comment="types that the contract allows here; NULL: the path is not accepted"),
    Column("form", Text, comment="what a value looks like, no value itself: AA-99999999-9999"),
    Column("here", RowId, nullable=False, comment="sampled records in which it stands"),
    Column("first_seen", At, nullable=False),
    Column("last_seen", At, nullable=False),
    Column("base", JsonText, nullable=False, comment="[records, values, nulls] before the window at hand"),
    Column("window", JsonText, nullable=False, comment="[records, values, nulls] of the window at hand"),
    Column("gone_at", At, comment="since when it stands nowhere"),
    PrimaryKeyConstraint("connector_id", "stream", "path"),
)

drift = Table(
    "drift",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("stream", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="new_path | vanished | type_changed | null_rate"),
    Column("mode", Text, nullable=False, comment="of the contract then: evolve | freeze | quarantine"),
    Column("before", JsonText),
    Column("after", JsonText),
    Column("receipt", Text, comment="a delivery that shows it"),
    Column("at", At, nullable=False),
    Column("closed_at", At),
    Column("closed_by", Text, comment="who accepted it; evolve: nobody had to; source: it went back"),
    Index(
        "uq_drift_open",
        "connector_id",
        "stream",
        "path",
        "kind",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index("ix_drift_at", "at"),
)
