"""Every kind of the registry carries a complete quality sheet, and an incomplete one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import connectors
from connectors.kit.quality import RULES, check_sheet, read_sheet
from connectors.registry import KINDS
from core.errors import DefinitionError

FULL = (Path(connectors.__file__).parent / "memory" / "quality.yaml").read_text()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_sheet_of_every_kind_is_complete(kind: str) -> None:
    """Each rule is done, or todo or exempt with its reason, and the evidence is dated."""
    sheet = read_sheet(kind)
    assert sheet.rules.keys() == RULES.keys()
    assert sheet.level == sheet.evidence[0].level


def test_every_folder_of_a_kind_is_registered() -> None:
    """A folder that looks like a kind is in the registry, and the registry names no folder that is not there."""
    folder = Path(connectors.__file__).parent
    assert {path.parent.name for path in folder.glob("*/kind.py")} == set(KINDS)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("  timeouts: done\n", "", "timeouts is missing"),
        ("  timeouts: done\n", "  timeouts: done\n  speed: done\n", "speed is unknown"),
        ("timeouts: done", "timeouts: later", "timeouts"),
        ("timeouts: done", 'timeouts: {todo: ""}', "timeouts"),
        ("kind: memory", "kind: memry", "memry"),
        ("level: real", "level: felt", "level"),
        ("date: 2026-11-23, ", "", "date"),
        ("rules:", "rules: [", "not YAML"),
    ],
)
def test_an_incomplete_sheet_names_its_fault(old: str, new: str, named: str) -> None:
    """A missing or unknown rule, a status without a reason, an undated proof: each is named."""
    assert old in FULL
    with pytest.raises(DefinitionError, match=named):
        check_sheet("memory", FULL.replace(old, new, 1))


def test_a_kind_without_a_sheet_is_named() -> None:
    """A kind nobody vouches for is not silently taken."""
    with pytest.raises(DefinitionError, match="no such file"):
        read_sheet("nothing")
