"""The engine as a state machine, at random: see ``tests.bridges.machine``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import create_engine, text

from core.ids import new_id
from tests.bridges.machine import Engine
from tests.conftest import POSTGRES

DEEP = int(os.environ.get("MACHINE_EXAMPLES", "0"))
RUN = settings(
    max_examples=DEEP or 25,
    stateful_step_count=60 if DEEP else 30,
    deadline=None,
    derandomize=not DEEP,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_engine_on_sqlite(sqlite_template: Path, tmp_path: Path) -> None:
    """SQLite: each run has a copy of the migrated file."""

    def new_url() -> str:
        copy = tmp_path / f"{new_id('m')}.db"
        copy.write_bytes(sqlite_template.read_bytes())
        return f"sqlite:///{copy}"

    run_state_machine_as_test(type("SqliteEngine", (Engine,), {"new_url": staticmethod(new_url)}), settings=RUN)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_engine_on_postgres(postgres_template: str) -> None:
    """PostgreSQL: each run has a database of its own."""
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")

    def new_url() -> str:
        name = new_id("tieline_machine")
        with admin.connect() as conn:
            conn.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"'))
        return POSTGRES.rsplit("/", 1)[0] + "/" + name

    def drop(url: str) -> None:
        with admin.connect() as conn:
            conn.execute(text(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)'))

    made = type("PostgresEngine", (Engine,), {"new_url": staticmethod(new_url), "drop": staticmethod(drop)})
    run_state_machine_as_test(made, settings=RUN)
    admin.dispose()
