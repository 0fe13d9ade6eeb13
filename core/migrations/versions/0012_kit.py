"""Tokens of connectors: one row each, renewed by one worker of all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table of tokens."""
    op.create_table(
        "token",
        sa.Column("connector_id", ROW_ID, nullable=False),
        sa.Column(
            "seed", sa.Text(), nullable=False, comment="fingerprint of the credentials; with others the rest counts for nothing"
        ),
        sa.Column("sealed", sa.Text(), comment="Fernet token of what the far side gave"),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("renewed_at", sa.BigInteger()),
        sa.Column(
            "fence",
            ROW_ID,
            server_default=sa.text("0"),
            nullable=False,
            comment="counts the claims: who holds an older one is late",
        ),
        sa.Column("lease_until", sa.BigInteger(), comment="somebody is renewing until then"),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("cool_until", sa.BigInteger(), comment="nobody tries before; null while failing: until a person acts"),
        sa.Column("is_wrong", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("trouble", sa.Text(), comment="what, why, fix of the last failure"),
        sa.ForeignKeyConstraint(["connector_id"], ["connector.id"], name="fk_token_connector_id"),
        sa.PrimaryKeyConstraint("connector_id", name="pk_token"),
    )


def downgrade() -> None:
    """Take the table away; tokens are got anew from the credentials, or the connector is authorised again."""
    op.drop_table("token")
