"""The watchdog: it ends a worker that gets nothing done while others could, and no other."""

from __future__ import annotations

from pathlib import Path

from bell.watch import DEAF, Pulse, Watch, beat
from bridges.claims import claim
from bridges.holds import hold
from bridges.progress import oldest_unclaimed
from tests.bridges.plant import Plant


class Worker:
    """What the watchdog is told of one worker."""

    def __init__(self) -> None:
        self.time, self.done, self.waited = 0.0, 0, 0.0
        self.ended: list[int] = []
        self.away = False
        self.watch = Watch(self._oldest, lambda: self.done, end=self.ended.append, monotonic=lambda: self.time)

    def _oldest(self) -> float:
        if self.away:
            raise OSError("the database is away")
        return self.waited

    def pass_s(self, seconds: int) -> bool:
        """Let time pass, with a look every two seconds."""
        well = True
        for _ in range(0, seconds, 2):
            self.time += 2
            well = self.watch.judge()
        return well


def test_a_deaf_worker_ends_within_fifteen_seconds() -> None:
    """Something has been due for long, nothing was done here: it says so and ends, to be started anew."""
    worker = Worker()
    worker.waited = 12.0
    assert worker.pass_s(8)
    worker.pass_s(6)
    assert worker.ended[0] == DEAF


def test_a_busy_or_idle_worker_lives() -> None:
    """Whoever gets on is not deaf, however long the queue; and where nothing is due there is nothing to hear."""
    busy, idle = Worker(), Worker()
    busy.waited = 500.0
    for _ in range(30):
        busy.done += 1
        assert busy.pass_s(8)
    assert idle.pass_s(3600)
    assert busy.ended == idle.ended == []


def test_a_database_that_is_away_is_not_deafness() -> None:
    """No judgement without rows, and a full span of grace after it is back."""
    worker = Worker()
    worker.away = True
    assert worker.pass_s(120)
    worker.away, worker.waited = False, 300.0
    assert worker.pass_s(8)
    assert worker.ended == []


def test_a_heartbeat_that_stops_is_seen_and_a_clock_that_jumps_is_not(tmp_path: Path) -> None:
    """Only whether it moved counts; a process that has not beaten yet is still starting."""
    time = [0.0]
    pulse = Pulse(tmp_path / "pulse", monotonic=lambda: time[0])
    time[0] = 100.0
    assert not pulse.is_still()
    beat(tmp_path / "pulse")
    assert not pulse.is_still()
    time[0] = 114.0
    assert not pulse.is_still()
    time[0] = 116.0
    assert pulse.is_still()
    beat(tmp_path / "pulse")
    assert not pulse.is_still()


def test_only_what_anybody_could_take_counts_as_unclaimed(plant: Plant) -> None:
    """A row in somebody's hands, behind another, or of a held connector waits for no worker."""

    def waited(kind: str) -> float:
        with plant.db.read() as conn:
            return oldest_unclaimed(conn, plant.db.now(conn))[kind]

    plant.push_alert("7001")
    plant.clock.move(30)
    assert waited("deliveries") == 30.0
    plant.handler.run()
    plant.clock.move(20)
    assert (waited("deliveries"), waited("actions")) == (0.0, 20.0)
    claim(plant.db, "somebody", limit=1, lease_s=15)
    assert waited("actions") == 0.0
    plant.clock.move(20)
    assert waited("actions") == 40.0
    with plant.db.write() as conn:
        hold(conn, plant.ids["tickets"], by="person:x", now=plant.db.now(conn))
    assert waited("actions") == 0.0
