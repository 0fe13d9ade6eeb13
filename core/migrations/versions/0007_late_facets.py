"""Late facets as rows: whoever waits for one may be killed, and another worker asks again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING: dict[str, Any] = {"sqlite_where": sa.text("state = 'waiting'"), "postgresql_where": sa.text("state = 'waiting'")}


def upgrade() -> None:
    """Add the table of late facets."""
    op.create_table(
        "late_facet",
        sa.Column("snapshot_id", sa.Text(), nullable=False, comment="the frozen snapshot that it is missing from"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False, comment="the deadline that it missed"),
        sa.Column("until_at", sa.BigInteger(), nullable=False, comment="the end of its grace"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why skipped or dead, or what it waits for"),
        sa.Column("held_by", sa.Text(), nullable=True, comment="who or what holds it: a repair's key, a person"),
        sa.Column("next_at", sa.BigInteger(), nullable=True, comment="when a waiting row is looked at again"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", ROW_ID, server_default=sa.text("0"), nullable=False),
        sa.Column("child_id", sa.Text(), nullable=True, comment="the later snapshot that holds it"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'held', 'done', 'skipped', 'dead')", name="ck_late_facet_state_known"),
        sa.CheckConstraint("state <> 'waiting' OR next_at IS NOT NULL", name="ck_late_facet_waiting_has_time"),
        sa.CheckConstraint("state <> 'held' OR held_by IS NOT NULL", name="ck_late_facet_held_has_holder"),
        sa.CheckConstraint("state NOT IN ('skipped', 'dead') OR reason IS NOT NULL", name="ck_late_facet_ended_has_reason"),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name="fk_late_facet_snapshot_id"),
        sa.ForeignKeyConstraint(["child_id"], ["snapshot.id"], name="fk_late_facet_child_id"),
        sa.PrimaryKeyConstraint("snapshot_id", "name", name="pk_late_facet"),
    )
    op.create_index("ix_late_facet_waiting", "late_facet", ["until_at"], **WAITING)


def downgrade() -> None:
    """Forget what is still late."""
    op.drop_table("late_facet")
