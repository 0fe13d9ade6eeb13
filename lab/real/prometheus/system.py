"""Prometheus and Alertmanager from Debian, scraping one press; its oil above 80 degrees is an alert within seconds."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from lab.real import packages
from lab.real.daemon import Daemon
from lab.real.places import HOST, Places
from lab.real.system import Say

PACKAGES = ("prometheus", "prometheus-alertmanager")
RULES = """
groups:
- name: machine
  interval: 1s
  rules:
  - alert: OilTemperatureHigh
    expr: machine_oil_temperature_celsius > 80
    for: 1s
    labels: {severity: critical, spare_part: SEAL-80}
    annotations: {summary: "Oil temperature {{ $value }} on {{ $labels.asset }}"}
"""


class Prometheus:
    """The pair, and what it watches."""

    name = "prometheus"

    def __init__(self, places: Places) -> None:
        self.folder = places.folder("prometheus")
        self.url, self.alertmanager_url = places.url("PROMETHEUS"), places.url("ALERTMANAGER")
        self.exporter_url = places.url("EXPORTER")
        ports = places.ports
        listen = f"--web.listen-address={HOST}:"
        self.exporter = Daemon(
            "exporter",
            (sys.executable, str(Path(__file__).with_name("exporter.py")), str(ports["EXPORTER"])),
            ports["EXPORTER"],
            "LAB_EXPORTER_PORT",
            self.folder,
        )
        self.alertmanager = Daemon(
            "alertmanager",
            (
                "prometheus-alertmanager",
                f"--config.file={self.folder / 'alertmanager.yml'}",
                f"--storage.path={self.folder / 'alertmanager'}",
                f"{listen}{ports['ALERTMANAGER']}",
                "--cluster.listen-address=",  # else it opens 9094 to everybody
                f"--web.external-url={self.alertmanager_url}",
            ),
            ports["ALERTMANAGER"],
            "LAB_ALERTMANAGER_PORT",
            self.folder,
        )
        self.prometheus = Daemon(
            "prometheus",
            (
                "prometheus",
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'tsdb'}",
                "--storage.tsdb.retention.time=6h",
                f"{listen}{ports['PROMETHEUS']}",
                f"--web.external-url={self.url}",
            ),
            ports["PROMETHEUS"],
            "LAB_PROMETHEUS_PORT",
            self.folder,
        )
        self._daemons = (self.exporter, self.alertmanager, self.prometheus)

    def up(self, say: Say) -> None:
        packages.debian(PACKAGES, say)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rules.yml").write_text(RULES)
        scraped = {"job_name": "machines", "static_configs": [{"targets": [self.exporter_url.removeprefix("http://")]}]}
        there = {"static_configs": [{"targets": [self.alertmanager_url.removeprefix("http://")]}]}
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"plant": "berlin"}},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [there]},
            "scrape_configs": [scraped],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML
        if not (self.folder / "alertmanager.yml").exists():
            self._configure(None, "")
        for one, url in zip(self._daemons, (self.exporter_url, self.alertmanager_url, self.url), strict=True):
            one.start()
            one.wait(lambda url=url: _answers(f"{url}/metrics"))  # type: ignore[misc]

    def down(self) -> None:
        for one in reversed(self._daemons):
            one.stop()

    def reset(self) -> None:
        running = self.prometheus.pid() is not None
        self.purge()
        if running:
            self.up(lambda _: None)

    def purge(self) -> None:
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> dict[str, str]:
        return {
            "runs": "yes" if all(one.pid() for one in self._daemons) else "no",
            "prometheus": self.url,
            "alertmanager": self.alertmanager_url,
            "press": f"{self.exporter_url}/metrics (POST /set?machine_oil_temperature_celsius=91.5)",
        }

    def push_to(self, url: str | None, token: str) -> None:
        """Let Alertmanager push to a door with a bearer token, or to nobody; it reads its file again."""
        self._configure(url, token)
        urllib.request.urlopen(urllib.request.Request(f"{self.alertmanager_url}/-/reload", method="POST"), timeout=5).close()

    def turn(self, **gauges: float) -> None:
        """Set gauges of the press."""
        asked = "&".join(f"{name}={value}" for name, value in gauges.items())
        urllib.request.urlopen(urllib.request.Request(f"{self.exporter_url}/set?{asked}", method="POST"), timeout=5).close()

    def _configure(self, url: str | None, token: str) -> None:
        hook = {
            "url": url,
            "send_resolved": True,
            "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
        }
        settings = {
            "route": {
                "receiver": "tieline",
                "group_by": ["alertname", "asset"],
                "group_wait": "1s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "tieline", "webhook_configs": [hook] if url else []}],
        }
        (self.folder / "alertmanager.yml").write_text(json.dumps(settings))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
