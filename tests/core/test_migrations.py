"""The schema: upgraded from empty on both engines, equal to the tables the code speaks of."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.database import Database
from core.migrations import is_current, upgrade
from core.tables import metadata


def test_upgraded_schema_is_the_schema_of_the_code(db: Database) -> None:
    """After an upgrade from empty, nothing is left that autogenerate would change."""
    with db.write() as conn:
        differences = compare_metadata(MigrationContext.configure(conn), metadata)
    assert differences == []


def test_upgrade_twice_changes_nothing(db: Database) -> None:
    """Upgrading an up-to-date database is harmless, and it says that it is current."""
    upgrade(db)

    assert is_current(db)


def test_an_empty_database_is_not_current(tmp_path_factory: object, tmp_path: object) -> None:
    """A database without tables is told from one that is up to date."""
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    assert not is_current(database)

    upgrade(database)

    assert is_current(database)
    database.close()
