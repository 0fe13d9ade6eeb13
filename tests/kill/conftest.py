"""What the tests that kill share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kill.far_side import FarSide


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    """Give a far side that keeps its own log."""
    made = FarSide()
    yield made
    made.close()
