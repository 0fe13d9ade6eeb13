"""The schema: upgraded from empty on both engines, equal to the tables the code speaks of."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bridges.counting import Ending, counts
from core.database import Database
from core.migrations import config, is_current, upgrade
from core.tables import metadata
from tests.bridges.conftest import add_connector, plant, registered
from tests.bridges.plant import Plant

__all__ = ["add_connector", "plant", "registered"]


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


def test_attempts_that_were_there_before_are_counted(plant: Plant) -> None:
    """The counter of attempts begins with those at hand when its table is made, and goes on from there."""
    plant.push_alert("7001")
    plant.work()
    before = _counted(plant.db)
    assert sum(before.values()) == 2
    script = ScriptDirectory.from_config(config(plant.db))
    older = script.get_revision("0013").down_revision
    assert isinstance(older, str)
    command.downgrade(config(plant.db), older)

    upgrade(plant.db)

    assert _counted(plant.db) == before
    plant.push_alert("7002")
    plant.work()
    assert sum(_counted(plant.db).values()) == 4


def _counted(database: Database) -> dict[Ending, int]:
    with database.read() as conn:
        return counts(conn)
