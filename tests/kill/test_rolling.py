"""
A rolling restart under load: two web servers, two workers and a beat are told to stop and replaced, one after the other.

Each is asked as a service manager asks (SIGTERM). Nothing promised is lost or done twice, order is kept, no request gets
anything but an answer, and who has stopped leaves no lease behind that others would have to wait for.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import select, union_all

from bridges.accounting import balance
from core.database import Database
from core.tables import action, attempt, lane, late_facet, stream
from gateway.children import die_with_parent
from lab.chaos.servers import Redis, free_port
from lab.gateway import ROOT, Gateway
from lab.real.waiting import until
from tests.kill.far_side import FarSide
from tests.kill.ground import tieline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
THINGS, SENDERS = 24, 4
STOP_S = 20.0
HONEST = {429, 503}
"""What a door may answer besides a promise; each of them says when to come again."""


class Part:
    """One process of a Tieline that is run in parts."""

    def __init__(self, role: str, environment: dict[str, str], log: Path, port: int | None = None) -> None:
        self.role, self.port, self._log = role, port, log
        self._environment = environment | ({} if port is None else {"TIELINE_PORT": str(port)})
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; a web server is awaited until it is ready."""
        argv = [sys.executable, "-m", "gateway.cli", *{"web": ("serve", "--web")}.get(self.role, (self.role,))]
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                argv, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
            )
        if self.port is not None:
            until(self._is_ready, f"a web server to answer: {self._log.read_text()[-2000:]}", 60)

    def _is_ready(self) -> bool:
        assert self.port is not None
        with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        return False

    def stop(self) -> float:
        """Tell it to stop; return how long that took, and fail if it has to be killed."""
        assert self._child is not None
        began = time.monotonic()
        self._child.send_signal(signal.SIGTERM)
        self._child.wait(STOP_S)
        return time.monotonic() - began

    def end(self) -> None:
        """End it for good."""
        if self._child is not None and self._child.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._child.terminate()
                self._child.wait(STOP_S)
            self._child.kill()
            self._child.wait()


class Sender(threading.Thread):
    """Tells new states of its things until it has told enough, through whichever web server listens, as a balancer would."""

    def __init__(self, ports: list[int], path: str, things: list[int], enough: threading.Event) -> None:
        super().__init__(name=f"sender-{things[0]}", daemon=True)
        self._ports, self._path, self._things, self._enough = ports, path, things, enough
        self.promised: list[tuple[int, int]] = []
        self.troubles: list[str] = []
        self.put_off = 0

    def run(self) -> None:
        """Send one state after the other."""
        for step in itertools.count():
            for thing in self._things:
                if self._enough.is_set():
                    return
                if self._send(thing, step):
                    self.promised.append((thing, step))

    def _send(self, thing: int, step: int) -> bool:
        said = {"type": "reading", "thing": f"T-{thing:03d}", "title": f"{thing}/{step}", "severity": 4, "status": "open",
                "site": "berlin", "device": f"press-{thing % 7}", "body": {"thing": thing, "step": step}}  # fmt: skip
        headers = {"Content-Type": "application/json", "webhook-id": f"msg-{thing}-{step}"}
        end = time.monotonic() + 30
        for port in itertools.cycle(self._ports if step % 2 else self._ports[::-1]):
            if time.monotonic() > end:
                self.troubles.append(f"{thing}/{step} was not taken within 30 s")
                return False
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
                try:
                    connection.connect()
                except OSError:  # nobody listens there now: the next one
                    time.sleep(0.01)
                    continue
                try:
                    connection.request("POST", self._path, json.dumps(said), headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException) as error:
                    self.troubles.append(f"{thing}/{step} got no answer: {type(error).__name__} {error}")
                    continue
            if answer.status in (200, 202):
                return True
            if answer.status not in HONEST or not answer.headers["Retry-After"]:
                self.troubles.append(f"{thing}/{step} was answered with {answer.status}")
            self.put_off += 1
            time.sleep(0.1)
        return False


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """Give a Redis of our own; skip with the reason where there is none."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on this machine (Debian: apt-get install redis-server)")
    (tmp_path / "redis").mkdir()
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def _left_behind(db: Database) -> list[str]:
    """Return who holds a lease that has not lapsed and does not run any more."""
    with db.read() as conn:
        now = db.now(conn)
        owners = union_all(
            *(select(one.c.lease_owner).where(one.c.lease_until > now) for one in (action, lane, stream, late_facet))
        )
        found = {str(owner) for owner in conn.execute(owners).scalars()}
    here = f"{socket.gethostname()}:"
    return sorted(one for one in found if not Path(f"/proc/{one.removeprefix(here)}").exists())


def _environment(gateway: Gateway) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TIELINE_", "PYTEST_", "LAB_"))}
    return plain | {"TIELINE_HOME": str(gateway.home), "TIELINE_LANGUAGE": "en"} | gateway.environment


def test_each_process_is_replaced_in_turn(redis: Redis, postgres_url: str, tmp_path: Path, far_side: FarSide) -> None:
    """Traffic runs through all of it; afterwards everything that was promised is done, once and in order."""
    far_side.pause_s = 0.02
    environment = {"TIELINE_DATABASE_URL": postgres_url, "TIELINE_BROKER_URL": redis.url, "TIELINE_LOG_LEVEL": "WARNING"}
    with tieline(tmp_path / "home", far_side, environment) as gateway, ExitStack() as stack:
        gateway.stop()  # everything is set up; from now on it runs in parts
        ports, log = [free_port(), free_port()], tmp_path / "parts.log"
        parts = [Part("web", _environment(gateway), log, port) for port in ports]
        parts += [Part(role, _environment(gateway), log) for role in ("worker", "worker", "beat")]
        for part in parts:
            stack.callback(part.end)
            part.start()
        db, enough = Database(postgres_url), threading.Event()
        stack.callback(db.close)
        senders = [Sender(ports, gateway.notes["path"], list(range(n, THINGS, SENDERS)), enough) for n in range(SENDERS)]
        for sender in senders:
            sender.start()
        until(lambda: len(far_side.effects) > 20, f"traffic to flow: {log.read_text()[-2000:]}", 60)
        left: list[str] = []
        for part in parts:
            before = len(far_side.effects)
            took = part.stop()
            left += [f"{part.role}: {owner}" for owner in _left_behind(db)]
            part.start()
            print(f"{part.role} stopped within {took:.1f} s")
            until(lambda seen=before: len(far_side.effects) > seen + 20, "traffic to go on", 60)  # type: ignore[misc]
        enough.set()
        for sender in senders:
            sender.join(60)
        promised = sorted(one for sender in senders for one in sender.promised)
        until(lambda: balance(db).actions["done"] == len(promised), "everything to be recorded", 60)
        _judge(db, far_side, promised)
        print(f"{len(promised)} promised, {sum(sender.put_off for sender in senders)} put off")
        assert [one for sender in senders for one in sender.troubles] == []
        assert left == []


def _judge(db: Database, far_side: FarSide, promised: list[tuple[int, int]]) -> None:
    seen = [tuple(json.loads(body)["data"][name] for name in ("thing", "step")) for body in far_side.order]
    assert sorted(seen) == promised
    for thing in range(THINGS):
        assert [step for one, step in seen if one == thing] == [step for one, step in promised if one == thing]
    assert sum(far_side.calls.values()) == len(promised), "a soft stop makes nobody do it again"
    assert balance(db).problems == []
    with db.read() as conn:
        assert conn.execute(select(attempt.c.id).where(attempt.c.outcome == "lost")).all() == []
