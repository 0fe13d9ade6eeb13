"""What `deploy/` offers is about this Tieline: its metrics exist, its rules fire, its commands are ours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bridges.admission import Admission, Load
from core.database import Database
from core.tables import stream
from gateway.cli import main
from gateway.metrics import Metrics
from tests.bridges.plant import Plant

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMMANDS = set(main.list_commands(click.Context(main)))
NAME = re.compile(r"\btieline_[a-z_]+\b")


def _promtool(*arguments: str, given: bytes = b"") -> None:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool on this machine (Debian: apt-get install prometheus)")
    ran = subprocess.run([found, *arguments], cwd=DEPLOY / "prometheus", input=given, capture_output=True, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).decode()


def _text(db: Database, tmp_path: Path) -> str:
    admission = Admission(db, tmp_path, lag_s=60, most=1000)
    admission._load = Load({1: 1}, 1, 1.0, 10**9)
    metrics = Metrics(db, 7, admission)
    metrics.counters.door("accepted")
    return metrics.text().decode()


@pytest.fixture
def scraped(plant: Plant, tmp_path: Path) -> str:
    """Give what is scraped from a plant in which something has happened, and something waits."""
    with plant.db.write() as conn:
        conn.execute(
            stream.insert().values(connector_id=plant.ids["monitoring"], name="alerts", enabled=True, every_s=30, next_at=0)
        )
    plant.push_alert("7001")
    plant.work()
    plant.push_alert("7002")
    plant.handler.run()
    plant.push_alert("7003")
    return _text(plant.db, tmp_path)


def _offered(text: str) -> set[str]:
    return {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


def test_the_metrics_are_as_prometheus_wants_them(scraped: str) -> None:
    """Promtool finds no fault with names, types and help."""
    _promtool("check", "metrics", given=scraped.encode())


def test_every_panel_shows_what_there_is(scraped: str) -> None:
    """Each query of the dashboard names metrics that are really offered, and each title is in both languages."""
    board: Any = json.loads((DEPLOY / "grafana" / "tieline.json").read_text())
    asked = {name for panel in board["panels"] for target in panel["targets"] for name in NAME.findall(target["expr"])}
    assert asked - _offered(scraped) == set()
    assert all(re.search(r"[A-Za-z].* / .*[\u4e00-\u9fff]", panel["title"]) for panel in board["panels"])


def test_every_alert_is_about_what_there_is_and_says_what_to_do(scraped: str) -> None:
    """Its metrics exist, its text is in both languages, and its runbook is a heading that is there, in both as well."""
    rules = yaml.safe_load((DEPLOY / "prometheus" / "tieline.rules.yaml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in NAME.findall(rule["expr"])}
    assert asked - _offered(scraped) == set()
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor == rule["alert"].lower()
        for path in (ROOT / page, ROOT / page.replace(".md", ".zh-CN.md")):
            assert f"\n### {rule['alert']}\n" in path.read_text(), f"{path} explains no {rule['alert']}"
        assert re.search(r"[\u4e00-\u9fff]", rule["annotations"]["summary"])


def test_the_rules_fire_when_they_should() -> None:
    """Promtool checks the rules and runs their unit tests."""
    _promtool("check", "rules", "tieline.rules.yaml")
    _promtool("test", "rules", "tieline.rules.test.yaml")
    _promtool("check", "config", "prometheus.yaml")


def test_the_units_are_whole() -> None:
    """Systemd finds nothing wrong but that the program is not installed here; every command is one of ours."""
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    for unit in units:
        [words] = re.findall(r"^ExecStart=/opt/tieline/bin/tieline (.*)$", unit.read_text(), re.MULTILINE)
        assert words.split()[0] in COMMANDS
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd-analyze on this machine (Debian: apt-get install systemd)")
    ran = subprocess.run([found, "verify", *map(str, units)], capture_output=True, text=True, check=False)
    faults = [line for line in ran.stderr.splitlines() if line and "is not executable" not in line]
    assert faults == []


def test_the_compose_file_runs_our_commands() -> None:
    """Every service of ours runs a command that exists; passwords have no defaults."""
    text = (DEPLOY / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    ours = {name: one["command"] for name, one in services.items() if "build" in one}
    assert ours.keys() == {"migrate", "web", "worker", "beat"}
    assert all(command[0] in COMMANDS for command in ours.values())
    assert "PASSWORD:-" not in text
