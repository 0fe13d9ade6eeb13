"""Profiles of what streams send, path by path, and the drifts from it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN: dict[str, Any] = {"sqlite_where": sa.text("closed_at IS NULL"), "postgresql_where": sa.text("closed_at IS NULL")}


def upgrade() -> None:
    """Add both tables; nothing that is there changes."""
    op.create_table(
        "profile",
        sa.Column("connector_id", ROW_ID, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="$: the record itself"),
        sa.Column("types", sa.Text(), nullable=False, comment="type -> how many values had it"),
        sa.Column("accepted", sa.Text(), comment="types that the contract allows here; NULL: the path is not accepted"),
        sa.Column("form", sa.Text(), comment="what a value looks like, no value itself: AA-99999999-9999"),
        sa.Column("here", ROW_ID, nullable=False, comment="sampled records in which it stands"),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False, comment="[records, values, nulls] before the window at hand"),
        sa.Column("window", sa.Text(), nullable=False, comment="[records, values, nulls] of the window at hand"),
        sa.Column("gone_at", sa.BigInteger(), comment="since when it stands nowhere"),
        sa.ForeignKeyConstraint(["connector_id"], ["connector.id"], name="fk_profile_connector_id"),
        sa.PrimaryKeyConstraint("connector_id", "stream", "path", name="pk_profile"),
    )
    op.create_table(
        "drift",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("connector_id", ROW_ID, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="new_path | vanished | type_changed | null_rate"),
        sa.Column("mode", sa.Text(), nullable=False, comment="of the contract then: evolve | freeze | quarantine"),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("receipt", sa.Text(), comment="a delivery that shows it"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("closed_by", sa.Text(), comment="who accepted it; evolve: nobody had to; source: it went back"),
        sa.ForeignKeyConstraint(["connector_id"], ["connector.id"], name="fk_drift_connector_id"),
        sa.PrimaryKeyConstraint("id", name="pk_drift"),
    )
    op.create_index("uq_drift_open", "drift", ["connector_id", "stream", "path", "kind"], unique=True, **OPEN)
    op.create_index("ix_drift_at", "drift", ["at"])


def downgrade() -> None:
    """Take both away; profiles are learned again from what comes."""
    op.drop_table("drift")
    op.drop_table("profile")
