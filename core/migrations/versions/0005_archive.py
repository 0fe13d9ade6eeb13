"""The archive: bundles by day, the counts they keep, remembered keys; what may leave is referred to by id only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ENDED: dict[str, Any] = {
    "sqlite_where": sa.text("state IN ('done', 'skipped')"),
    "postgresql_where": sa.text("state IN ('done', 'skipped')"),
}
LEAVE = (
    ("observation", "event_id", "no foreign key: the event may be archived"),
    ("observation", "delivery_id", None),
    ("written", "action_id", "no foreign key: the action may be archived"),
    ("snapshot", "action_id", "the action that asked for it, if any; it may be archived"),
)


def upgrade() -> None:
    """Add the archive, and let observations, the ledger and snapshots name what has left."""
    op.create_table(
        "archive",
        sa.Column(
            "day", sa.Integer(), nullable=False, comment="days since 1970-01-01 UTC, of handling; PostgreSQL: a partition each"
        ),
        sa.Column("delivery_id", ROW_ID, nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("connector_id", ROW_ID, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False, comment="zlib of JSON: table -> rows"),
        sa.PrimaryKeyConstraint("day", "delivery_id", name="pk_archive"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("ix_archive_receipt", "archive", ["receipt"])
    op.create_table(
        "archive_id",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="evt_… or act_…"),
        sa.Column("delivery_id", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("day", "id", name="pk_archive_id"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("ix_archive_id_id", "archive_id", ["id"])
    op.create_table(
        "archive_count",
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False, comment="delivery | event | action"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("connector_id", "what", "state", name="pk_archive_count"),
    )
    op.create_table(
        "remembered",
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("connector_id", "external_id", name="pk_remembered"),
    )
    op.create_index("ix_remembered_received_at", "remembered", ["received_at"])
    op.create_index("ix_delivery_ended", "delivery", ["handled_at"], **ENDED)
    for table, column, comment in LEAVE:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_{column}", type_="foreignkey")
            batch.alter_column(column, comment=comment)


def downgrade() -> None:
    """Take the archive away again; what was archived is lost by that, so the foreign keys are not made anew."""
    op.drop_index("ix_delivery_ended", "delivery")
    for table in ("remembered", "archive_count", "archive_id", "archive"):
        op.drop_table(table)
