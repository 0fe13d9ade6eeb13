"""Alembic's entry: one transaction, under a lock, so that two starting processes do not collide."""

from typing import Any, Literal

from alembic import context

from core.database import Database, JsonText
from core.tables import metadata


def as_plain_type(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Write our JSON column as the Text it is: a migration must not depend on today's code."""
    return "sa.Text()" if kind == "type" and isinstance(item, JsonText) else False


def run() -> None:
    """Run the migrations on the connection handed in by ``core.migrations``."""
    database: Database = context.config.attributes["database"]
    with database.write() as conn:
        database.lock_key(conn, "migrations")
        context.configure(
            connection=conn,
            target_metadata=metadata,
            render_as_batch=database.dialect == "sqlite",
            render_item=as_plain_type,
            transactional_ddl=True,
            transaction_per_migration=False,
        )
        context.run_migrations()


run()
