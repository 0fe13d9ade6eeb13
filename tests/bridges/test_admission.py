"""Admission: what cannot be worked off is not promised; who fills the queue is refused first, an urgent lane last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bridges.admission import Admission, Load, NoRoomError, OverloadedError, StoreAwayError, TooFastError
from bridges.refusals import EACH, KINDS, Refusals
from core.database import Database
from core.tables import refusal
from tests.bridges.plant import Plant


class Scales(Admission):
    """An admission whose numbers are given."""

    def __init__(self, db: Database, waiting: Mapping[int, int], rate: float, free: int | None = None) -> None:
        super().__init__(db, Path("/"), lag_s=10, most=100_000)
        self._load = Load(waiting, 0, rate, free)


def test_little_waits_and_all_are_welcome(sqlite_db: Database) -> None:
    """A few hundred rows are never too many, also when the rate is not known yet."""
    Scales(sqlite_db, {1: 200}, 0.0).check(1, "a", urgent=False)


def test_who_fills_the_queue_is_refused_first(sqlite_db: Database) -> None:
    """From half of what may wait: the noisy one gets 429, the quiet one and the urgent lane go on."""
    half_full = Scales(sqlite_db, {1: 5800, 2: 100}, 1000.0)
    with pytest.raises(TooFastError) as refused:
        half_full.check(1, "noisy", urgent=False)
    assert refused.value.retry_after == pytest.approx(1.0, abs=0.2)
    half_full.check(2, "quiet", urgent=False)
    half_full.check(1, "noisy", urgent=True)


def test_when_it_is_full_only_the_urgent_lane_is_taken(sqlite_db: Database) -> None:
    """The reserve is for urgent sources, and it ends too: nothing is promised that nobody can keep."""
    full = Scales(sqlite_db, {1: 6000, 2: 6000}, 1000.0)
    for name in (1, 2):
        with pytest.raises(OverloadedError) as refused:
            full.check(name, "any", urgent=False)
        assert refused.value.retry_after == pytest.approx(2.0, abs=0.1)
    full.check(1, "urgent", urgent=True)
    with pytest.raises(OverloadedError):
        Scales(sqlite_db, {1: 16_000}, 1000.0).check(1, "urgent", urgent=True)


def test_a_queue_that_stands_still_is_full_soon(sqlite_db: Database) -> None:
    """Without a worker the doors close after some hundred rows, not after a million."""
    with pytest.raises(OverloadedError, match="More waits"):
        Scales(sqlite_db, {1: 5000}, 0.0).check(1, "any", urgent=False)


def test_a_full_disk_is_told_before_anything_is_promised(sqlite_db: Database) -> None:
    """Room must be left to finish what was promised."""
    with pytest.raises(NoRoomError, match="Nothing is taken"):
        Scales(sqlite_db, {}, 1.0, free=2**20).check(1, "any", urgent=True)


def test_the_numbers_are_those_of_the_rows(plant: Plant, tmp_path: Path) -> None:
    """One look counts what waits per connector and what has left since the look before."""
    time = [0.0]
    admission = Admission(plant.db, tmp_path, lag_s=10, most=1000, monotonic=lambda: time[0])
    for n in range(30):
        plant.push_alert(f"7{n:03d}", severity=1)
    admission.look()
    assert admission.load.waiting == {plant.ids["monitoring"]: 30}
    plant.work()
    time[0] = 3.0
    admission.look()
    assert admission.load.waiting == {}
    assert admission.load.rate == pytest.approx(10.0)


def test_a_database_that_is_away_shuts_the_door_and_opens_it_again(sqlite_url: str, tmp_path: Path) -> None:
    """Nothing is promised while nobody can store it; the first good look opens the door."""
    away = Database("postgresql+psycopg://postgres@127.0.0.1:1/none")
    admission = Admission(away, tmp_path, lag_s=10, most=1000)
    admission.look()
    with pytest.raises(StoreAwayError) as refused:
        admission.check(1, "any", urgent=True)
    assert refused.value.retry_after == 5
    away.close()
    admission._db = back = Database(sqlite_url)
    admission.look()
    admission.check(1, "any", urgent=False)
    back.close()


def test_a_flood_of_refusals_is_no_flood_of_rows(sqlite_db: Database) -> None:
    """A hundred thousand refusals of one kind are some rows, one of which says how many there were; invented names too."""
    time = [0.0]
    kept = Refusals(sqlite_db, monotonic=lambda: time[0])
    row = {"code": "signature-wrong", "detail": "no", "size": 1, "head": b"", "remote": None}
    for _ in range(20_000):
        kept.keep({"connector": "a", **row})
    for n in range(3_000):
        kept.keep({"connector": f"invented-{n}", **row})
    time[0] = 11.0
    kept.keep({"connector": "a", **row})
    with sqlite_db.read() as conn:
        count = conn.execute(select(func.count()).select_from(refusal)).scalar_one()
        told = (
            conn.execute(select(refusal.c.detail).where(refusal.c.connector == "a", refusal.c.detail.like("%more like%")))
            .scalars()
            .all()
        )
    assert count <= EACH * 2 + KINDS + 3
    assert told == [f"{20_000 - EACH} more like this within 10 s. The last: no"]
