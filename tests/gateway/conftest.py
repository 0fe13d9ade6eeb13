"""One Tieline per test, on SQLite; what concerns the database's own ways runs on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.database import Database
from tests.gateway.ground import Ground, make_ground


@pytest.fixture
def ground(sqlite_db: Database, tmp_path: Path, clock: FixedClock) -> Iterator[Ground]:
    """Give a Tieline on SQLite with one admin key."""
    made = make_ground(sqlite_db, tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def ground_on_each(db: Database, tmp_path: Path, clock: FixedClock) -> Iterator[Ground]:
    """Give the same on SQLite and on PostgreSQL in turn."""
    made = make_ground(db, tmp_path, clock)
    yield made
    made.close()
