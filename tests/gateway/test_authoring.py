"""Definitions as files: what a folder says, what it would change, and that it comes back as it went in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from connectors.registry import connector_class
from core.database import Database
from core.definitions import Edge, generation, live, versions
from core.errors import ConflictError, DefinitionError, NotFoundError
from core.strict import read_yaml
from core.tables import connector
from gateway.authoring import Plan, apply, export, forms, load, plan, rollback
from gateway.authoring.exported import write_yaml
from lineage import edges
from lineage.query import fields

PACKS = Path(__file__).resolve().parents[2] / "packs"

HEADER = "name: small\ntitle: {en: Small, zh: 小}\nconnectors: {monitoring: memory}\n"
ENTITY = """\
kind: entity
name: alert
prefix: ALRT
title: {en: Alert, zh: 告警}
fields:
  title: {type: string, title: {en: Title, zh: 标题}}
  severity: {type: integer, title: {en: Severity, zh: 级别}}
  priority: {type: string, title: {en: Priority, zh: 优先级}}
"""
FORMULA = """\
# why: a person reads P1 faster than 5
kind: formula
name: alert-priority
of: alert.priority
expression: 'alert.severity >= 4 ? "P1" : "P2"'
"""


def pack(folder: Path, **files: str) -> Path:
    """Write a pack; file names are given without .yaml."""
    folder.mkdir(exist_ok=True)
    for name, text in {"pack": HEADER, **files}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def planned(db: Database, folder: Path, **how: Any) -> Plan:
    return plan(db, load(folder), **how)


def put(db: Database, folder: Path) -> None:
    apply(db, planned(db, folder), "ann")


def told(made: Plan) -> list[str]:
    """Return the problems as people see them, with the file's name only."""
    return [str(one).replace(str(Path(one.file).parent) + "/", "") for one in made.problems]


def test_a_pack_is_new_then_unchanged(db: Database, tmp_path: Path) -> None:
    """Applying twice does nothing the second time: no version, no generation."""
    folder = pack(tmp_path / "p", words=ENTITY + "---\n" + FORMULA)

    first = planned(db, folder)
    applied = apply(db, first, "ann")
    again = planned(db, folder)

    assert [(item.kind, item.name, item.state) for item in first.items] == [
        ("entity", "alert", "new"),
        ("formula", "alert-priority", "new"),
        ("pack", "small", "new"),
    ]
    assert again.counts() == {"new": 0, "changed": 0, "unchanged": 3, "removed": 0}
    assert apply(db, again, "ann").generation == applied.generation
    with db.read() as conn:
        (version,) = versions(conn, "formula", "alert-priority")
    assert (version.state, version.author, version.pack, version.spec["of"]) == ("live", "ann", "small", "alert.priority")


def test_a_change_is_told_field_by_field(db: Database, tmp_path: Path) -> None:
    """The plan says what was and what will be, at which path."""
    folder = pack(tmp_path / "p", words=ENTITY + "---\n" + FORMULA)
    put(db, folder)
    pack(folder, words=ENTITY.replace("en: Title", "en: Headline") + "  machine: {type: string}\n---\n" + FORMULA)

    made = planned(db, folder)

    (item,) = [one for one in made.items if one.state != "unchanged"]
    assert [(one.path, one.before, one.after) for one in item.changes] == [
        ("fields.title.title.en", "Title", "Headline"),
        ("fields.machine", None, {"type": "string"}),
    ]
    apply(db, made, "bob")
    with db.read() as conn:
        assert [one.author for one in versions(conn, "entity", "alert")] == ["bob", "ann"]


def test_comments_and_order_are_no_change(db: Database, tmp_path: Path) -> None:
    """Only what a document says counts."""
    folder = pack(tmp_path / "p", words=ENTITY + "---\n" + FORMULA)
    put(db, folder)
    (folder / "words.yaml").unlink()
    pack(folder, z=ENTITY.replace("kind: entity\nname: alert\n", "name: alert\n# x\nkind: entity\n"), a=FORMULA)

    assert planned(db, folder).counts()["unchanged"] == 3


MISSPELT = FORMULA.replace("alert.severity", "alert.sevrity")


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"words": ENTITY + "---\n" + MISSPELT},
            "words.yaml:14: formula alert-priority at expression: There is no field 'alert.sevrity'.",
        ),
        (
            {"words": ENTITY.replace("prefix", "prefx")},
            "words.yaml:3: entity alert at prefx: There is no word 'prefx'. Did you mean 'prefix'? Known: fields, ",
        ),
        (
            {"words": ENTITY.replace("severity: {type", "severity: {typ")},
            "words.yaml:7: entity alert at fields.severity.typ: There is no word 'typ'. Did you mean 'type'? Known: ",
        ),
        (
            {"words": ENTITY.replace("prefix: ALRT\n", "")},
            "words.yaml:1: entity alert at prefix: 'prefix' is missing. Add prefix: to it.",
        ),
        (
            {"words": "kind: entitty\nname: x\n"},
            "words.yaml:1: at kind: There is no kind of definition 'entitty'. Did you mean 'entity'? ",
        ),
        ({"words": "name: x\n"}, "words.yaml:1: at kind: The definition has no kind. Add kind: with one of entity, "),
        ({"words": "kind: entity\nname: Bad Name\n"}, "words.yaml:2: at name: The name 'Bad Name' cannot be used."),
        ({"words": "- a\n"}, "words.yaml:1: A definition is an object with kind and name."),
        ({"words": ENTITY + "  title: {type: string}\n"}, "words.yaml:9: The key 'title' stands twice. Keep one of them."),
        ({"words": ENTITY, "z": ENTITY}, "z.yaml:2: entity alert at name: It is defined already at words.yaml:1. Keep one"),
        (
            {"words": ENTITY, "pack": HEADER.replace("memory", "memroy")},
            "pack.yaml:3: pack small at connectors.monitoring: There is no kind of connector 'memroy'. Did you mean 'memory'?",
        ),
        ({"words": ENTITY, "pack": "title: {en: x, zh: y}\n"}, "pack.yaml:1: pack at name: A pack needs a name."),
        ({"words": "a: &x 1\nb: *x\n"}, "words.yaml:1: Anchors and aliases (& and *) are not read. Write the value out."),
    ],
)
def test_a_problem_is_told_with_file_line_path_and_the_near_word(
    sqlite_db: Database, tmp_path: Path, files: dict[str, str], line: str
) -> None:
    """Nobody has to search: every fault stands beside its place, and names what was probably meant."""
    found = told(planned(sqlite_db, pack(tmp_path / "p", **files)))

    assert len(found) == 1, found
    assert found[0].replace(str(tmp_path / "p") + "/", "").startswith(line)


def test_a_file_that_is_not_utf8_is_a_fault(sqlite_db: Database, tmp_path: Path) -> None:
    """An editor that saved GBK is told so."""
    folder = pack(tmp_path / "p", words=ENTITY)
    (folder / "words.yaml").write_bytes(ENTITY.encode("gbk"))

    assert "It is not UTF-8" in told(planned(sqlite_db, folder))[0]


def test_one_fault_of_an_entity_has_no_echoes(sqlite_db: Database, tmp_path: Path) -> None:
    """While an entity cannot be read, what refers to it is not blamed."""
    folder = pack(tmp_path / "p", words=ENTITY.replace("prefix", "prefx") + "---\n" + FORMULA)

    assert len(planned(sqlite_db, folder).problems) == 1


def test_a_plan_with_a_problem_is_not_applied(db: Database, tmp_path: Path) -> None:
    """All or nothing: the good definitions of a bad pack are not published either."""
    folder = pack(tmp_path / "p", words=ENTITY + "---\n" + MISSPELT)

    with pytest.raises(DefinitionError, match="nothing was published") as caught:
        put(db, folder)

    assert caught.value.facts["problems"][0]["line"] == 14
    with db.read() as conn:
        assert (generation(conn), live(conn, "entity")) == (0, [])


def test_what_would_break_outside_of_the_pack_is_found(db: Database, tmp_path: Path) -> None:
    """A field that another pack's formula reads cannot be taken away unseen."""
    put(db, pack(tmp_path / "p", words=ENTITY))
    put(db, pack(tmp_path / "q", pack="name: other\n", formulas=FORMULA))
    smaller = ENTITY.replace("  severity: {type: integer, title: {en: Severity, zh: 级别}}\n", "")

    made = planned(db, pack(tmp_path / "p", words=smaller))

    (fault,) = made.faults
    assert (fault.kind, fault.name, fault.file) == ("formula", "alert-priority", "live version 1 (pack other)")
    assert fault.what.startswith("It would break: There is no field 'alert.severity'.")


def test_a_plan_is_for_one_generation(db: Database, tmp_path: Path) -> None:
    """Whoever publishes in between makes the plan out of date."""
    folder = pack(tmp_path / "p", words=ENTITY)
    made = planned(db, folder)
    put(db, folder)

    with pytest.raises(ConflictError, match="out of date"):
        apply(db, made, "bob")


def test_what_left_the_files_is_removed_only_on_wish(db: Database, tmp_path: Path) -> None:
    """A missing file is a notice; with prune it is a removal, which checks what it would break."""
    folder = pack(tmp_path / "p", words=ENTITY, formulas=FORMULA)
    put(db, folder)
    (folder / "formulas.yaml").unlink()

    assert "formula alert-priority" in planned(db, folder).notices[0]
    made = planned(db, folder, prune=True)
    assert made.counts()["removed"] == 1
    apply(db, made, "ann")
    with db.read() as conn:
        assert live(conn, "formula") == []
    assert planned(db, folder, prune=True).counts()["removed"] == 0

    pack(folder, formulas=FORMULA)
    put(db, folder)
    (folder / "words.yaml").unlink()
    assert any("There is no entity 'alert'" in one for one in told(planned(db, folder, prune=True)))


def test_connectors_are_compared_with_the_registered_ones(db: Database, tmp_path: Path) -> None:
    """Not registered yet is a notice; another kind under that name is a problem."""
    folder = pack(tmp_path / "p", words=ENTITY)

    assert planned(db, folder).notices == ["The connector 'monitoring' (memory) is not registered yet."]
    with db.write() as conn:
        row = {"name": "monitoring", "kind": "webhook", "settings": {}, "state": "ok", "created_at": 1, "updated_at": 1}
        conn.execute(insert(connector).values(**row))
    assert "is of kind webhook, not memory" in told(planned(db, folder))[0]
    assert planned(db, folder, kinds={"monitoring": connector_class("memory").kind}).ok


def test_edges_are_those_of_the_live_definitions(db: Database, tmp_path: Path) -> None:
    """After every apply and rollback, the open edges are exactly what the live definitions draw."""
    folder = pack(tmp_path / "p", words=ENTITY + "---\n" + FORMULA)
    put(db, folder)
    pack(folder, words=ENTITY + "---\n" + FORMULA.replace("alert.severity >= 4", 'alert.title == "x"'))
    put(db, folder)

    with db.read() as conn:
        up = fields(conn, "alert.priority", direction="up")
    assert [one["src"] for one in up["edges"]] == ["field:alert.title"]

    rollback(db, "formula", "alert-priority")
    with db.read() as conn:
        assert [one["src"] for one in fields(conn, "alert.priority", direction="up")["edges"]] == ["field:alert.severity"]


def test_a_rollback_that_does_not_fit_is_refused(db: Database, tmp_path: Path) -> None:
    """An earlier entity without the field that a formula reads today cannot come back alone."""
    folder = pack(tmp_path / "p", words=ENTITY.replace("  severity: {type: integer, title: {en: Severity, zh: 级别}}\n", ""))
    put(db, folder)
    pack(folder, words=ENTITY + "---\n" + FORMULA)
    put(db, folder)

    with pytest.raises(DefinitionError, match="formula alert-priority at expression"):
        rollback(db, "entity", "alert")


@pytest.mark.parametrize("names", [["monitoring"], ["monitoring", "demo"]])
def test_our_own_packs_come_back_as_they_went_in(db: Database, tmp_path: Path, names: list[str]) -> None:
    """What is exported plans as unchanged, and applied to an empty Tieline it exports the same bytes."""
    for name in names:
        put(db, PACKS / name)

    written = export(db, tmp_path / "out")

    for name in names:
        made = planned(db, tmp_path / "out" / name)
        assert (made.problems, made.counts()["unchanged"]) == ([], len(made.items))
    assert {path.parent.name for path in written} == set(names)
    first = {path: path.read_bytes() for path in written}
    export(db, tmp_path / "out")
    assert {path: path.read_bytes() for path in written} == first
    assert {path.parent for path in export(db, tmp_path / "one", pack="monitoring")} == {tmp_path / "one"}


def test_all_edges_of_our_packs_are_true(db: Database) -> None:
    """The rows equal what the live definitions draw, for real packs."""
    drawn: dict[tuple[str, str], list[Edge]] = {}
    for name in ("monitoring", "demo"):
        made = planned(db, PACKS / name)
        drawn |= {(item.kind, item.name): item.edges for item in made.items}
        apply(db, made, "ann")

    with db.read() as conn:
        assert edges.faults(conn, lambda version: drawn[version.kind, version.name]) == []
        assert len(fields(conn, "alert.severity", depth=5)["edges"]) > 3


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ODD = ["on", "no", "007", "1e3", "0o17", "12:30", "2026-01-01", "~", "null", "True", "1_000", "- a", "a: b", " x ", "x\n y\n"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from([*ODD, "#", "|", "a\n\n b", "a\n\n"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first draw reads the constants of all modules
@given(st.lists(st.dictionaries(st.text("abc", min_size=1), JSON, min_size=1), min_size=1, max_size=3))
def test_what_is_written_is_read_back(documents: list[dict[str, Any]]) -> None:
    """Every document that JSON can say survives the way through YAML, words like on and 007 included."""
    assert [one.value for one in read_yaml(write_yaml(list(documents)), "x.yaml")] == documents


def test_every_word_of_a_model_is_known_to_the_hints() -> None:
    """A misspelt word deep inside a bridge is answered with the words of that place."""
    spec = {"name": "b", "on": {"entity": "alert"}, "when": "true", "steps": [{"id": "a", "conector": "x"}]}

    found = forms.read("bridge", spec)

    assert isinstance(found, list)
    (problem,) = found
    assert problem.path == "steps.0.conector"
    assert "Did you mean 'connector'?" in problem.fix
    assert "with" in problem.fix


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And one without YAML too."""
    with pytest.raises(NotFoundError, match="no folder"):
        load(tmp_path / "gone")
    with pytest.raises(NotFoundError, match="no YAML"):
        load(tmp_path)
