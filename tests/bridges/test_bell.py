"""The embedded bell: rings of many threads are heard whole, and none ends who listens."""

from __future__ import annotations

import select
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty

import pytest

import celery_app
from bell import rings
from bell.folder import BellChannel, is_rung
from core.settings import Settings


def test_a_ring_is_heard_whole_or_not_at_all(tmp_path: Path) -> None:
    """A reader that is quicker than a writer finds nothing, never half a ring; a broken file is passed over."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    with app.connection() as connection, app.connection() as other:
        listening, ringing = connection.channel(), other.channel()
        assert isinstance(listening, BellChannel)
        (listening.folder / "tieline~broken.ring").write_bytes(b"")
        seen: list[str] = []
        over = threading.Event()

        def look() -> None:
            while not over.is_set():
                seen.extend(str(one) for one in listening.folder.glob("*.ring") if one.exists() and _is_empty(one))

        watcher = threading.Thread(target=look)
        watcher.start()
        for n in range(400):
            ringing._put("tieline", _message(f"task{n}"))
        over.set()
        watcher.join()
        heard = {listening._get("tieline")["headers"]["task"] for _ in range(listening._size("tieline") - 1)}  # one is broken
    assert heard == {f"task{n}" for n in range(400)}
    assert {Path(one).name for one in seen} <= {"tieline~broken.ring"}


def test_rings_that_nobody_has_heard_are_one(tmp_path: Path) -> None:
    """A thousand rings of a task while nobody listens are one ring; no other task's ring waits behind it for ever."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    with app.connection() as connection:
        channel = connection.channel()
        for _ in range(1000):
            channel._put("tieline", _message("handle"))
        channel._put("tieline", _message("sweep"))
        assert channel._size("tieline") == 2
        assert is_rung(tmp_path, "tieline", "handle")

        first = channel._get("tieline")["headers"]["task"]
        channel._put("tieline", _message(first))
        assert {first, channel._get("tieline")["headers"]["task"]} == {"handle", "sweep"}


def test_a_ring_wakes_who_waits_at_the_pipe(tmp_path: Path) -> None:
    """A listener is woken by the ring itself, not by its next look into the folder."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    heard: list[str] = []
    with app.connection() as connection, app.connection() as other:
        connection.transport._callbacks["tieline"] = lambda message: heard.append(message["headers"]["task"])
        channel = connection.channel()
        channel._active_queues.append("tieline")
        channel._consumers.add("x")
        channel._reset_cycle()
        with pytest.raises(TimeoutError):
            connection.transport.drain_events(connection, timeout=0.05)  # it waits at the pipe from now on
        [waits] = connection.transport._pipes.values()
        assert waits >= 0
        other.channel()._put("tieline", _message("handle"))
        assert select.select([waits], [], [], 0)[0] == [waits]
        connection.transport.drain_events(connection, timeout=5)
    assert heard == ["handle"]


def test_a_ring_wakes_nobody_who_waits_for_another_queue(tmp_path: Path) -> None:
    """Each queue has a pipe of its own: who sends does not take the byte that should wake who handles."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    with app.connection() as connection, app.connection() as other:
        channel = connection.channel()
        channel._active_queues.append("tieline.send")
        with pytest.raises(TimeoutError):
            connection.transport.drain_events(connection, timeout=0.05)
        [waits] = connection.transport._pipes.values()
        other.channel()._put("tieline", _message("handle"))
        assert select.select([waits], [], [], 0)[0] == []
        other.channel()._put("tieline.send", _message("tieline.deliver"))
        assert select.select([waits], [], [], 0)[0] == [waits]


def test_a_worker_hears_only_the_queues_of_its_duties() -> None:
    """Handling and sending have a queue each; a worker without a named duty hears both."""
    try:
        celery_app.take("deliver")
        assert celery_app.queues() == [celery_app.app.conf.task_queues[1].name]
        celery_app.take()
        assert celery_app.queues() == [one.name for one in celery_app.app.conf.task_queues]
    finally:
        celery_app.take()


def test_a_ring_within_the_span_is_rung_at_its_end() -> None:
    """The look of the ring before may have ended already, so the last ring is never dropped; many are one."""
    rung: list[float] = []
    bell = rings.Bell(lambda: rung.append(time.monotonic()), span_s=0.05)
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

    bell = rings.Bell(ring, span_s=0)
    for _ in range(3):
        bell()
        bell.flush()
    assert len(rung) == 3


def test_a_bell_whose_folder_is_made_anew_rings_on(tmp_path: Path) -> None:
    """`serve` empties the bell at its start, also under workers that run already."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    with app.connection() as connection:
        channel = connection.channel()
        shutil.rmtree(tmp_path / "bell")
        with pytest.raises(Empty):
            channel._get("tieline")
        channel._put("tieline", _message("handle"))
        assert channel._get("tieline") == _message("handle")


def test_of_several_readers_one_has_the_ring(tmp_path: Path) -> None:
    """Many workers look at one folder: every ring is heard once, and nobody ends with an error."""
    app = celery_app.make_app(Settings.from_env({"TIELINE_HOME": str(tmp_path)}))
    heard: list[str] = []
    with app.connection() as connection:
        channels = [connection.channel() for _ in range(4)]
        for n in range(200):
            channels[0]._put("tieline", _message(f"task{n}"))

        def listen(channel: BellChannel) -> None:
            while True:
                try:
                    heard.append(channel._get("tieline")["headers"]["task"])
                except Empty:
                    return

        with ThreadPoolExecutor(len(channels)) as pool:
            list(pool.map(listen, channels))
    assert sorted(heard) == sorted(f"task{n}" for n in range(200))


def _message(task: str) -> dict[str, dict[str, str]]:
    return {"headers": {"task": task}}


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
