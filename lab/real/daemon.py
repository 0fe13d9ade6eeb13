"""A process that outlives the command which started it, found again by its pid file and start time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SetupError
from lab.real.places import HOST


@dataclass(frozen=True, slots=True)
class Daemon:
    """
    One server process: how to start it, and whether it is ready.

    It runs in a session of its own; ``stop`` ends the whole group and waits until it is gone. The pid file
    carries the kernel's start time of the process, so a re-used number is never mistaken for ours.
    """

    name: str
    argv: tuple[str, ...]
    port: int
    port_variable: str
    folder: Path
    user: str | None = None
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def pid_file(self) -> Path:
        """Where the number and start time are kept."""
        return self.folder / f"{self.name}.pid.json"

    @property
    def log(self) -> Path:
        """Where standard output and error go."""
        return self.folder / f"{self.name}.log"

    def pid(self) -> int | None:
        """Return the number of the running process, or None."""
        try:
            kept = json.loads(self.pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return int(kept["pid"]) if _started(kept["pid"]) == kept["started"] else None

    def start(self) -> bool:
        """Start it unless it runs; True when this call started it. A port held by somebody else is refused."""
        if self.pid() is not None:
            return False
        if is_open(self.port):
            raise SetupError(
                f"{self.name} cannot start.",
                why=f"Port {self.port} of {HOST} is in use by a process that is not ours.",
                fix=f"Stop that process, or set {self.port_variable} (or LAB_OFFSET) to move this landscape.",
            )
        switch = {"user": self.user, "group": self.user, "extra_groups": []} if self.user and os.geteuid() == 0 else {}
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.cwd or "/",
                env={**_plain_environment(), **self.env},
                start_new_session=True,
                **switch,  # type: ignore[call-overload]
            )
        child.returncode = 0  # it is meant to outlive us: Python need not warn that it still runs
        self.pid_file.write_text(json.dumps({"pid": child.pid, "started": _started(child.pid)}))
        return True

    def wait(self, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until it answers; a process that died or stays silent is reported with the end of its log."""
        until = time.monotonic() + seconds
        while not is_ready():
            if self.pid() is None or time.monotonic() > until:
                state = "ended" if self.pid() is None else f"did not answer within {seconds:.0f} s"
                raise SetupError(f"{self.name} {state}.", why=f"The end of {self.log}: {self._tail()}", fix="Read that log.")
            time.sleep(0.05)

    def stop(self, seconds: float = 20) -> bool:
        """End the process group and wait; after the time given it is killed. True when there was one."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, self.stop_signal)
        until = time.monotonic() + seconds
        while _group_lives(pid) or is_open(self.port):  # its threads may hold the port a moment longer than its leader lives
            if time.monotonic() > until:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                until += seconds
            _reap(pid)
            time.sleep(0.02)
        self.pid_file.unlink(missing_ok=True)
        return True

    def _tail(self) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-5:]) if self.log.exists() else "(no log)"


def is_open(port: int) -> bool:
    """Say whether something listens on that port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _started(pid: int) -> str | None:
    """Return the kernel's start time of a live process; a zombie counts as gone."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] == "Z" else after_name[19]


def _group_lives(pid: int) -> bool:
    """Say whether any process of the group that pid leads still runs (zombies aside)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if after_name[2] == str(pid) and after_name[0] != "Z":
            return True
    return False


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _plain_environment() -> dict[str, str]:
    """The servers get a plain environment: nothing of the caller's Python, database or language settings."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"}
