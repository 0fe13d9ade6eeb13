"""The command line on mappings and versions: explain, compare, capture into a file, test, diff, publish."""

from __future__ import annotations

from pathlib import Path

from connectors.memory.world import World
from gateway.cli import exits
from tests.gateway.cli_fixture import Run, tieline
from tests.gateway.test_cli_flow import Engine, engine, folder, said, world

__all__ = ["engine", "folder", "tieline", "world"]  # fixtures


def test_a_mapping_is_changed_the_careful_way(tieline: Run, folder: Path, world: World, engine: Engine, tmp_path: Path) -> None:
    """Explain what is, capture it as cases, compare the change, see the cases fail, correct them, publish, go back."""
    for n in (1, 2):
        world.raise_alert(f"700{n}", name=f" Oil hot {n} ", severity=2, machine="press-07")
        engine.push(world.push("alerts", f"700{n}"))

    shown = tieline("mappings", "explain", "plant-alerts")
    assert "$.name" in shown.stdout, shown.output
    assert "Oil hot 2" in shown.stdout
    assert said(tieline, "mappings", "list")["items"][0]["name"] == "plant-alerts"

    captured = said(tieline, "mappings", "capture", "plant-alerts", "--into", str(folder))
    assert len(captured["cases"]) == 2
    assert "given:" in tieline("mappings", "capture", "plant-alerts").stdout
    assert tieline("apply", str(folder), "--yes").exit_code == 0
    assert said(tieline, "mappings", "test")["cases"] == 2

    path = folder / "definitions.yaml"
    old = path.read_text(encoding="utf-8")
    path.write_text(old.replace("  title: $.name\n", "  title: {from: $.name, steps: [trim]}\n"), encoding="utf-8")
    compared = said(tieline, "mappings", "compare", "plant-alerts", "--file", str(path))
    assert (compared["counts"]["changed"], compared["fields"][0]["field"]) == (2, "title")
    assert "2 changed" in tieline("mappings", "compare", "plant-alerts", "--file", str(path)).stdout
    refused = tieline("apply", str(folder), "--yes")
    assert refused.exit_code == exits.PROBLEM
    assert "expects ' Oil hot 1 '" in refused.stdout

    corrected = path.read_text(encoding="utf-8").replace("title: ' Oil hot 1 '", "title: Oil hot 1")
    path.write_text(corrected.replace("title: ' Oil hot 2 '", "title: Oil hot 2"), encoding="utf-8")
    assert tieline("versions", "save", str(path)).exit_code == 0
    assert "steps are now trim" in tieline("versions", "diff", "mapping", "plant-alerts").stdout
    assert "步骤改为 trim" in tieline("versions", "diff", "mapping", "plant-alerts", env={"TIELINE_LANGUAGE": "zh"}).stdout
    assert said(tieline, "versions", "test", "mapping", "plant-alerts")["state"] == "tested"
    assert said(tieline, "versions", "publish", "mapping", "plant-alerts")["state"] == "live"
    assert said(tieline, "versions", "list", "mapping", "plant-alerts")["items"][0]["state"] == "live"
    assert said(tieline, "rollback", "mapping", "plant-alerts")["version"] == 2


def test_bad_input_is_the_users_matter(tieline: Run, folder: Path, world: World, tmp_path: Path) -> None:
    """A record that is no object, a file without the mapping, a version without a name, an unknown mapping."""
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "none.yaml").write_text("just: words\n")
    for words, code, says in (
        (("mappings", "explain", "plant-alerts", "--record", str(tmp_path / "list.json")), exits.USAGE, "no JSON object"),
        (("mappings", "compare", "plant-alerts", "--file", str(tmp_path / "none.yaml")), None, "kind and name"),
        (("mappings", "test", "--version", "1"), exits.USAGE, "exactly one name"),
        (("mappings", "explain", "plant-alert"), None, "Did you mean 'plant-alerts'"),
        (("mappings", "capture", "plant-alerts", "--last", "0"), exits.USAGE, "last"),
    ):
        found = tieline(*words)
        assert found.exit_code not in (0, exits.BROKEN), found.output
        assert code in (None, found.exit_code), found.output
        assert says in found.output, found.output
