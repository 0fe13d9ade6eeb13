"""Schema migrations (Alembic): expand first, contract later; ``upgrade`` brings any database to the newest schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from core.database import Database

HERE = Path(__file__).parent


def config(database: Database) -> Config:
    """Return an Alembic configuration bound to this database, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.set_main_option("path_separator", "os")
    made.attributes["database"] = database
    return made


def upgrade(database: Database) -> None:
    """Bring the schema to the newest revision; several processes may call it at once."""
    command.upgrade(config(database), "head")


def is_current(database: Database) -> bool:
    """Say whether the schema is the one this code was written for (a cheap look, no change)."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with database.read() as conn:
        if not inspect(conn).has_table("alembic_version"):
            return False
        heads = set(MigrationContext.configure(conn).get_current_heads())
    return heads == set(ScriptDirectory.from_config(config(database)).get_heads())
