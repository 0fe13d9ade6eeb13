"""A full disk under a running Tieline: refused before it is promised, nothing lost, healed by itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridges.accounting import balance
from core.database import Database
from lab.gateway import Gateway
from lab.real.waiting import until
from tests.kill.far_side import FarSide
from tests.kill.ground import tieline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 48 MiB; skip with the reason where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def _send(gateway: Gateway, n: int) -> tuple[int, str | None, bytes]:
    body = json.dumps(
        {"type": "reading", "thing": f"T-{n}", "severity": 4, "status": "open", "device": "press", "body": {"n": n}}
    )
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)) as connection:
        connection.request("POST", gateway.notes["path"], body, {"Content-Type": "application/json", "webhook-id": f"m-{n}"})
        answer = connection.getresponse()
        return answer.status, answer.headers["Retry-After"], answer.read()


def test_a_full_disk_refuses_and_heals(small_disk: Path, far_side: FarSide) -> None:
    """Full: 503 with a time to come again. Room made: taken again, everything promised done once, the books right."""
    with tieline(small_disk / "home", far_side, {}) as gateway:
        promised = [n for n in range(40) if _send(gateway, n)[0] == 202]
        assert len(promised) == 40
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:  # everything but what is left in the log's own pages
                file.write(b"\0" * 65536)
        refused: list[tuple[int, str | None, bytes]] = []

        def is_refused() -> bool:
            refused.append(_send(gateway, 1000 + len(refused)))
            if refused[-1][0] == 202:
                promised.append(1000 + len(refused) - 1)
            return refused[-1][0] == 503

        until(is_refused, "the door to refuse", 30)
        assert refused[-1][1] is not None
        assert json.loads(refused[-1][2])["code"] in ("no-room", "cannot-store")
        ballast.unlink()
        until(lambda: _send(gateway, 2000)[0] in (200, 202), "the door to open again", 60)
        promised.append(2000)
        db = Database(f"sqlite:///{gateway.home}/tieline.db")
        until(lambda: len(far_side.effects) >= len(promised), "everything promised to be done", 60)
        until(lambda: balance(db).actions["done"] == len(promised), "it to be recorded", 30)
        books = balance(db)
        db.close()
    assert books.problems == []
    assert sorted(json.loads(one)["data"]["n"] for one in far_side.order) == sorted(promised)
