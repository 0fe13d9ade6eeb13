"""The embedded bell: rings of many threads are heard whole, and none ends who listens."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import Empty

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


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
