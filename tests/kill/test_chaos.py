"""Killed at random points: what was promised is done, once, in order, and the books balance after every kill."""

from __future__ import annotations

import os
import shutil

import pytest

from core.errors import SetupError
from lab.chaos.run import Plan, run
from lab.postgres import binaries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SEED = int(os.environ.get("CHAOS_SEED", "20261127"))
NEEDS = {"embedded": (), "redis": ("redis-server",), "rabbitmq": ("rabbitmq-server",)}


@pytest.mark.parametrize("mode", ["embedded", "redis", "rabbitmq"])
def test_a_thousand_events_under_kills(mode: str) -> None:
    """Processes, brokers and databases of our own are killed -9; the far side is slow, torn and lies: nothing is lost."""
    for program in NEEDS[mode]:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} on this machine (Debian: apt-get install {program})")
    if mode != "embedded":
        try:
            binaries()
        except SetupError as error:
            pytest.skip(f"{error.what} {error.fix}")
    found = run(Plan(mode, events=1000, kills=20, seed=SEED))
    print(  # the numbers that the reader of a report wants
        f"{mode}: killed {found.killed}; sent in {found.sent_s:.1f} s; drained {found.drained_s:.1f} s after; "
        f"{found.retries} calls more than effects"
    )
    assert found.verdict.faults == []
    assert found.verdict.promised == found.verdict.effects == 1000
    assert found.looks > 20
    assert found.drained_s < 60
