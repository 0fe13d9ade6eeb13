"""Captured cases go into the file that people edit, and leave everything else in it as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConflictError, NotFoundError
from core.strict import read_yaml
from gateway.authoring.inserted import insert_cases

BEFORE = """\
# why: the plant's alerts
kind: mapping
name: alerts
from: {kind: memory, stream: alerts}   # the twin
to: alert
fields:
  title: $.name
"""
KNOWN = """\
cases:
  - name: first   # keep me
    given: {name: a}
    expect: {title: a}
"""
AFTER = "---\nkind: formula\nname: f\nof: alert.title\nexpression: '\"x\"'\n"
CASE = {"name": "2026-01-01 rcp_1", "given": {"name": "on", "n": None}, "expect": {"title": "on"}, "lacks": ["severity"]}


@pytest.mark.parametrize(
    "known", ["", KNOWN, KNOWN.replace("  -", "-").replace("    ", "  ")], ids=["none", "indented", "flush"]
)
@pytest.mark.parametrize("after", ["", AFTER, "contract: freeze\n"], ids=["last", "another document", "another word"])
def test_cases_are_appended_and_nothing_else_changes(tmp_path: Path, known: str, after: str) -> None:
    """Every line that was there is there, comments too; the new cases stand at the end of the list."""
    file = tmp_path / "alerts.yaml"
    file.write_text(BEFORE + known + after, encoding="utf-8")

    assert insert_cases(tmp_path, "alerts", [CASE, {**CASE, "name": "另一个"}]) == file

    text = file.read_text(encoding="utf-8")
    assert [line for line in (BEFORE + known + after).splitlines() if line not in text.splitlines()] == []
    spec = read_yaml(text, "x")[0].value
    assert [one["name"] for one in spec["cases"]] == [*(["first"] if known else []), "2026-01-01 rcp_1", "另一个"]
    assert spec["cases"][-2] == CASE
    assert len(read_yaml(text, "x")) == (2 if after == AFTER else 1)


@pytest.mark.parametrize(
    "known", ["cases: [{name: a, given: {}, expect: {}}]\n", "cases: [{name: a,\n  given: {}, expect: {}}]\n"]
)
def test_an_unusual_form_is_refused_and_nothing_is_written(tmp_path: Path, known: str) -> None:
    """A list in brackets cannot be appended to line by line: the file stays as it is, and the error says why."""
    file = tmp_path / "alerts.yaml"
    file.write_text(BEFORE + known, encoding="utf-8")

    with pytest.raises(ConflictError, match="unusual"):
        insert_cases(file, "alerts", [CASE])

    assert file.read_text(encoding="utf-8") == BEFORE + known


def test_a_file_without_the_mapping_is_named(tmp_path: Path) -> None:
    """Nothing is guessed."""
    (tmp_path / "other.yaml").write_text(AFTER.removeprefix("---\n"), encoding="utf-8")
    with pytest.raises(NotFoundError, match="1 YAML files were read"):
        insert_cases(tmp_path, "alerts", [CASE])
