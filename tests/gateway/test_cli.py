"""The command line as people and scripts use it: words, tables, JSON, and ends that mean something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner

import gateway.cli
from connectors.memory.world import find_world
from core.errors import FAMILIES, TielineError
from gateway.cli import exits, tables
from gateway.cli.speech import Command, Group, LazyGroup
from tests.gateway.cli_fixture import Run, tieline

__all__ = ["tieline"]  # a fixture


@pytest.fixture
def plant(tieline: Run) -> Run:
    """Give the same with a connector ``plant`` of the in-memory kind and its secret door."""
    added = tieline("connectors", "add", "memory", "--name", "plant", "--set", "world=cli", "--door", "path")
    assert added.exit_code == 0, added.output
    return tieline


def leaves(command: click.Command, path: str = "tieline") -> Iterator[tuple[str, click.Command]]:
    """Walk the tree of commands."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from leaves(child, f"{path} {name}")
    else:
        yield path, command


ALL = dict(leaves(gateway.cli.main))


@pytest.mark.parametrize("path", ALL)
def test_every_command_speaks_both_languages_and_json(path: str) -> None:
    """Each command and option has help in English and Chinese, and prints JSON when asked."""
    command = ALL[path]
    assert isinstance(command, Command)
    assert command.texts[0]
    assert re.search(r"[\u4e00-\u9fff]", command.texts[1])
    for one in command.params:
        if isinstance(one, click.Option):
            assert one.help, f"{path} {one.name}"
            assert re.search(r"[\u4e00-\u9fff]", getattr(one, "zh", "")), f"{path} {one.name}"
    assert "as_json" in {one.name for one in command.params}


def test_help_is_in_the_readers_language(tieline: Run) -> None:
    """TIELINE_LANGUAGE decides, for the tree, for groups and for options."""
    assert "Is everything" not in tieline("--help", env={"TIELINE_LANGUAGE": "zh"}).output
    assert "全面检查" in tieline("--help", env={"TIELINE_LANGUAGE": "zh"}).output
    assert "输出 JSON" in tieline("doctor", "--help", env={"TIELINE_LANGUAGE": "zh"}).output
    assert "Print JSON" in tieline("doctor", "--help").output


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_exit_code(family: str) -> None:
    """Who has to move next decides the number; none of them is success."""

    class SampleError(TielineError):
        pass

    SampleError.family = family
    assert exits.code_of(SampleError("What.", why="Why.", fix="Fix.")) in (exits.REFUSED, exits.SETUP, exits.TRANSIENT)


def test_every_heading_has_its_chinese_word() -> None:
    """A table cannot have a heading that has no translation."""
    source = "".join(path.read_text() for path in Path(gateway.cli.__file__).parent.glob("*.py"))
    used = {
        one for found in re.findall(r"show_table\(\s*console,\s*\(([^)]*)\)", source) for one in re.findall(r'"([^"]+)"', found)
    }
    used |= {one for found in re.findall(r"heads = \(([^)]*)\)", source) for one in re.findall(r'"([^"]+)"', found)}
    assert len(used) > 20
    assert used - set(tables.HEADS) == set()


def test_a_machine_without_a_tieline_is_told_so(tieline: Run) -> None:
    """Reading where there is nothing ends with 4 and says what to do; nothing is made."""
    found = tieline("events")
    assert found.exit_code == exits.SETUP
    assert "tieline serve" in found.stderr
    assert found.stdout == ""


def test_errors_are_json_for_programs(tieline: Run) -> None:
    """With --json an error is one JSON object on stderr, with family, code and the three sentences."""
    found = tieline("events", "--json")
    assert orjson.loads(found.stderr)["code"] == "no-store"
    assert orjson.loads(found.stderr).keys() >= {"family", "what", "why", "fix"}


def test_a_wrong_setting_names_every_fault(tieline: Run) -> None:
    """A misspelt variable ends with 4, and all faults are named at once."""
    found = tieline("doctor", env={"TIELINE_PROT": "1", "TIELINE_PORT": "x"})
    assert found.exit_code == exits.SETUP
    assert "TIELINE_PROT" in found.stderr
    assert "TIELINE_PORT" in found.stderr


def test_a_connector_is_checked_then_registered(plant: Run) -> None:
    """Adding proves first; the list, the page and JSON then show it, and its door's secret was shown once."""
    listed = orjson.loads(plant("connectors", "--json").stdout)["items"]
    assert [(one["name"], one["state"]) for one in listed] == [("plant", "ok")]
    assert listed[0]["door"]["secret"] is None
    shown = plant("connectors", "show", "plant")
    assert "permission:ticket.create" in shown.stdout
    again = plant("connectors", "add", "memory", "--name", "plant")
    assert again.exit_code == exits.REFUSED


def test_a_connector_whose_check_fails_is_not_registered(tieline: Run) -> None:
    """A failing check says which step and which fix, and nothing is saved, unless a draft is wanted."""
    find_world("cli").token = "right"
    wrong = tieline("connectors", "add", "memory", "--name", "plant", "--set", "world=cli")
    assert wrong.exit_code != 0
    assert "credentials" in wrong.stderr
    assert orjson.loads(tieline("connectors", "--json").stdout)["items"] == []
    draft = tieline("connectors", "add", "memory", "--name", "plant", "--set", "world=cli", "--draft")
    assert draft.exit_code == exits.PROBLEM
    assert tieline("connectors", "check", "plant").exit_code == exits.PROBLEM


@pytest.mark.parametrize("way", ["env", "file"])
def test_secrets_come_by_variable_or_file_and_are_never_shown(tieline: Run, tmp_path: Path, way: str) -> None:
    """A secret is taken from where no history keeps it; no command prints it again."""
    find_world("cli").token = "s3cret-of-the-plant"
    (tmp_path / "secret").write_text("s3cret-of-the-plant\n")
    given = ["--secret-env", "token=PLANT"] if way == "env" else ["--secret-file", f"token={tmp_path / 'secret'}"]
    words = ["connectors", "add", "memory", "--name", "plant", "--set", "world=cli", *given]
    added = tieline(*words, env={"PLANT": "s3cret-of-the-plant"})
    assert added.exit_code == 0, added.output
    outputs = [added, tieline("connectors", "show", "plant"), tieline("connectors", "--json"), tieline("doctor", "--json")]
    assert not [one for one in outputs if "s3cret-of-the-plant" in one.output]


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "token=s3cret-of-the-plant"],
        ["--set", "world"],
        ["--secret-env", "token=NOT_SET_ANYWHERE"],
        ["--secret-file", "token=/nowhere"],
        ["--door", "{not json"],
        ["--set", "wrold=cli"],
        ["--no-such-option"],
    ],
)
def test_what_is_not_understood_ends_with_two(tieline: Run, words: list[str]) -> None:
    """A usage error ends with 2, says what is wrong, and does not repeat a secret."""
    found = tieline("connectors", "add", "memory", "--name", "plant", *words)
    assert found.exit_code == exits.USAGE
    assert "s3cret" not in found.output
    assert found.stderr


def test_kinds_are_listed_with_their_evidence(tieline: Run) -> None:
    """The catalogue says what is proven; one kind shows its settings, and needs no store."""
    kinds = {one["name"]: one["evidence"] for one in orjson.loads(tieline("connectors", "kinds", "--json").stdout)["items"]}
    assert kinds["memory"] == "real"
    assert "世界名称" not in tieline("connectors", "kinds", "memory").stdout
    assert "令牌" in tieline("connectors", "kinds", "memory", env={"TIELINE_LANGUAGE": "zh"}).stdout
    assert tieline("connectors", "kinds", "zabix").exit_code == exits.REFUSED


def test_hold_and_release(plant: Run) -> None:
    """A held connector says by whom; released it goes on."""
    assert orjson.loads(plant("connectors", "hold", "plant", "--json").stdout)["held_by"].startswith("person:")
    assert orjson.loads(plant("connectors", "release", "plant", "--json").stdout)["state"] == "ok"
    assert plant("connectors", "hold", "nobody").exit_code == exits.REFUSED


def test_keys_are_shown_once(tieline: Run) -> None:
    """A key is printed when it is made; the list has only its readable part; revoked, it stays listed."""
    made = orjson.loads(tieline("keys", "add", "ci", "--scope", "read", "--scope", "events:replay", "--json").stdout)
    assert made["key"].startswith(made["prefix"])
    listed = tieline("keys")
    assert made["prefix"] in listed.stdout
    assert made["key"] not in listed.stdout
    assert tieline("keys", "revoke", made["prefix"]).exit_code == 0
    assert tieline("keys", "revoke", made["prefix"]).exit_code == exits.REFUSED
    assert tieline("keys", "add", "x", "--scope", "everything").exit_code == exits.USAGE


def test_doctor_finds_all_well_and_what_is_not(plant: Run) -> None:
    """On a good day 0; a connector that lost its permission is named with the fix, and the end is 1."""
    good = plant("doctor", "--check")
    assert good.exit_code == 0, good.output
    assert "accounting" in good.stdout
    find_world("cli").missing_permissions.add("alert.close")
    bad = plant("doctor", "--check", "--json")
    assert bad.exit_code == exits.PROBLEM
    failed = [one for one in orjson.loads(bad.stdout)["findings"] if not one["ok"]]
    assert any("alert.close" in one["fix"] for one in failed)


def test_settings_are_printed_masked(tieline: Run) -> None:
    """``doctor --settings`` shows what is in force, without a password inside a URL."""
    found = tieline("doctor", "--settings", env={"TIELINE_DATABASE_URL": "postgresql+psycopg://me:hidden-pw@db/tieline"})
    assert found.exit_code == 0
    assert "TIELINE_HOME" in found.stdout
    assert "hidden-pw" not in found.output


def test_a_store_that_is_away_is_transient(tieline: Run) -> None:
    """A database that does not answer ends with 5: the same command may work later."""
    away = "postgresql+psycopg://me:hidden-pw@127.0.0.1:9/tieline?connect_timeout=2"
    found = tieline("events", env={"TIELINE_DATABASE_URL": away})
    assert found.exit_code == exits.TRANSIENT
    assert "hidden-pw" not in found.output


def test_migrate_twice_changes_once(tieline: Run) -> None:
    """The second time there is nothing to do."""
    assert orjson.loads(tieline("migrate", "--json").stdout) == {"changed": True}
    assert orjson.loads(tieline("migrate", "--json").stdout) == {"changed": False}


def test_a_fault_of_ours_says_so() -> None:
    """An exception that is not one of ours ends with 70 and shows where."""
    group = LazyGroup("t", en="", zh="", parts={})
    broken = Group("broken", en="", zh="")

    @broken.add("now", en="", zh="")
    def now(_desk: object) -> Any:
        raise ZeroDivisionError("in a command")

    group.add_command(broken)
    found = CliRunner().invoke(broken, ["now"])
    assert found.exit_code == exits.BROKEN
    assert "ZeroDivisionError" in found.stderr
