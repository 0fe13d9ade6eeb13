"""What translating leaves beside the values: the words that code tables were asked for, and the ways back of fields."""

from sqlalchemy import Boolean, Column, ForeignKey, PrimaryKeyConstraint, Table, Text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

word_use = Table(
    "word_use",
    metadata,
    Column("code_table", Text, nullable=False, comment="the code table's name"),
    Column("connector_id", RowId, nullable=False),
    Column("word", Text, nullable=False, comment="the foreign word; empty: more unknown ones than are kept apart"),
    Column("known", Boolean, nullable=False, comment="whether the table had it when it was last asked"),
    Column("n", RowId, nullable=False),
    Column("first_at", At, nullable=False),
    Column("last_at", At, nullable=False),
    PrimaryKeyConstraint("code_table", "connector_id", "word"),
)

field_way = Table(
    "field_way",
    metadata,
    Column("version_id", ForeignKey("definition_version.id"), nullable=False),
    Column("field", Text, nullable=False),
    Column("way", Text, nullable=False, comment="two-way | one-way"),
    Column("law", Text, nullable=False, comment="the law that fails, if one does: GetPut | PutGet"),
    Column("why", Text, nullable=False),
    Column("example", JsonText, comment="the counterexample: theirs, ours, written"),
    Column("accepted", Boolean, nullable=False, comment="whether its author insists in spite of it"),
    PrimaryKeyConstraint("version_id", "field"),
)
