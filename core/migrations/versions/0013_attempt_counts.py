"""How many attempts ended how, ever: a count that stays when attempts leave for the archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the counts and begin with the attempts that are at hand; what is archived by now was never counted."""
    op.create_table(
        "attempt_count",
        sa.Column("connector_id", sa.BigInteger(), nullable=False, comment="0: acts of our own"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("code", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("slot", sa.Integer(), nullable=False, comment="one of 16, so that workers do not wait for one row"),
        sa.Column("n", ROW_ID, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("connector_id", "outcome", "family", "code", "slot", name=op.f("pk_attempt_count")),
    )
    op.execute(
        "INSERT INTO attempt_count (connector_id, outcome, family, code, slot, n)"
        " SELECT coalesce(action.connector_id, 0), attempt.outcome, coalesce(attempt.family, ''), coalesce(attempt.code, ''),"
        " 0, count(*) FROM attempt JOIN action ON action.id = attempt.action_id WHERE attempt.outcome <> 'decided'"
        " GROUP BY 1, 2, 3, 4"
    )


def downgrade() -> None:
    """Forget the counts."""
    op.drop_table("attempt_count")
