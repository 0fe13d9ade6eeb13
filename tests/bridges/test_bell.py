"""The embedded bell: rings of many threads are heard whole, and none ends who listens."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty

import pytest

import celery_app
from core.settings import Settings


def test_a_ring_is_heard_whole_or_not_at_all(tmp_path: Path) -> None:
    """A reader that is quicker than a writer finds nothing, never half a ring; a broken file is passed over."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    wanted, heard = 400, 0
    with app.connection() as connection, app.connection() as other:
        listening, ringing = connection.channel(), other.channel()
        assert isinstance(listening, celery_app.WholeRings)
        inbox = Path(listening.data_folder_in)
        (inbox / "0_broken.tieline.msg").write_bytes(b"")
        seen: list[str] = []
        over = threading.Event()

        def look() -> None:
            while not over.is_set():
                seen.extend(str(one) for one in inbox.glob("*.msg") if one.exists() and _is_empty(one))

        watcher = threading.Thread(target=look)
        watcher.start()
        for n in range(wanted):
            ringing._put("tieline", {"n": n})
        over.set()
        watcher.join()
        until = time.monotonic() + 20
        while heard < wanted and time.monotonic() < until:
            try:
                listening._get("tieline")
                heard += 1
            except Empty:
                continue
    assert heard == wanted
    assert {Path(one).name for one in seen} <= {"0_broken.tieline.msg"}


def test_a_ring_within_the_span_is_rung_at_its_end() -> None:
    """The look of the ring before may have ended already, so the last ring is never dropped; many are one."""
    rung: list[float] = []
    bell = celery_app.Bell(lambda: rung.append(time.monotonic()), span_s=0.05)
    bell()
    bell.flush()
    for _ in range(100):
        bell()
    bell.flush()

    assert len(rung) == 2
    assert rung[1] - rung[0] >= 0.05


def test_a_bell_that_breaks_rings_again() -> None:
    """Whoever rings never hears of a broken broker; the next ring is tried."""
    rung = []

    def ring() -> None:
        rung.append(1)
        raise RuntimeError("no broker")

    bell = celery_app.Bell(ring, span_s=0)
    for _ in range(3):
        bell()
        bell.flush()
    assert len(rung) == 3


def test_a_torn_table_of_queues_harms_nobody(tmp_path: Path) -> None:
    """A process killed while it wrote kombu's file of queues leaves half of it; listening and ringing go on."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    (tmp_path / "bell" / "control" / "tieline.exchange").write_bytes(b"[[")
    app.send_task("tieline.sweep", retry=False)
    with app.connection() as connection:
        app.amqp.queues["tieline"](connection.channel()).declare()
        assert connection.channel()._get("tieline")["headers"]["task"] == "tieline.sweep"


def test_a_bell_whose_folder_is_made_anew_rings_on(tmp_path: Path) -> None:
    """`serve` empties the bell at its start, also under workers that run already."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    with app.connection() as connection:
        channel = connection.channel()
        shutil.rmtree(tmp_path / "bell")
        with pytest.raises(Empty):
            channel._get("tieline")
        channel._put("tieline", {"n": 1})
        assert channel._get("tieline") == {"n": 1}


def test_of_several_readers_one_has_the_ring(tmp_path: Path) -> None:
    """Many workers look at one folder: every ring is heard once, and nobody ends with an error."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    heard: list[int] = []
    with app.connection() as connection:
        channels = [connection.channel() for _ in range(4)]
        for n in range(200):
            channels[0]._put("tieline", {"n": n})

        def listen(channel: celery_app.WholeRings) -> None:
            while True:
                try:
                    heard.append(channel._get("tieline")["n"])
                except Empty:
                    return

        with ThreadPoolExecutor(len(channels)) as pool:
            list(pool.map(listen, channels))
    assert sorted(heard) == list(range(200))


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
