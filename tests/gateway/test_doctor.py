"""`tieline doctor`: what does not get on, since when, and what to do; in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from core.clock import SECOND
from core.database import Database
from core.tables import delivery, refusal
from gateway.cli import exits
from tests.gateway.cli_fixture import Run, tieline

__all__ = ["tieline"]

DAY = 86_400 * SECOND


@pytest.fixture
def home(tieline: Run, tmp_path: Path) -> Database:
    """Give the store of a home with one connector, in which all is well."""
    assert tieline("connectors", "add", "memory", "--name", "plant", "--set", "world=cli").exit_code == exits.OK
    assert tieline("doctor").exit_code == exits.OK
    return Database(f"sqlite:///{tmp_path / 'home' / 'tieline.db'}")


def findings(said: Any) -> dict[str, dict[str, Any]]:
    """Return what doctor found, by name."""
    return {one["name"]: one for one in orjson.loads(said.stdout)["findings"]}


def deliveries(home: Database, *rows: dict[str, Any]) -> None:
    """Let deliveries have come, each with what became of it."""
    with home.write() as conn:
        now = home.now(conn)
        for n, row in enumerate(rows):
            plain = {
                "receipt": f"rcp_{n:032x}",
                "connector_id": 1,
                "external_id": f"{n}",
                "body_sha256": "",
                "body": b"",
                "headers": {},
                "origin": "push",
            }
            moved = {name: now + value if name.endswith("_at") else value for name, value in row.items()}
            conn.execute(delivery.insert().values({**plain, **moved}))
        conn.exec_driver_sql(f"INSERT INTO intake VALUES (1, 0, {len(rows)})")


def test_refusing_doors_say_since_when(tieline: Run, home: Database) -> None:
    """They have refused since the first of a row of refusals without a pause; older ones and malformed bodies do not count."""
    with home.write() as conn:
        now = home.now(conn)
        for ago, code in ((7200, "no-room"), (120, "too-fast"), (70, "overloaded"), (15, "overloaded"), (1, "malformed")):
            conn.execute(refusal.insert().values(at=now - ago * SECOND, connector="plant", code=code, detail="x"))
    said = tieline("doctor", "--json")
    assert said.exit_code == exits.PROBLEM
    found = findings(said)["doors"]
    assert (found["ok"], "`tieline events refusals`" in found["fix"]) == (False, True)
    assert "(120 s), the last time 15 s ago: overloaded, too-fast; 0 of 100000 rows wait" in found["detail"]


def test_doors_that_have_stopped_refusing_are_well(tieline: Run, home: Database) -> None:
    """A minute without a refusal: they are open."""
    with home.write() as conn:
        conn.execute(refusal.insert().values(at=home.now(conn) - 90 * SECOND, connector="plant", code="overloaded", detail="x"))
    found = findings(tieline("doctor", "--json"))["doors"]
    assert (found["ok"], found["detail"]) == (True, "open; 0 of 100000 rows wait")


def test_archiving_that_lags_is_told(tieline: Run, home: Database) -> None:
    """What ended and should have left days ago says how late it is, and by which setting."""
    ended = {"state": "done", "handled_at": -10 * DAY, "received_at": -10 * DAY}
    deliveries(home, ended, {"state": "done", "handled_at": 0, "received_at": 0})
    found = findings(tieline("doctor", "--json"))["retention"]
    assert (found["ok"], found["detail"]) == (False, "3.0 days behind TIELINE_LIVE_DAYS=7")
    assert "tieline retention --run" in found["fix"]
    assert findings(tieline("doctor", "--json", env={"TIELINE_LIVE_DAYS": "10"}))["retention"]["ok"]
    tieline("retention", "--run")
    assert findings(tieline("doctor", "--json"))["retention"]["ok"]


def test_the_oldest_due_row_says_how_old_and_of_what(tieline: Run, home: Database) -> None:
    """A delivery that nobody handles is as old as its due time."""
    deliveries(home, {"state": "waiting", "next_at": -75 * SECOND, "received_at": -75 * SECOND})
    found = findings(tieline("doctor", "--json"))["progress"]
    assert not found["ok"]
    assert found["detail"].startswith("the oldest due row has waited 75 s (deliveries)")


def test_everything_has_a_name_in_chinese(tieline: Run, home: Database) -> None:
    """Each line begins with what was looked at in the reader's language; names of single things stay."""
    deliveries(home, {"state": "waiting", "next_at": -75 * SECOND, "received_at": -75 * SECOND})
    tieline("connectors", "hold", "plant")
    said = tieline("doctor", "--check", env={"TIELINE_LANGUAGE": "zh"})
    names = [line.split("  ")[0] for line in said.stdout.splitlines() if " ✓ " in line or " ✗ " in line]
    assert "连接器 plant" in names
    assert {"入口", "归档", "处理进度"} <= set(names)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in name) for name in names), names
    assert "最久的到期行已等待 75 秒" in said.stdout
