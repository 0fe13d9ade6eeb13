"""The plant that these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.clock import FixedClock
from core.database import Database
from tests.snapshots.plant import Plant, standing


@pytest.fixture
def plant(db: Database, clock: FixedClock) -> Iterator[Plant]:
    """Give a plant on each engine in turn, in which every source is well."""
    with standing(db, clock) as found:
        yield found
