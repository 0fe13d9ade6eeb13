"""Due actions are found connector by connector, so that each gets its share."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITING: dict[str, Any] = {"sqlite_where": sa.text("state = 'waiting'"), "postgresql_where": sa.text("state = 'waiting'")}


def upgrade() -> None:
    """Begin the index of due rows with the connector."""
    op.drop_index("ix_action_due", "action")
    op.create_index("ix_action_due", "action", ["connector_id", "priority", "next_at", "seq"], unique=False, **WAITING)


def downgrade() -> None:
    """Leave the connector out again."""
    op.drop_index("ix_action_due", "action")
    op.create_index("ix_action_due", "action", ["priority", "next_at", "seq"], unique=False, **WAITING)
