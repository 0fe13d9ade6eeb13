"""Tieline as its users run it: `tieline serve` in a home of its own, its command line, its API. Nothing inside is touched."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.children import die_with_parent
from lab.demo.client import Api
from lab.real.waiting import until

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    "web": ("tieline-web",),
    "worker": ("tieline-worker", "tieline-handle", "tieline-deliver"),
    "beat": ("tieline-beat",),
}
READY_S, STOP_S = 60.0, 30.0


class Gateway:
    """
    One Tieline. Started, stopped and started again with the same data, as often as a test wants.

    ``environment`` is what its administrator set besides home and port, such as TIELINE_DATABASE_URL.
    """

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home, self.port = home, _free_port()
        self.environment = dict(environment or {})
        self.api = Api(f"http://127.0.0.1:{self.port}")
        self._added: list[subprocess.Popen[bytes]] = []
        self._log = home / "serve.log"
        self._child: subprocess.Popen[bytes] | None = None
        self.notes: dict[str, str] = {}  #: what its administrator wrote down

    def start(self) -> None:
        """Start it and wait until it is ready; the first start prints the first key, as it does for everybody."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", "gateway.cli", "serve"]
            self._child = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=self._env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        until(self._ready, f"Tieline to answer; its log ends with: {self.tail()}", READY_S)
        if not self.api.key:
            found = until(lambda: re.search(r"first key.*: (\S+)", self._log.read_text()), "the first key in the log", 5)
            assert found is not None
            self.api.key = found[1]

    def add(self, role: str) -> None:
        """Start one more process of a role beside `serve`, as on a second machine."""
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", f"gateway.roles.{role}"]
            self._added.append(subprocess.Popen(argv, cwd=ROOT, env=self._env(), stdout=log, stderr=subprocess.STDOUT))

    def pids(self, role: str) -> list[int]:
        """Return the processes of one role of this Tieline, and of no other."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                name, environ = (folder / "comm").read_text().strip(), (folder / "environ").read_bytes()
            except OSError:
                continue  # it ended just now
            if name in NAMES[role] and f"TIELINE_HOME={self.home}\0".encode() in environ:
                found.append(int(folder.name))
        return found

    def leader(self) -> list[int]:
        """Return the process that was started, if it runs: it watches over the others."""
        return [self._child.pid] if self._child is not None and self._child.poll() is None else []

    def stop(self) -> None:
        """Stop it as Ctrl-C or a service manager would; whatever is left of it afterwards is a fault."""
        for added in self._added:
            added.kill()
            added.wait()
        self._added.clear()
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        child, self._child = self._child, None
        assert child is not None
        for pid in _family_of(child.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait()

    @property
    def runs(self) -> bool:
        """Say whether it was started and lives."""
        return self._child is not None and self._child.poll() is None

    def run(self, *arguments: str) -> str:
        """Run one command of `tieline` and return what it printed; a failing command fails the test with its words."""
        argv = [sys.executable, "-m", "gateway.cli", *arguments]
        ran = subprocess.run(argv, cwd=ROOT, env=self._env(), capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, f"tieline {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def ask(self, *arguments: str) -> Any:
        """Run one command with --json and read its answer."""
        return json.loads(self.run(*arguments, "--json"))

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else "(nothing)"

    def _ready(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, f"Tieline ended:\n{self.tail()}"
        return self.api.ready()

    def _env(self) -> dict[str, str]:
        """The environment of a user who set a few variables; nothing of the test's own."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("TIELINE_", "PYTEST_", "LAB_"))}
        return (
            plain
            | {"TIELINE_HOME": str(self.home), "TIELINE_PORT": str(self.port), "TIELINE_LANGUAGE": "en"}
            | self.environment
        )


def _family_of(leader: int) -> list[int]:
    """Return every process that descends from this one; each child of `serve` may lead a group of its own."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [leader]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
