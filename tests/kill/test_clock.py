"""
The machine's clock jumps by a day, forth and back: nothing is lost, nothing is done twice, and work goes on.

libfaketime moves the monotonic clock too (it cannot leave it alone under this Python), which no real jump does: so these
jumps are worse than real ones.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bridges.accounting import balance
from core.database import Database
from lab.real.waiting import until
from tests.kill.far_side import FarSide
from tests.kill.ground import tieline
from tests.kill.load import Sender

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def _wait_for(far_side: FarSide, effects: int, jump: str) -> None:
    until(lambda: len(far_side.effects) >= effects, f"the effects after a jump to {jump}", 60)


@pytest.mark.parametrize("embedded", [True, False], ids=["sqlite", "postgresql"])
def test_a_day_forth_and_back(request: pytest.FixtureRequest, tmp_path: Path, far_side: FarSide, embedded: bool) -> None:
    """On SQLite the database's time jumps with the machine's; on PostgreSQL only ours does, and nobody cares."""
    if not LIBRARIES:
        pytest.skip("there is no libfaketime on this machine (Debian: apt-get install faketime)")
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(LIBRARIES[-1]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
    }
    url = "" if embedded else request.getfixturevalue("postgres_url")
    with tieline(tmp_path / "home", far_side, environment | ({"TIELINE_DATABASE_URL": url} if url else {})) as gateway:
        db = Database(url or f"sqlite:///{gateway.home}/tieline.db")
        for thing, jump in enumerate(("+0", "+1d", "+0", "-1d", "+0")):
            clock.write_text(f"{jump}\n")
            time.sleep(2)
            for step in range(10):
                Sender(gateway, [thing])._send(thing, step)
            _wait_for(far_side, (thing + 1) * 10, jump)
        until(lambda: balance(db).actions["done"] == 50, "everything to be recorded", 60)
        assert sum(far_side.calls.values()) == len(far_side.effects) == 50
        assert balance(db).problems == []
        db.close()
