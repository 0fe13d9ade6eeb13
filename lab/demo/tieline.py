"""Tieline as its own process group: started like anybody would, stopped so that nothing keeps running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.errors import SetupError
from gateway.children import die_with_parent
from lab.demo.client import Api

READY_SECONDS = 40.0
STOP_SECONDS = 20.0


class Process:
    """`tieline serve` with its log in the home folder."""

    def __init__(self, home: Path) -> None:
        self.log = home / "serve.log"
        home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us only; we stop the others in order
                preexec_fn=die_with_parent,  # and when we are killed, it ends too
            )

    def wait_until_ready(self, api: Api) -> None:
        """Wait for its answer, or say why there is none."""
        until = time.monotonic() + READY_SECONDS
        while not api.ready():
            if not self.alive() or time.monotonic() > until:
                state = "ended" if not self.alive() else f"did not answer within {READY_SECONDS:.0f} s"
                raise SetupError(f"Tieline {state}.", why=f"The end of its log says: {self.tail()}", fix=f"Read {self.log}.")
            time.sleep(0.1)

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._child.poll() is None

    def tail(self, lines: int = 6) -> str:
        """Return the end of its log."""
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:]) or "(nothing)"

    def stop(self) -> None:
        """Ask it to end; it ends its own children. What is left after that is killed."""
        self._child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
