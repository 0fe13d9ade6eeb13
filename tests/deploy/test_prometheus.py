"""The alerts of `deploy/` in a real Prometheus: it scrapes a running Tieline in which something is wrong, and they fire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml

from bench.flow import PACK, SECRET, TITLE, body
from bench.load import Sink, free_port
from gateway.children import die_with_parent
from lab.gateway import Gateway
from lab.real.waiting import until
from lab.standins.roundup import Roundup

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
USER, PASSWORD = "tieline", "gw-pass-2026"


class Prometheus:
    """A Prometheus of our own with the configuration and the rules of `deploy/`; only its patience is shortened."""

    def __init__(self, program: str, folder: Path, target: str) -> None:
        self.port = free_port()
        rules = (DEPLOY / "tieline.rules.yaml").read_text()
        (folder / "tieline.rules.yaml").write_text(re.sub(r"^( +for:) \w+$", r"\1 1s", rules, flags=re.MULTILINE))
        settings = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
        settings["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
        settings["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        with (folder / "log").open("wb") as log:
            self._child = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={folder / 'series'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )

    def firing(self) -> set[tuple[str, str]]:
        """Return what fires now: (alert, the connector it is about, if it is about one)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=5) as answer:
                alerts = json.load(answer)["data"]["alerts"]
        except OSError:
            return set()
        labels = [one["labels"] for one in alerts if one["state"] == "firing"]
        return {(one["alertname"], one.get("connector", "")) for one in labels}

    def value(self, query: str) -> float | None:
        """Return what a query says now."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?query={query}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return float(found[0]["value"][1]) if found else None

    def stop(self) -> None:
        """End it."""
        self._child.terminate()
        self._child.wait(20)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Give a Tieline that is not started yet."""
    made = Gateway(tmp_path / "home")
    yield made
    made.stop()


@pytest.fixture
def prometheus(tmp_path: Path, gateway: Gateway) -> Iterator[Prometheus]:
    """Give a Prometheus that scrapes it; skip with the reason where there is none."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus on this machine (Debian: apt-get install prometheus)")
    folder = tmp_path / "prometheus"
    folder.mkdir()
    made = Prometheus(program, folder, f"127.0.0.1:{gateway.port}")
    yield made
    made.stop()


def send(gateway: Gateway, path: str, numbers: range) -> None:
    """Deliver some events."""
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for n in numbers:
        connection.request("POST", path, body(0, n), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202
    connection.close()


def test_what_goes_wrong_is_told_by_its_alert_and_no_other(prometheus: Prometheus, gateway: Gateway) -> None:
    """
    Before it runs: Down. On a good day nothing fires. A wrong password: held, with a repair; mended, it ends by itself. A far
    side that is down: its breaker.
    """
    until(lambda: prometheus.firing() == {("TielineDown", "")}, "Prometheus to miss a Tieline that is not there", 30)
    sink = Sink()
    with Roundup() as tracker:
        gateway.start()
        api = gateway.api
        tracker.tracker.people[USER] = PASSWORD
        account = {"url": tracker.url, "username": USER, "password": PASSWORD}
        api.post("/connectors", {"name": "tickets", "kind": "roundup", "settings": account})
        made = api.post("/connectors", {"name": "source", "kind": "webhook", "settings": {}, "inbound": {"scheme": "path"}})
        api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": sink.url, "secret": SECRET}})
        header = {"name": "bench", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
        api.post("/definitions/apply", {"header": header, "definitions": PACK})
        path = f"/in/source/{made['door']['secret']}"
        send(gateway, path, range(5))
        done = 'sum(tieline_attempts_total{connector="sink",outcome="done"})'.replace(" ", "%20")
        until(lambda: prometheus.value(done) == 5, "Prometheus to have counted five attempts", 30)
        assert prometheus.firing() == set()

        tracker.tracker.people[USER] = "another password"
        [stream] = [one["name"] for one in api.get("/connectors/tickets")["streams"]]
        api.patch(f"/connectors/tickets/streams/{stream}", {"every_s": 5})
        held = {("TielineConnectorHeld", "tickets"), ("TielineRepairs", "")}
        until(lambda: prometheus.firing() == held, "what tells of the wrong password to fire", 60)
        tracker.tracker.people[USER] = PASSWORD
        gateway.run("connectors", "check", "tickets")
        until(lambda: prometheus.firing() == set(), "it to end", 30)

        sink.stop()
        send(gateway, path, range(5, 17))
        until(lambda: prometheus.firing() == {("TielineBreakerOpen", "sink")}, "the breaker's alert to fire", 60)
