"""`tieline serve` as anybody starts it: it prints its first key once, answers, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _started(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = home.with_suffix(".log")
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
    env |= {"TIELINE_HOME": str(home), "TIELINE_PORT": str(port)}
    with log.open("ab") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve"], cwd=ROOT, env=env, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield child, log
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(10)


def _wait_for(url: str, child: subprocess.Popen[bytes], log: Path, key: str | None = None) -> int:
    until = time.monotonic() + 40
    while time.monotonic() < until and child.poll() is None:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer from {url}: {log.read_text()[-2000:]}")


@pytest.mark.slow
def test_the_first_start_prints_a_key_that_works_and_the_second_none(tmp_path: Path) -> None:
    """The first key is shown once, at the first start; it opens the API; SIGINT ends everything with 0."""
    home, port = tmp_path / "home", _free_port()
    api = f"http://127.0.0.1:{port}/api/v1/connectors"
    with _started(home, port) as (child, log):
        assert _wait_for(f"http://127.0.0.1:{port}/healthz", child, log) == 200
        key = re.search(r"tl_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}", log.read_text())
        assert key is not None
        assert _wait_for(api, child, log, key[0]) == 200
        assert _wait_for(api, child, log, "tl_wrongkey") == 401
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    log.unlink()
    with _started(home, port) as (child, log):
        assert _wait_for(api, child, log, key[0]) == 200
        assert "tl_" not in log.read_text()
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


@pytest.mark.slow
def test_a_taken_port_is_said_at_once(tmp_path: Path) -> None:
    """Somebody else's port ends the start with 4, before anything is started."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with _started(tmp_path / "home", other.getsockname()[1]) as (child, log):
            assert child.wait(30) == 4
        assert "TIELINE_PORT" in log.read_text()
