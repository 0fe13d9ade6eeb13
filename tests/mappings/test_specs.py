from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from core.definitions import Catalogue, Edge, Problem
from mappings import specs
from tests.mappings.definitions import ALERT, DEVICE, MAPPING, PRIORITY, SITE, URGENT


def thing(name: str) -> Any:
    return SimpleNamespace(name=name)


ZABBIX = SimpleNamespace(
    name="zabbix",
    streams=(SimpleNamespace(name="problems", fields=tuple(map(thing, ("name", "severity", "host", "host.hostid", "tags")))),),
)
KNOWN = Catalogue(
    entities={"alert": ALERT, "device": DEVICE, "site": SITE},
    kinds={"east": ZABBIX, "west": ZABBIX},
    tables={"levels": {"name": "levels", "rows": {"high": 4, "low": {"to": 1, "relation": "broader"}}}},
    formulas={"alert-priority": PRIORITY, "alert-urgent": URGENT},
)


def found(kind: str, spec: dict[str, Any], known: Catalogue = KNOWN) -> list[Problem]:
    model = specs.read(kind, spec)
    return model if isinstance(model, list) else specs.problems(model, known)


def said(kind: str, spec: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.path, f"{one.what} {one.fix}") for one in found(kind, spec)]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [("entity", ALERT), ("entity", DEVICE), ("mapping", MAPPING), ("formula", PRIORITY), ("formula", URGENT)],
)
def test_a_good_definition_has_no_problems(kind: str, spec: dict[str, Any]) -> None:
    """What is right is not complained of."""
    assert found(kind, spec) == []


@pytest.mark.parametrize(
    ("kind", "change", "path", "words"),
    [
        ("entity", {"prefx": "A"}, "prefx", "Known here: fields"),
        ("entity", {"prefix": "a"}, "prefix", "pattern"),
        ("entity", {"prefix": "DEV"}, "prefix", "device has the prefix DEV"),
        ("entity", {"fields": {"设备": {"type": "string"}}}, "fields", "lower-case ASCII"),
        ("entity", {"fields": {"id": {"type": "string"}}}, "fields.id", "the master ID"),
        ("entity", {"fields": {"in": {"type": "string"}}}, "fields.in", "expression language"),
        ("entity", {"fields": {"x": {"type": "text"}}}, "fields.x.type", "'string'"),
        ("entity", {"fields": {"x": {"type": "ref"}}}, "fields.x", "names its entity"),
        ("entity", {"fields": {"x": {"type": "ref", "to": "devise"}}}, "fields.x.to", "Did you mean 'device'?"),
        ("entity", {"fields": {"x": {"type": "integer", "words": ["1"]}}}, "fields.x", "closed list"),
        ("entity", {"sources": {"titel": ["east"]}}, "sources.titel", "Did you mean 'title'?"),
        ("entity", {"sources": {"*": ["eastt"]}}, "sources.*.0", "Did you mean 'east'?"),
        ("mapping", {"to": "alrt"}, "to", "Did you mean 'alert'?"),
        ("mapping", {"from": {"kind": "zabbix", "stream": "problem"}}, "from.stream", "Did you mean 'problems'?"),
        ("mapping", {"from": {"kind": "zabbix", "stream": "problems", "connector": "eat"}}, "from.connector", "'east'"),
        ("mapping", {"from": {"kind": "roundup", "stream": "x", "connector": "east"}}, "from.kind", "is of kind zabbix"),
        ("mapping", {"fields": {"title": "$.nmae"}}, "fields.title.from", "Did you mean 'name'?"),
        ("mapping", {"fields": {"device": "$.host.hostd"}}, "fields.device.from", "host.hostid"),
        ("mapping", {"fields": {"priority": "$.name"}}, "fields.priority", "computed by the formula alert-priority"),
        ("mapping", {"fields": {"title": {"from": "$.name", "on_null": "drop"}}}, "fields.title.on_null", "'write'"),
        ("mapping", {"fields": {"title": {"from": "$.name", "on_null": "default"}}}, "fields.title", "needs a `default`"),
        ("mapping", {"fields": {"title": {"from": "$.name", "default": "x"}}}, "fields.title", "needs a `default`"),
        ("mapping", {"fields": {"title": {"from": "$.name", "unmapped": "keep"}}}, "fields.title", "there is no table"),
        ("mapping", {"fields": {"title": {"from": "$.name", "table": "levls"}}}, "fields.title.table", "'levels'"),
        (
            "mapping",
            {"fields": {"title": {"from": "$.name", "steps": [{"lookup": "devise"}]}}},
            "fields.title.steps.0",
            "Did you mean 'device'?",
        ),
        (
            "mapping",
            {
                "fields": {
                    "device": {"from": "$.host.hostid", "steps": [{"lookup": {"entity": "device", "connector": "eastt"}}]}
                }
            },
            "fields.device.steps.0",
            "Did you mean 'east'?",
        ),
        ("code_table", {"unmapped": "guess"}, "unmapped", "'review'"),
        ("code_table", {"unmapped": "fixed"}, "unmapped", "write the word that is used"),
        ("code_table", {"unmapped": {"ask": "othr"}}, "unmapped.ask", "no code table 'othr'"),
        ("code_table", {"unmapped": {"ask": "levels"}}, "unmapped.ask", "It asks itself: levels -> levels."),
        ("formula", {"of": "alert.priorty"}, "of", "Did you mean 'priority'?"),
        ("formula", {"of": "alert.title", "expression": "alert.severity"}, "expression", "of type string"),
        ("formula", {"expression": 'alert.severty > 3 ? "P1" : "P2"'}, "expression", "alert.severity"),
        ("formula", {"expression": 'alert.priority == "P1" ? "P1" : "P2"'}, "expression", "needs itself"),
        ("formula", {"expression": 'alert.urgent ? "P1" : "P2"'}, "expression", "alert.priority -> alert.urgent"),
        ("formula", {"name": "another"}, "of", "alert-priority computes alert.priority already"),
        ("code_table", {"rows": {}}, "rows", "empty"),
        ("code_table", {"rows": {"a": {"to": 1, "relation": "like"}}}, "rows.a", "'equivalent'"),
    ],
)
def test_each_mistake_is_named_at_its_place(kind: str, change: dict[str, Any], path: str, words: str) -> None:
    """A misspelt word, field, stream, table or policy is refused with its path and the near name."""
    good = {"entity": ALERT, "mapping": MAPPING, "formula": PRIORITY, "code_table": {"name": "levels", "rows": {"a": 1}}}[kind]
    problems = said(kind, {**good, **change})
    assert any(at.startswith(path) and words in text for at, text in problems), problems


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"given": {"name": "Hot", "severity": "4"}, "expect": {"severity": "4"}}, "expects '4' and gets 4"),
        ({"given": {"name": "Hot"}, "expect": {"severity": 4}}, "gets not written"),
        ({"given": {"name": "Hot"}, "expect": {}, "lacks": ["title"]}, "must not write title"),
        ({"given": {"name": 7}, "expect": {}}, "is refused: title"),
        ({"given": {"name": "Hot"}, "expect": {}, "refused": True}, "is accepted"),
    ],
)
def test_a_failing_case_blocks_publishing(case: dict[str, Any], words: str) -> None:
    """Each case is run when the mapping is checked, and a failing one is a problem that shows both values."""
    problems = said("mapping", {**MAPPING, "cases": [{"name": "c", **case}]})
    assert len(problems) == 1
    assert problems[0][0].startswith("cases.0")
    assert words in problems[0][1]


def test_lineage_names_paths_steps_and_tables() -> None:
    """A mapped field comes from its path, as it is or through its steps; its code table decides as well."""
    fields = {"title": "$.name", "severity": {"from": "$.severity", "steps": ["trim"], "table": "levels"}}
    model = specs.read("mapping", {**MAPPING, "fields": fields})
    assert not isinstance(model, list)
    assert specs.edges(model, KNOWN) == [
        Edge("source:zabbix/problems/$.name", "field:alert.title", "DIRECT", "IDENTITY", None),
        Edge("source:zabbix/problems/$.severity", "field:alert.severity", "DIRECT", "TRANSFORMATION", "trim, table levels"),
        Edge("table:levels", "field:alert.severity", "INDIRECT", "JOIN", "looked up by $.severity"),
    ]


def test_lineage_names_tables_inside_a_list() -> None:
    """A table that each item of a list is looked up in decides as well."""
    model = specs.read(
        "mapping", {**MAPPING, "fields": {"title": {"from": "$.tags", "steps": [{"map": [{"table": "levels"}]}, "first"]}}}
    )
    assert not isinstance(model, list)
    assert Edge("table:levels", "field:alert.title", "INDIRECT", "JOIN", "looked up by $.tags") in specs.edges(model, KNOWN)


def test_lineage_of_a_formula_is_what_it_reads() -> None:
    """An operand that only decides is INDIRECT; one that becomes the value is DIRECT."""
    edges = []
    for spec in (PRIORITY, {"name": "t", "of": "alert.title", "expression": "alert.device"}):
        model = specs.read("formula", spec)
        assert not isinstance(model, list)
        edges += specs.edges(model, KNOWN)
    assert [(one.src, one.dst, one.kind, one.subtype) for one in edges] == [
        ("field:alert.severity", "field:alert.priority", "INDIRECT", "CONDITIONAL"),
        ("field:alert.device", "field:alert.title", "DIRECT", "IDENTITY"),
    ]
