"""The supervisor: one child that keeps ending holds up no other, nor the end of all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys, time
from gateway.children import Child, supervise
def broken(pid): raise OSError("the database is away")
ends = Child("ends", [sys.executable, "-c", "pass"], on_end=broken)
life = "import sys, time; open(sys.argv[1], 'a').write('.'); time.sleep({life})"
lives = Child("lives", [sys.executable, "-c", life, sys.argv[1]])
supervise([ends, lives], ready=lambda: print("ready", flush=True))
print("over", flush=True)
"""


def _supervised(log: Path, life: float) -> subprocess.Popen[str]:
    script = SCRIPT.replace("{life}", str(life))
    made = subprocess.Popen([sys.executable, "-c", script, str(log)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    assert made.stdout.readline() == "ready\n"
    return made


def test_who_ends_at_once_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """Its pause grows; in the meantime another one that ended is started again at once, and SIGTERM is heard."""
    running = _supervised(tmp_path / "starts", 0.5)
    time.sleep(5)
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
    assert time.monotonic() - began < 2
    assert len((tmp_path / "starts").read_text()) >= 4


def test_a_failing_look_at_an_end_ends_nobody_else(tmp_path: Path) -> None:
    """What is done when a child has ended may fail, for instance with the database; the supervisor goes on."""
    running = _supervised(tmp_path / "starts", 60)
    time.sleep(1.5)
    assert running.poll() is None
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait(10) == 0
