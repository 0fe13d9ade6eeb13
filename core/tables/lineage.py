"""Lineage edges, written in the transaction that publishes a definition; a counter names the graph."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from core.tables.metadata import At, RowId, metadata

lineage_edge = Table(
    "lineage_edge",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("src", Text, nullable=False, comment="field:alert.severity, source:zabbix/problems/$.severity"),
    Column("dst", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="DIRECT | INDIRECT"),
    Column("subtype", Text, nullable=False, comment="IDENTITY | TRANSFORMATION | AGGREGATION | CONDITIONAL | JOIN"),
    Column("detail", Text, comment="the steps or the formula, as written"),
    Column("version_id", ForeignKey("definition_version.id"), nullable=False),
    Column("valid_from", At, nullable=False),
    Column("valid_to", At, comment="NULL: live"),
    Index("ix_lineage_edge_src", "src"),
    Index("ix_lineage_edge_dst", "dst"),
    Index("ix_lineage_edge_version_id", "version_id"),
)

lineage_version = Table(
    "lineage_version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("n", RowId, nullable=False, comment="goes up by one at every publish"),
)
