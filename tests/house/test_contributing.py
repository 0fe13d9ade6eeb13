"""The tutorial of CONTRIBUTING.md is a passing test: its files are run exactly as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.imports import ROOT, breaches

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FILES = dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```", PAGE, re.M | re.S))
REGISTRY_LINE = re.findall(r'^"shiftbook": .+,$', PAGE, re.M)
CONNECTOR = "connectors/shiftbook/connector.py"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of what a connector's author needs, with the tutorial's files and its line in the registry."""
    there = tmp_path_factory.mktemp("checkout")
    without_caches = shutil.ignore_patterns("__pycache__", "real", "demo")
    for room in ("core", "connectors", "lab"):
        shutil.copytree(ROOT / room, there / room, ignore=without_caches)
    shutil.copy(ROOT / "pyproject.toml", there)
    for name, text in FILES.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(text)
    registry = there / "connectors" / "registry.py"
    registry.write_text(registry.read_text().replace('    "tryton":', f'    {REGISTRY_LINE[0]}\n    "tryton":'))
    return there


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=checkout, capture_output=True, text=True, check=False, timeout=100
    )


def test_the_tutorial_keeps_every_law(checkout: Path) -> None:
    """A reader who copies the files has a connector that passes."""
    done = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "tests/connectors/test_shiftbook.py")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def test_the_laws_see_a_broken_tutorial(checkout: Path) -> None:
    """The same test fails when the connector forgets the key."""
    place = checkout / CONNECTOR
    whole = place.read_text()
    place.write_text(whole.replace('"ref": key', '"ref": None'))
    try:
        done = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "tests/connectors/test_shiftbook.py", "-k", "same_key")
    finally:
        place.write_text(whole)
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_the_tutorial_is_typed_and_tidy(checkout: Path) -> None:
    """Mypy and ruff have nothing to say about the connector that is shown."""
    assert run(checkout, "ruff", "check", CONNECTOR).returncode == 0, run(checkout, "ruff", "check", CONNECTOR).stdout
    typed = run(checkout, "mypy", "--strict", CONNECTOR)
    assert typed.returncode == 0, typed.stdout


def test_the_tutorial_knows_only_the_kit() -> None:
    """The example obeys the import tables, and it is short."""
    assert list(breaches(FILES[CONNECTOR], "connectors.shiftbook.connector")) == []
    assert len(FILES[CONNECTOR].splitlines()) < 130
