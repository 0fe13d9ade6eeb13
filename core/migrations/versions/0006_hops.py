"""Loop guards: how many of our own writes lie behind an event or action, and what a bridge has written lately."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

HOPS = {
    "event": "how many writes of our own lie behind it",
    "action": "the same, this one counted",
    "written": "of the action that wrote it",
}


def upgrade() -> None:
    """Count hops along causation, and writes per bridge and entity."""
    for table, comment in HOPS.items():
        op.add_column(table, sa.Column("hops", sa.Integer(), server_default=sa.text("0"), nullable=False, comment=comment))
    op.add_column("event", sa.Column("cause", sa.Text(), nullable=True, comment="the action of ours that it follows from"))
    op.create_table(
        "spent",
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="when its window began"),
        sa.Column("n", sa.Integer(), nullable=False, comment="actions added in this window"),
        sa.PrimaryKeyConstraint("entity_id", "bridge", name="pk_spent"),
    )


def downgrade() -> None:
    """Forget the counts."""
    op.drop_table("spent")
    op.drop_column("event", "cause")
    for table in HOPS:
        op.drop_column(table, "hops")
