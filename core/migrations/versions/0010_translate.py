"""Which words code tables were asked for, and which fields of a mapping can be written back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add both tables; nothing that is there changes."""
    op.create_table(
        "word_use",
        sa.Column("code_table", sa.Text(), nullable=False, comment="the code table's name"),
        sa.Column("connector_id", ROW_ID, nullable=False),
        sa.Column("word", sa.Text(), nullable=False, comment="the foreign word; empty: more unknown ones than are kept apart"),
        sa.Column("known", sa.Boolean(), nullable=False, comment="whether the table had it when it was last asked"),
        sa.Column("n", ROW_ID, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code_table", "connector_id", "word", name="pk_word_use"),
    )
    op.create_table(
        "field_way",
        sa.Column("version_id", ROW_ID, nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False, comment="two-way | one-way"),
        sa.Column("law", sa.Text(), nullable=False, comment="the law that fails, if one does: GetPut | PutGet"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("example", sa.Text(), comment="the counterexample: theirs, ours, written"),
        sa.Column("accepted", sa.Boolean(), nullable=False, comment="whether its author insists in spite of it"),
        sa.ForeignKeyConstraint(["version_id"], ["definition_version.id"], name="fk_field_way_version_id"),
        sa.PrimaryKeyConstraint("version_id", "field", name="pk_field_way"),
    )


def downgrade() -> None:
    """Take both away again."""
    op.drop_table("field_way")
    op.drop_table("word_use")
