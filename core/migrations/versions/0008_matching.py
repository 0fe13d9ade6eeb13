"""Matching: prepared records with their keys, the review queue with its decisions, pinned values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.BigInteger()


def upgrade() -> None:
    """Add five tables; nothing that is there changes."""
    op.create_table(
        "match_record",
        sa.Column("entity_id", ROW_ID, nullable=False, autoincrement=False, comment="a home entity: one record of one thing"),
        sa.Column("etype", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False, comment="digest of the rule that prepared it"),
        sa.Column("features", sa.Text(), nullable=False),
        sa.Column("prepared_at", AT, nullable=False),
        sa.Column("matched_at", AT, comment="NULL: new or changed since it was matched"),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name="fk_match_record_entity_id"),
        sa.PrimaryKeyConstraint("entity_id", name="pk_match_record"),
    )
    op.create_index("ix_match_record_etype", "match_record", ["etype", "entity_id"])
    op.create_table(
        "match_key",
        sa.Column("key", ROW_ID, nullable=False),
        sa.Column("entity_id", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("key", "entity_id", name="pk_match_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_match_key_entity_id", "match_key", ["entity_id"])
    op.create_table(
        "review",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("etype", sa.Text(), nullable=False),
        sa.Column("a_id", ROW_ID, nullable=False),
        sa.Column("b_id", ROW_ID, nullable=False),
        sa.Column("points", sa.Float(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column(
            "reason", sa.Text(), nullable=False, comment="why no machine may say so: unsure | contested | guarded | kept_apart"
        ),
        sa.Column("behind", sa.Text(), comment="the two entities behind the reason"),
        sa.Column("state", sa.Text(), nullable=False, comment="open | later | same | distinct | gone"),
        sa.Column("assignee", sa.Text()),
        sa.Column("later_until", AT),
        sa.Column("decision_id", ROW_ID, comment="the decision in force"),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        sa.CheckConstraint("a_id < b_id", name="ck_review_ordered"),
        sa.CheckConstraint("state IN ('open', 'later', 'same', 'distinct', 'gone')", name="ck_review_state_known"),
        sa.ForeignKeyConstraint(["a_id"], ["entity.id"], name="fk_review_a_id"),
        sa.ForeignKeyConstraint(["b_id"], ["entity.id"], name="fk_review_b_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
    )
    op.create_index("uq_review_pair", "review", ["a_id", "b_id"], unique=True)
    op.create_index("ix_review_b_id", "review", ["b_id"])
    op.create_index("ix_review_state", "review", ["state", "id"])
    op.create_table(
        "review_decision",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("review_id", ROW_ID, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False, comment="same | distinct | later"),
        sa.Column("points", sa.Float(), nullable=False, comment="as they were when it was decided"),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("edge_id", ROW_ID, comment="the edge that it made; NULL: there was one, or none was needed"),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("undone_by", sa.Text()),
        sa.Column("undone_at", AT),
        sa.CheckConstraint("verdict IN ('same', 'distinct', 'later')", name="ck_review_decision_verdict_known"),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_review_decision_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review_decision"),
    )
    op.create_index("ix_review_decision_review_id", "review_decision", ["review_id"])
    op.create_table(
        "value_pin",
        sa.Column("entity_id", ROW_ID, nullable=False, comment="the home entity whose claim wins"),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("connector_id", ROW_ID, nullable=False, comment="as in value; 0: a formula or a bridge"),
        sa.Column("why", sa.Text()),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", AT, nullable=False, comment="of several pins of one thing the newest wins"),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name="fk_value_pin_entity_id"),
        sa.PrimaryKeyConstraint("entity_id", "field", "connector_id", name="pk_value_pin"),
    )


def downgrade() -> None:
    """Take them away again, with every decision and pin."""
    for table in ("value_pin", "review_decision", "review", "match_key", "match_record"):
        op.drop_table(table)
