"""Observations (one value of one field as one connector gave it) and the newest of each."""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

observation = Table(
    "observation",
    metadata,
    Column("id", Text, primary_key=True, comment="obs_…"),
    Column("entity_id", ForeignKey("entity.id"), nullable=False),
    Column("field", Text, nullable=False),
    Column("connector_id", ForeignKey("connector.id"), comment="NULL: computed by a formula or set by a bridge"),
    Column("state", Text, nullable=False, comment="present | null | invalid"),
    Column("value", JsonText),
    Column("raw", JsonText, comment="as the source wrote it"),
    Column("path", Text, comment="where in the record it was read: $.problem.severity"),
    Column("source_at", At, comment="the source's own time"),
    Column("observed_at", At, nullable=False),
    Column("version_id", ForeignKey("definition_version.id"), comment="of the mapping or formula"),
    Column("event_id", Text, comment="no foreign key: the event may be archived"),
    Column("delivery_id", RowId),
    Column("inputs", JsonText, comment="a formula's operands: observation ids by field"),
    Index("ix_observation_entity_field", "entity_id", "field"),
)

value = Table(
    "value",
    metadata,
    Column("entity_id", ForeignKey("entity.id"), nullable=False),
    Column("field", Text, nullable=False),
    Column("connector_id", RowId, nullable=False, comment="0: a formula or a bridge"),
    Column("observation_id", ForeignKey("observation.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("value", JsonText),
    Column("source_at", At),
    Column("observed_at", At, nullable=False),
    PrimaryKeyConstraint("entity_id", "field", "connector_id"),
)
