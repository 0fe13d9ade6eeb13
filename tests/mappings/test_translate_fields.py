from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from jsonpath_ng.ext import parse  # type: ignore[attr-defined] # the library re-exports it

from core.words import FieldState, Json
from mappings.models import CodeTableSpec, EntitySpec, MappingSpec
from mappings.translate import Mapping, TranslationError, compile_mapping, compile_tables, translate
from mappings.translate.step import StepError, Vanished
from tests.mappings.strategies import documents

FIELDS: dict[str, Any] = {
    "title": {"type": "string"},
    "level": {"type": "integer"},
    "heat": {"type": "number"},
    "seen": {"type": "boolean"},
    "since": {"type": "time"},
    "tags": {"type": "list"},
    "more": {"type": "object"},
    "state": {"type": "string", "words": ["open", "resolved"]},
    "device": {"type": "ref", "to": "device"},
}


def compiled(
    fields: dict[str, Any], tables: list[dict[str, Json]] | None = None, cases: list[dict[str, Json]] | None = None
) -> Mapping:
    entity = EntitySpec.model_validate({"name": "alert", "prefix": "ALRT", "title": {"en": "a", "zh": "告"}, "fields": FIELDS})
    source = {"kind": "k", "stream": "s"}
    spec = MappingSpec.model_validate({"name": "m", "from": source, "to": "alert", "fields": fields, "cases": cases or []})
    made, faults = compile_tables(CodeTableSpec.model_validate(one) for one in tables or ())
    assert not faults
    mapping = compile_mapping(spec, entity, made)
    assert isinstance(mapping, Mapping), mapping
    return mapping


def faults(fields: dict[str, Any]) -> list[tuple[str, str]]:
    entity = EntitySpec.model_validate({"name": "alert", "prefix": "ALRT", "title": {"en": "a", "zh": "告"}, "fields": FIELDS})
    spec = MappingSpec.model_validate({"name": "m", "from": {"kind": "k", "stream": "s"}, "to": "alert", "fields": fields})
    problems = compile_mapping(spec, entity, {})
    assert isinstance(problems, list)
    return [(one.path, f"{one.what} {one.fix}") for one in problems]


@pytest.mark.parametrize(
    ("policies", "record", "state", "value", "refused"),
    [
        ({}, {"x": "a"}, FieldState.PRESENT, "a", False),
        ({}, {}, None, None, False),
        ({"on_missing": "error"}, {}, None, None, True),
        ({"on_missing": "default", "default": "d"}, {}, FieldState.PRESENT, "d", False),
        ({"on_missing": "quarantine"}, {}, FieldState.INVALID, None, False),
        ({}, {"x": None}, FieldState.NULL, None, False),
        ({"on_null": "skip"}, {"x": None}, None, None, False),
        ({"on_null": "error"}, {"x": None}, None, None, True),
        ({"on_null": "default", "default": "d"}, {"x": None}, FieldState.PRESENT, "d", False),
        ({"on_null": "quarantine"}, {"x": None}, FieldState.INVALID, None, False),
        ({}, {"x": 5}, None, None, True),
        ({"on_invalid": "skip"}, {"x": 5}, None, None, False),
        ({"on_invalid": "default", "default": "d"}, {"x": 5}, FieldState.PRESENT, "d", False),
        ({"on_invalid": "quarantine"}, {"x": 5}, FieldState.INVALID, None, False),
    ],
)
def test_each_state_has_its_policy(
    policies: dict[str, Any], record: dict[str, Json], state: FieldState | None, value: Json, refused: bool
) -> None:
    """Present, null, missing and invalid are four things, and each does what the field says."""
    result = translate(compiled({"title": {"from": "$.x", **policies}}), record)
    assert result.refused is refused
    if state is None:
        assert "title" not in result.fields
        assert "title" in result.left
    else:
        got = result.fields["title"]
        assert (got.state, got.value, got.raw, got.path) == (state, value, record.get("x"), "$.x")


@given(documents)
def test_only_mapped_fields_are_written(document: Json) -> None:
    """Whatever comes, every written field is a mapped one, of its type, and every other mapped one is accounted for."""
    mapping = compiled(
        {
            "title": {"from": "$.a", "on_invalid": "quarantine"},
            "level": {"from": "$.b[0]", "on_invalid": "skip"},
            "tags": {"from": "$..tag"},
            "device": {"from": "$.客户.名称", "on_invalid": "skip"},
            "state": {"from": "$.value", "table": {"x": "open"}, "unmapped": "skip", "on_invalid": "skip"},
        }
    )
    result = translate(mapping, document)
    assert set(result.fields) | set(result.left) == set(mapping.spec.fields)
    assert not set(result.fields) & set(result.left)
    assert not result.refused
    types = {"title": str, "level": int, "tags": list, "device": str, "state": str}
    for name, got in result.fields.items():
        assert (got.value.__class__ is types[name]) is (got.state is FieldState.PRESENT)


SLOW_FIELDS: dict[str, Any] = {
    "title": {"from": "$.a", "steps": ["trim"], "on_invalid": "quarantine"},
    "level": {"from": "$.b[0]", "on_invalid": "skip", "on_missing": "default", "default": 3},
    "tags": {"from": "$..tag", "steps": ["dedupe"]},
    "device": {"from": "$['客户'].名称", "on_invalid": "skip"},
    "state": {
        "from": "$.tag[?(@.a=='x')].value",
        "table": {"x": "open", "y": "resolved"},
        "unmapped": "skip",
        "on_invalid": "skip",
    },
    "more": {"from": "$.tag[?(@.a=='y')]", "on_invalid": "skip", "on_null": "skip"},
}


def slowly(mapping: Mapping, document: Json) -> dict[str, Json]:
    """Read every path with jsonpath-ng and run the steps one by one: the present values of a translation."""
    found = {}
    for name, plan in mapping.plans.items():
        path = re.sub(r"\.(客户|名称)", r"['\1']", plan.path.text)
        matches = [match.value for match in parse(path).find(document)]
        value = matches if plan.listed and plan.path.many and matches else matches[0] if len(matches) == 1 else None
        if not matches and plan.spec.on_missing == "default":
            found[name] = plan.spec.default
            continue
        for made in plan.steps if value is not None else ():
            try:
                value = made.run(value, [])
            except (StepError, Vanished):
                value = None
                break
        if value.__class__ in plan.classes and (plan.words is None or value in plan.words):
            found[name] = value
    return found


@settings(max_examples=200, deadline=None)  # the slow way parses every path anew
@given(documents)
def test_the_compiled_mapping_says_what_the_slow_way_says(document: Json) -> None:
    """One generated function gives, field by field, what jsonpath-ng and the steps one by one give."""
    mapping = compiled(SLOW_FIELDS)
    fast = {name: got.value for name, got in translate(mapping, document).fields.items() if got.state is FieldState.PRESENT}
    assert fast == slowly(mapping, document)


def test_no_invalid_value_is_silent() -> None:
    """A value that was there and was not used is named with its reason, whatever the policy."""
    fields = {
        "title": {"from": "$.x", "on_invalid": "skip"},
        "level": {"from": "$.x", "on_invalid": "quarantine"},
        "heat": {"from": "$.x", "on_invalid": "default", "default": 1.0},
    }
    result = translate(compiled(fields), {"x": True})
    assert [(one.field, one.policy, one.raw) for one in result.problems] == [
        ("title", "skip", True),
        ("level", "quarantine", True),
        ("heat", "default", True),
    ]


def test_a_refused_record_names_every_field_at_fault() -> None:
    """The error lists all faults at once, with paths and the fix."""
    result = translate(compiled({"title": "$.x", "level": "$.y", "heat": "$.z"}), {"x": 1, "y": "4", "z": 2})
    with pytest.raises(TranslationError) as caught:
        result.check()
    assert "title, level" in caught.value.what
    assert "$.y" in caught.value.why
    assert [one["field"] for one in caught.value.facts["fields"]] == ["title", "level"]
    assert result.problems[1].fix == "Add the step integer."


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        ("title", "x", True),
        ("title", 1, False),
        ("level", 1, True),
        ("level", True, False),
        ("level", 1.0, False),
        ("heat", 1, True),
        ("heat", 1.5, True),
        ("heat", False, False),
        ("seen", 0, False),
        ("seen", False, True),
        ("since", "2026-01-01T08:00:00+08:00", True),
        ("since", "2026-01-01T08:00:00", False),
        ("since", 1767225600, False),
        ("tags", [], True),
        ("tags", {}, False),
        ("more", {}, True),
        ("state", "open", True),
        ("state", "Open", False),
        ("device", "10560", True),
        ("device", 10560, True),
        ("device", ["10560"], False),
    ],
)
def test_a_value_has_the_type_and_words_of_its_field(field: str, value: Json, fits: bool) -> None:
    """Nothing is converted unless a step says so; only an id may be a number, and a time must say its zone."""
    result = translate(compiled({field: {"from": "$.x", "on_invalid": "skip"}}), {"x": value})
    assert (field in result.fields) is fits


def test_a_time_is_held_in_one_form() -> None:
    """Whatever zone the source writes, the field holds UTC."""
    result = translate(compiled({"since": "$.x"}), {"x": "2026-01-01T08:00:00+08:00"})
    assert result.fields["since"].value == "2026-01-01T00:00:00.000000Z"


def test_several_matches_need_a_decision() -> None:
    """A path that matches twice is invalid where one value is expected; first, join and list fields take all."""
    record = {"tags": [{"tag": "part", "value": "A"}, {"tag": "part", "value": "B"}, {"tag": "site", "value": "S"}]}
    part = "$.tags[?(@.tag=='part')].value"
    result = translate(compiled({"title": {"from": part, "on_invalid": "skip"}, "tags": part}), record)
    assert "2 places" in result.problems[0].why
    assert result.fields["tags"].value == ["A", "B"]
    assert translate(compiled({"title": {"from": part, "steps": ["first"]}}), record).fields["title"].value == "A"
    assert translate(compiled({"title": {"from": part, "steps": [{"join": "+"}]}}), record).fields["title"].value == "A+B"
    assert translate(compiled({"title": "$.tags[?(@.tag=='site')].value"}), record).fields["title"].raw == "S"
    assert translate(compiled({"title": "$.tags[?(@.tag=='none')].value"}), record).left == {"title": FieldState.MISSING}


@pytest.mark.parametrize(
    ("policy", "expected"), [("keep", "other"), ("skip", None), ("quarantine", None), ("default", "d"), ("error", None)]
)
def test_a_word_outside_the_table_follows_unmapped(policy: str, expected: str | None) -> None:
    """A word that the table lacks is the author's decision, and not the same as an invalid value."""
    field: dict[str, Any] = {"from": "$.x", "table": {"a": "b"}, "unmapped": policy}
    if policy == "default":
        field["default"] = "d"
    result = translate(compiled({"title": field}), {"x": "other"})
    got = result.fields.get("title")
    assert (got.value if got else None) == expected
    assert result.refused is (policy == "error")


@pytest.mark.parametrize(
    ("unmapped", "more", "value", "policy"),
    [
        ("error", {}, None, "error"),
        ("error", {"unmapped": "skip"}, None, "skip"),
        ("pass", {}, "other", None),
        ({"fixed": "rest"}, {}, "rest", None),
        ({"ask": "second"}, {}, "found there", None),
        ("review", {}, None, "quarantine"),
        ("review", {"unmapped": "error"}, None, "error"),
        ("review", {"unmapped": "keep"}, "other", None),
    ],
)
def test_a_table_has_a_policy_and_a_field_may_have_its_own(
    unmapped: Json, more: dict[str, Json], value: Json, policy: str | None
) -> None:
    """What becomes of a word that no row has; the field's own word counts before the table's; every look-up is told."""
    tables: list[dict[str, Json]] = [
        {"name": "first", "rows": {"a": "b"}, "unmapped": unmapped},
        {"name": "second", "rows": {"other": "found there"}},
    ]
    result = translate(compiled({"title": {"from": "$.x", "table": "first", **more}}, tables), {"x": "other"})
    got = result.fields.get("title")
    assert (got.value if got else None) == value
    assert [one.policy for one in result.problems] == ([policy] if policy else [])
    assert result.words[0] == ("first", "other", False)
    assert result.words[1:] == ([("second", "other", True)] if unmapped == {"ask": "second"} else [])
    assert result.asked == ({"first": "other"} if policy == "quarantine" else {})


def test_words_inside_a_list_are_looked_up_and_told() -> None:
    """A table within map counts like any other; the item at fault is named."""
    tables: list[dict[str, Json]] = [{"name": "parts", "rows": {"a": "A", "b": "B"}}]
    mapping = compiled({"tags": {"from": "$.x", "steps": [{"map": {"table": "parts"}}], "on_invalid": "skip"}}, tables)
    good, bad = translate(mapping, {"x": ["a", "b", "a"]}), translate(mapping, {"x": ["a", "c"]})
    assert good.fields["tags"].value == ["A", "B", "A"]
    assert [one.word for one in good.words] == ["a", "b", "a"]
    assert bad.problems[0].why.startswith("Item 1: The table parts has no word 'c'")
    assert [(one.word, one.known) for one in bad.words] == [("a", True), ("c", False)]


def test_raw_and_path_are_kept() -> None:
    """Provenance needs the source's own words and where they stood."""
    got = translate(compiled({"level": {"from": "$.a.b", "steps": ["trim", "integer"]}}), {"a": {"b": " 4 "}}).fields["level"]
    assert got == (FieldState.PRESENT, 4, " 4 ", "$.a.b")


def test_faults_of_a_mapping_are_all_named() -> None:
    """An unknown field, a broken path, a misspelt step and a default of the wrong type are found before publishing."""
    found = faults(
        {
            "titel": "$.x",
            "title": "x",
            "level": {"from": "$.x", "steps": ["intger"]},
            "heat": {"from": "$.x", "on_null": "default", "default": "hot"},
            "state": {"from": "$.x", "table": "missing"},
        }
    )
    assert [path for path, _ in found] == [
        "fields.titel",
        "fields.title.from",
        "fields.level.steps.0",
        "fields.heat.default",
        "fields.state.table",
    ]
    assert "Did you mean 'title'?" in found[0][1]
    assert "Did you mean 'integer'?" in found[2][1]


def test_thirty_plain_fields_translate_fast() -> None:
    """Thirty plain fields cost far less than one millisecond; the measured value stands in docs/why/mapping.md."""
    names = [f"f{n}" for n in range(30)]
    entity = EntitySpec.model_validate(
        {"name": "x", "prefix": "XX", "title": {"en": "x", "zh": "x"}, "fields": {name: {"type": "string"} for name in names}}
    )
    fields = {name: f"$.a.b{n % 3}.{name}" for n, name in enumerate(names)}
    spec = MappingSpec.model_validate({"name": "m", "from": {"kind": "k", "stream": "s"}, "to": "x", "fields": fields})
    mapping = compile_mapping(spec, entity, {})
    assert isinstance(mapping, Mapping)
    record = {"a": {f"b{n}": dict.fromkeys(names, "v") for n in range(3)}}
    best = 1.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(50):
            translate(mapping, record)
        best = min(best, (time.perf_counter() - started) / 50)
    assert best < 0.000_1


def test_units_zones_and_words_of_a_person() -> None:
    """A field says in which unit and zone its source speaks; what tells of a person is quoted nowhere."""
    more = {**FIELDS, "heat": {"type": "number", "unit": "Cel"}, "title": {"type": "string", "pii": True}}
    entity = EntitySpec.model_validate({"name": "alert", "prefix": "ALRT", "title": {"en": "a", "zh": "告"}, "fields": more})
    fields = {
        "heat": {"from": "$.t", "unit": "[degF]"},
        "since": {"from": "$.at", "zone": "Asia/Shanghai"},
        "title": {"from": "$.who", "steps": ["trim"], "on_invalid": "quarantine"},
        "level": {"from": "$.who", "on_invalid": "skip", "pii": True},
    }
    source = {"kind": "k", "stream": "s"}
    mapping = compile_mapping(
        MappingSpec.model_validate({"name": "m", "from": source, "to": "alert", "fields": fields}), entity, {}
    )
    assert isinstance(mapping, Mapping)
    assert mapping.pii == {"title", "level"}
    result = translate(mapping, {"t": "212", "at": "2026-03-01 08:00:00", "who": 13800138000})
    assert result.fields["heat"].value == 100
    assert result.fields["since"].value == "2026-03-01T00:00:00.000000Z"
    assert [one.field for one in result.problems] == ["title"]
    assert "138" not in str(result.problems[0].as_dict())
    assert result.fields["title"].raw == 13800138000, "the observation keeps it, for whoever may see it"
    assert translate(mapping, {"who": "13800138000"}).problems[0].raw != "13800138000"


@pytest.mark.parametrize(
    ("field", "spec", "place", "words"),
    [
        ("heat", {"from": "$.x", "unit": "kPa"}, "fields.heat.unit", "no unit to convert into"),
        ("title", {"from": "$.x", "zone": "Asia/Shanghai"}, "fields.title.zone", "has no time zone"),
        ("since", {"from": "$.x", "zone": "Asia/Shangai"}, "fields.since.zone", "no time zone 'Asia/Shangai'"),
        ("since", {"from": "$.x", "zone": "UTC", "steps": ["epoch_s"]}, "fields.since.zone", "reads the time already"),
        ("title", {"from": "$.x", "steps": [{"lookup": "device"}, "trim"]}, "fields.title.steps.0", "comes last"),
        ("device", {"from": "$.x", "steps": [{"lookup": "site"}]}, "fields.device.steps.0", "Look up what the field refers to"),
        ("level", {"from": "$.x", "steps": [{"lookup": "device"}]}, "fields.level.steps.0", "the field is of type integer"),
        ("title", {"from": "$.x", "steps": [{"map": ["trim", "uper"]}]}, "fields.title.steps.0", "Did you mean 'upper'?"),
    ],
)
def test_faults_of_unit_zone_and_lookup(field: str, spec: dict[str, Any], place: str, words: str) -> None:
    """Each is named at its place with the way out."""
    (found,) = faults({field: spec})
    assert found[0] == place
    assert words in found[1]
