"""The register: identity events, ids of unknown shape, placeholders of one's own, and closed crosswalk rows by key."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Add what the register remembers beside the crosswalk itself."""
    op.create_index(
        "ix_crosswalk_closed", "crosswalk", ["connector_id", "etype", "external_norm"], **_only("valid_to IS NOT NULL")
    )
    op.create_table(
        "identity_event",
        sa.Column("id", ROW_ID, nullable=False, comment="the order in which it happened; what a reader goes on from"),
        sa.Column("type", sa.Text(), nullable=False, comment="identity.merged | identity.unmerged"),
        sa.Column("etype", sa.Text(), nullable=False),
        sa.Column("edge_id", ROW_ID, nullable=True, comment="NULL: a pin moved the survivor"),
        sa.Column("moved", sa.Text(), nullable=False, comment="[{master_id, before, after}]"),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("type IN ('identity.merged', 'identity.unmerged')", name="ck_identity_event_type_known"),
        sa.ForeignKeyConstraint(["edge_id"], ["identity_edge.id"], name="fk_identity_event_edge_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_event"),
    )
    op.create_table(
        "id_misfit",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("connector_id", ROW_ID, nullable=False),
        sa.Column("etype", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False, comment="as the source wrote it"),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["connector_id"], ["connector.id"], name="fk_id_misfit_connector_id"),
        sa.PrimaryKeyConstraint("id", name="pk_id_misfit"),
    )
    op.create_index("uq_id_misfit_id", "id_misfit", ["connector_id", "etype", "external_id"], unique=True)
    op.create_table(
        "id_placeholder",
        sa.Column("word", sa.Text(), nullable=False, comment="folded: what stands for no id here, beside the built-in list"),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("word", name="pk_id_placeholder"),
    )


def downgrade() -> None:
    """Forget it again."""
    for table in ("id_placeholder", "id_misfit", "identity_event"):
        op.drop_table(table)
    op.drop_index("ix_crosswalk_closed", "crosswalk")
