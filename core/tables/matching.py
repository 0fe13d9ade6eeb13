"""
Matching: prepared records and what finds them, the steward's queue, and every decision that was made there.

``match_record`` and ``match_key`` are an index: they can be made again from the values at any time.
"""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

match_record = Table(
    "match_record",
    metadata,
    Column("entity_id", ForeignKey("entity.id"), primary_key=True, comment="a home entity: one record of one thing"),
    Column("etype", Text, nullable=False),
    Column("rule", Text, nullable=False, comment="digest of the rule that prepared it"),
    Column("features", JsonText, nullable=False),
    Column("prepared_at", At, nullable=False),
    Column("matched_at", At, comment="NULL: new or changed since it was matched"),
    Index("ix_match_record_etype", "etype", "entity_id"),
)

match_key = Table(
    "match_key",
    metadata,
    Column("key", RowId, nullable=False),
    Column("entity_id", RowId, nullable=False),
    PrimaryKeyConstraint("key", "entity_id"),
    Index("ix_match_key_entity_id", "entity_id"),
    sqlite_with_rowid=False,
)

review = Table(
    "review",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("etype", Text, nullable=False),
    Column("a_id", ForeignKey("entity.id"), nullable=False),
    Column("b_id", ForeignKey("entity.id"), nullable=False),
    Column("points", Float, nullable=False),
    Column("evidence", JsonText, nullable=False),
    Column("reason", Text, nullable=False, comment="why no machine may say so: unsure | contested | guarded | kept_apart"),
    Column("behind", JsonText, comment="the two entities behind the reason"),
    Column("state", Text, nullable=False, comment="open | later | same | distinct | gone"),
    Column("assignee", Text),
    Column("later_until", At),
    Column("decision_id", RowId, comment="the decision in force"),
    Column("made_at", At, nullable=False),
    Column("changed_at", At, nullable=False),
    CheckConstraint("a_id < b_id", name="ordered"),
    CheckConstraint("state IN ('open', 'later', 'same', 'distinct', 'gone')", name="state_known"),
    Index("uq_review_pair", "a_id", "b_id", unique=True),
    Index("ix_review_b_id", "b_id"),
    Index("ix_review_state", "state", "id"),
)

review_decision = Table(
    "review_decision",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("review_id", ForeignKey("review.id"), nullable=False),
    Column("verdict", Text, nullable=False, comment="same | distinct | later"),
    Column("points", Float, nullable=False, comment="as they were when it was decided"),
    Column("evidence", JsonText, nullable=False),
    Column("why", Text),
    Column("edge_id", RowId, comment="the edge that it made; NULL: there was one, or none was needed"),
    Column("made_by", Text, nullable=False),
    Column("made_at", At, nullable=False),
    Column("undone_by", Text),
    Column("undone_at", At),
    CheckConstraint("verdict IN ('same', 'distinct', 'later')", name="verdict_known"),
    Index("ix_review_decision_review_id", "review_id"),
)

value_pin = Table(
    "value_pin",
    metadata,
    Column("entity_id", ForeignKey("entity.id"), nullable=False, comment="the home entity whose claim wins"),
    Column("field", Text, nullable=False),
    Column("connector_id", RowId, nullable=False, comment="as in value; 0: a formula or a bridge"),
    Column("why", Text),
    Column("made_by", Text, nullable=False),
    Column("made_at", At, nullable=False, comment="of several pins of one thing the newest wins"),
    PrimaryKeyConstraint("entity_id", "field", "connector_id"),
)
