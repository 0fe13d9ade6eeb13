"""What every test shares: a fresh migrated database on each engine, a clock that stands still."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from core.clock import FixedClock
from core.database import Database
from core.ids import new_id
from core.migrations import upgrade

# The product would move hypothesis' notes to a folder of its own, because it must leave none where somebody plans.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis"))
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


def _server_reason() -> str | None:
    try:
        engine = create_engine(POSTGRES, connect_args={"connect_timeout": 2})
        with engine.connect():
            return None
    except Exception as error:
        return f"no PostgreSQL at {POSTGRES}: {str(error).splitlines()[0]}"
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """Give the URL of a migrated template database; skip with the reason where there is no server."""
    if reason := _server_reason():
        pytest.skip(reason)
    name = new_id("tieline_template")
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f'CREATE DATABASE "{name}"'))
    database = Database(POSTGRES.rsplit("/", 1)[0] + "/" + name)
    upgrade(database)
    database.close()
    yield name
    with admin.connect() as conn:
        conn.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_template: str) -> Iterator[str]:
    """Give a fresh database copied from the template; dropped afterwards."""
    name = new_id("tieline_test")
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"'))
    yield POSTGRES.rsplit("/", 1)[0] + "/" + name
    with admin.connect() as conn:
        conn.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "tieline.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as conn:
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.exec_driver_sql("BEGIN")
    database.close()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """Give the URL of a fresh copy of it."""
    copy = tmp_path / "tieline.db"
    copy.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{copy}"


@pytest.fixture
def clock() -> FixedClock:
    """Give a clock that stands at 2026-01-01T00:00:00Z until it is moved."""
    return FixedClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give a fresh database on each engine in turn."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def db(database_url: str, clock: FixedClock) -> Iterator[Database]:
    """Give an open database whose time is the test's clock."""
    database = Database(database_url, clock=clock)
    yield database
    database.close()


@pytest.fixture
def sqlite_db(sqlite_url: str, clock: FixedClock) -> Iterator[Database]:
    """Give an open SQLite database whose time is the test's clock."""
    database = Database(sqlite_url, clock=clock)
    yield database
    database.close()
