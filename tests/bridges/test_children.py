"""The supervisor: one child that keeps ending holds up no other, nor the end of all."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys, time
from gateway.children import Child, supervise
def broken(pid): raise OSError("the database is away")
ends = Child("ends", lambda: None, on_end=broken)
def live():
    open(sys.argv[1], "a").write(".")
    time.sleep({life})
lives = Child("lives", live)
supervise([ends, lives], ready=lambda: print("ready", flush=True))
print("over", flush=True)
"""


@contextmanager
def _supervised(log: Path, life: float) -> Iterator[subprocess.Popen[str]]:
    script = SCRIPT.replace("{life}", str(life))
    with subprocess.Popen([sys.executable, "-c", script, str(log)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        yield made
        made.kill()


def test_who_ends_at_once_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """Its pause grows; in the meantime another one that ended is started again at once, and SIGTERM is heard."""
    with _supervised(tmp_path / "starts", 0.5) as running:
        time.sleep(5)
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
        assert time.monotonic() - began < 2
    assert len((tmp_path / "starts").read_text()) >= 4


def test_a_failing_look_at_an_end_ends_nobody_else(tmp_path: Path) -> None:
    """What is done when a child has ended may fail, for instance with the database; the supervisor goes on."""
    with _supervised(tmp_path / "starts", 60) as running:
        time.sleep(1.5)
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
