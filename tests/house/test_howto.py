"""The pack that docs/how-to/write-a-pack.md builds, and the commands that the how-to pages show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from core.database import Database
from gateway import authoring
from gateway.cli import main
from tests.house.cli_page import leaves
from tests.house.imports import ROOT

PAGE = (ROOT / "docs/how-to/write-a-pack.md").read_text()
HOW_TO = sorted((ROOT / "docs/how-to").glob("*.md"))


def written(folder: Path, page: str = PAGE) -> Path:
    """Write the page's YAML blocks as a pack."""
    head, *rest = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    folder.mkdir()
    (folder / "pack.yaml").write_text(head)
    (folder / "definitions.yaml").write_text("---\n".join(rest))
    return folder


def test_the_pack_of_the_page_can_be_applied(tmp_path: Path, sqlite_db: Database) -> None:
    """A reader who copies the blocks can publish them."""
    plan = authoring.plan(sqlite_db, authoring.load(written(tmp_path / "coolant")))
    assert [str(one) for one in plan.problems] == []
    applied = authoring.apply(sqlite_db, plan, "reader")
    assert len(applied.published) >= 6


def test_a_misspelt_field_in_it_is_named(tmp_path: Path, sqlite_db: Database) -> None:
    """As the page promises: file, line and the nearest known name."""
    folder = written(tmp_path / "coolant", PAGE.replace("warning.severity >= 4", "warning.sevrity >= 4"))
    said = " ".join(str(one) for one in authoring.plan(sqlite_db, authoring.load(folder)).problems)
    assert "definitions.yaml:" in said
    assert "severity" in said


def shown() -> list[str]:
    """Return every `tieline …` line of the shell blocks, continued lines joined."""
    found = []
    for page in [*HOW_TO, ROOT / "README.md", ROOT / "README.zh-CN.md"]:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S):
            found += [line for line in block.replace("\\\n", " ").splitlines() if line.startswith("tieline ")]
    return found


@pytest.mark.parametrize("line", shown())
def test_a_command_that_is_shown_is_understood(line: str) -> None:
    """Its options and the number of its arguments are those of the command (nothing is run)."""
    words = shlex.split(line, comments=True)
    commands = dict(leaves(main, "tieline"))
    name = max((one for one in commands if words[: len(one.split())] == one.split()), key=len, default="")
    if not name and len(words) == 2 and f"{words[0]} {words[1]} list" in commands:
        return  # a group without a further word lists
    assert name, f"there is no command {line!r}"
    command, rest = commands[name], words[len(name.split()) :]
    if "--help" not in rest:
        command.make_context(name, rest, resilient_parsing=False).close()


def test_a_wrong_option_is_seen() -> None:
    """The check itself can fail."""
    with pytest.raises(click.UsageError):
        test_a_command_that_is_shown_is_understood("tieline connectors check --al")
    with pytest.raises(AssertionError):
        test_a_command_that_is_shown_is_understood("tieline conectors check")
