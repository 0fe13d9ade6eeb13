"""The command line on an empty home, as tests call it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import gateway.cli
from connectors.memory.world import end_world

Run = Callable[..., Result]


@pytest.fixture
def tieline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Give ``tieline("connectors", "list")`` on an empty home, with a fresh in-memory world called ``cli``."""
    for name in [one for one in os.environ if one.startswith("TIELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TIELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    end_world("cli")
    runner = CliRunner()

    def run(*words: str, env: dict[str, str] | None = None) -> Result:
        return runner.invoke(gateway.cli.main, list(words), env=env, prog_name="tieline")

    yield run
    end_world("cli")
