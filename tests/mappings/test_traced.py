"""A trace tells of every field what the mapping itself does, step by step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.models import CodeTableSpec, EntitySpec, MappingSpec
from mappings.traced import FieldTrace, trace
from mappings.translate import Mapping, compile_mapping, compile_tables

ENTITY = EntitySpec.model_validate(
    {
        "name": "alert",
        "prefix": "ALRT",
        "title": {"en": "x", "zh": "某"},
        "fields": {
            "title": {"type": "string"},
            "severity": {"type": "integer"},
            "status": {"type": "string", "words": ["open", "resolved"]},
            "part": {"type": "string"},
            "parts": {"type": "list"},
            "began": {"type": "time"},
            "device": {"type": "ref", "to": "alert"},
            "note": {"type": "string"},
        },
    }
)
FIELDS: dict[str, Any] = {
    "title": {"from": "$.name", "steps": ["trim", "filled"], "on_missing": "error"},
    "severity": {"from": "$.severity", "steps": ["integer"], "on_invalid": "quarantine"},
    "status": {"from": "$.status", "table": "states", "unmapped": "skip"},
    "part": {"from": "$.tags[?(@.tag=='part')].value", "steps": ["first", "upper"]},
    "parts": "$.tags[*].value",
    "began": {"from": "$.at", "on_invalid": "skip", "on_null": "skip"},
    "device": "$.host.id",
    "note": {"from": "$.note", "on_missing": "default", "default": "none"},
}
STATES = CodeTableSpec.model_validate(
    {"name": "states", "title": {"en": "x", "zh": "某"}, "rows": {"problem": "open", "ok": "resolved"}}
)
TABLES = compile_tables([STATES])[0]


def compiled() -> Mapping:
    spec = MappingSpec.model_validate({"name": "m", "from": {"kind": "k", "stream": "s"}, "to": "alert", "fields": FIELDS})
    made = compile_mapping(spec, ENTITY, TABLES)
    assert isinstance(made, Mapping)
    return made


MAPPING = compiled()


def traced(record: dict[str, Any]) -> dict[str, FieldTrace]:
    return {one.field: one for one in trace(MAPPING, record).fields}


def test_every_step_is_told_with_its_value() -> None:
    """Path, raw value, each step, the end, and that it was written."""
    found = traced({"name": " Oil hot ", "tags": [{"tag": "part", "value": "seal-80"}], "host": {"id": 7}})

    title = found["title"]
    assert (title.path, title.raw, title.value, title.policy) == ("$.name", " Oil hot ", "Oil hot", "written")
    assert [(one.step, one.value) for one in title.steps] == [("trim", "Oil hot"), ("filled", "Oil hot")]
    assert [one.value for one in found["part"].steps] == ["seal-80", "SEAL-80"]
    assert found["parts"].value == ["seal-80"]
    assert [(one.step, one.value) for one in found["device"].steps] == [("string", "7")]


@pytest.mark.parametrize(
    ("record", "field", "state", "policy", "why"),
    [
        ({}, "title", "missing", "on_missing: error", "sends nothing"),
        ({"name": "  "}, "title", "missing", "on_missing: error", "sends nothing"),
        ({"severity": "high"}, "severity", "invalid", "on_invalid: quarantine", "not a whole number"),
        ({"status": "odd"}, "status", "invalid", "unmapped: skip", "no word 'odd'"),
        ({"at": None}, "began", "null", "on_null: skip", None),
        ({"at": "yesterday"}, "began", "invalid", "on_invalid: skip", "RFC 3339"),
        ({}, "note", "present", "on_missing: default", None),
        ({"tags": [{"tag": "part", "value": 1}]}, "part", "invalid", "on_invalid: error", "takes text"),
    ],
)
def test_the_policy_that_was_asked_is_named(
    record: dict[str, Any], field: str, state: str, policy: str, why: str | None
) -> None:
    """In each of the four states the trace says which policy decided, and why the value would not do."""
    one = traced(record)[field]

    assert (one.state, one.policy) == (state, policy)
    assert (one.why is None) if why is None else (why in (one.why or ""))


VALUES = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", " x ", "problem", "4", "2026-01-01T00:00:00Z"])
TAG = st.fixed_dictionaries({"tag": st.sampled_from(["part", "site"]), "value": VALUES})
RECORDS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("name", "severity", "status", "at", "note"), VALUES)
    | {"tags": st.lists(TAG, max_size=3) | VALUES, "host": st.fixed_dictionaries({}, optional={"id": VALUES}) | VALUES},
)


@given(RECORDS)
def test_the_end_of_a_trace_is_what_the_mapping_does(record: dict[str, Any]) -> None:
    """Whatever comes: what is told as written is written with that state and value, and the last good step leads there."""
    said = MAPPING.translate(record)
    told = trace(MAPPING, record)

    assert told.refused == said.refused
    assert {one.field for one in told.fields} == set(FIELDS)
    for one in told.fields:
        written = said.fields.get(one.field)
        assert one.written == (written is not None)
        if written is not None:
            assert one.state == written.state.value or one.why is not None
            assert one.value == written.value
        if one.policy == "written" and one.steps:
            assert one.steps[-1].value == one.value
        trouble = next((fault for fault in said.problems if fault.field == one.field), None)
        assert one.why == (trouble.why if trouble else None)
