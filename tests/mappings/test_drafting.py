"""Drafts: what is proposed is mostly right, never breaks, says why, and can be published as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strict import read_yaml
from mappings.drafting import draft, learn, written
from mappings.drafting.fitting import fit
from mappings.drafting.places import MOST_PLACES, Place, places
from mappings.models import EntitySpec, FieldSpec, MappingSpec
from mappings.translate import Mapping, compile_mapping
from tests.mappings import drafting_sets
from tests.mappings.drafting_score import drafted, made, score
from tests.mappings.drafting_sets import Sample

SETS: list[tuple[Callable[[], list[Sample]], float, float]] = [
    (drafting_sets.real, 0.97, 0.95),
    (drafting_sets.chinese, 0.95, 0.95),
    (drafting_sets.held_out, 0.90, 0.75),
]


@pytest.mark.parametrize(("samples", "precision", "recall"), SETS, ids=lambda one: getattr(one, "__name__", None))
def test_most_proposals_are_right(samples: Callable[[], list[Sample]], precision: float, recall: float) -> None:
    """Right is what makes the same of every sample as the mapping a person wrote; the bars are below what was measured."""
    found = score(samples())
    assert (found.precision >= precision, found.recall >= recall) == (True, True), "\n".join(found.told)


@pytest.mark.parametrize("sample", [*drafting_sets.real(), *drafting_sets.chinese()], ids=lambda one: one.name)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_draft_is_written_as_it_can_be_published(sample: Sample, language: str) -> None:
    """The YAML reads back as the mapping, compiles, and refuses none of the samples; each field has a reason."""
    found = drafted(sample)
    text = written(found, language)

    [document] = read_yaml(text, "draft.yaml")
    assert document.value == found.spec
    mapping = made(sample, found.spec["fields"])
    assert not any(mapping.translate(one).refused for one in sample.records)
    for one in found.proposals:
        assert 0 < one.confidence <= 1
        assert (one.zh if language == "zh" else one.en) in text
    assert {one.field for one in found.proposals} | {one.field for one in found.left} == set(sample.entity.fields)


ODD = ["2026-01-01 08:00:00", "是", "１２", "12.5 kg", "/Date(1767225600000)/", 1767225600, ""]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
INNER = st.sampled_from(["id", "name", "编号", "FNumber", "it's", 'a"b', "x y"])
VALUES = st.recursive(
    LEAVES | st.sampled_from(ODD),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(INNER, one, max_size=3),
    max_leaves=6,
)
OUTER = st.sampled_from(["status", "title", "qty", "clock", "host", "tags", "客户", "$", ""])
RECORDS = st.lists(st.dictionaries(OUTER, VALUES), max_size=4)


@given(RECORDS)
def test_whatever_comes_a_draft_is_a_mapping(records: list[dict[str, Any]]) -> None:
    """No record makes it fail; what it proposes always compiles and refuses none of them, and the YAML always reads back."""
    found = draft({"name": "d", "from": {"kind": "k", "stream": "s"}}, drafting_sets.WORK, records)

    compiled = compile_mapping(MappingSpec.model_validate(found.spec), drafting_sets.WORK, {})
    assert isinstance(compiled, Mapping)
    assert not any(compiled.translate(one).refused for one in records)
    assert read_yaml(written(found), "x")[0].value == found.spec


@pytest.mark.parametrize(
    ("kind", "values", "steps"),
    [
        ("integer", ["4", " 5"], ["trim", "integer"]),
        ("integer", ["４", "5"], ["nfkc", "integer"]),
        ("integer", [1.5], None),
        ("number", ["1.5", "2"], ["number"]),
        ("number", ["12.5 kg", "3 kg"], [{"parse": r"\s*(?P<n>[+-]?[0-9]+(?:\.[0-9]+)?)\s*(?:kg)?\s*"}, "number"]),
        ("number", [True], None),
        ("time", [1767225600, 0], ["epoch_s"]),
        ("time", ["1767225600000"], ["epoch_ms"]),
        ("time", ["/Date(1767225600000+0800)/"], [{"parse": r"/Date\((?P<ms>[0-9]+)(?:[+-][0-9]{4})?\)/"}, "epoch_ms"]),
        ("time", ["20260215", "20261231"], [{"time": {"format": "%Y%m%d", "zone": "Asia/Shanghai"}}]),
        ("time", ["2026-02-15T08:00:00.000+0000"], []),
        ("time", ["2026.02.15 08:00:00"], [{"time": {"format": "%Y.%m.%d %H:%M:%S", "zone": "Asia/Shanghai"}}]),
        ("time", ["2026年02月15日"], [{"time": {"format": "%Y年%m月%d日", "zone": "Asia/Shanghai"}}]),
        ("time", ["2026-02-15T08:00:00Z"], []),
        ("time", ["soon", "later"], None),
        ("time", [7, 8], None),
        ("string", ["a ", ""], ["trim", "filled"]),
        ("string", [{"a": 1}], None),
        ("list", [["a"]], []),
        ("ref", ["EQ-7", 7], []),
        ("ref", ["a long sentence about something else"], None),
    ],
)
def test_values_say_which_steps_they_need(kind: str, values: list[Any], steps: list[Any] | None) -> None:
    """Digits in full width, units, epochs, dates without a zone: each has its steps, and what cannot be is not proposed."""
    spec = FieldSpec.model_validate({"type": kind, **({"to": "device"} if kind == "ref" else {})})
    found = fit(Place("$.x", ("x",), (), values), spec, "Asia/Shanghai")
    assert (None if found is None else found.steps) == steps


def test_words_are_matched_and_the_unknown_ones_are_said() -> None:
    """Other words for the same, in both languages; what is left over is told and quarantined, never guessed."""
    spec = FieldSpec.model_validate({"type": "string", "words": ["open", "resolved"]})
    found = fit(Place("$.x", ("x",), (), ["待处理", "Done", "frobnicated", "待处理"]), spec, "UTC")

    assert found is not None
    assert (found.table, found.unmapped) == ({"待处理": "open", "Done": "resolved"}, ("frobnicated",))
    assert "frobnicated" in found.en
    entity = EntitySpec.model_validate({**drafting_sets.WORK.model_dump(mode="json", exclude_none=True)})
    drafted_ = draft(
        {"name": "d", "from": {"kind": "k", "stream": "s"}},
        entity,
        [{"status": "待处理"}, {"status": "odd"}, {"status": "完成"}],
    )
    assert drafted_.spec["fields"]["status"]["unmapped"] == "quarantine"


@pytest.mark.parametrize(
    ("ids", "pattern"),
    [
        (["EC-20260215-8891", "EC-20260216-0007"], "EC-[0-9]{8}-[0-9]{4}"),
        (["7", "10560"], "[0-9]+"),
        (["SEAL-80", "BRG-6208", "OIL-46"], "[A-Z]{3,}-[0-9]{2,}"),
        (["客户008921", "客户000007"], "客户[0-9]{6}"),
        (["a.b", "c.d"], r"[a-z]\.[a-z]"),
        (["x1", "2-y", "q/q", "7"], None),
        ([], None),
        (["", " "], None),
    ],
)
def test_the_shape_of_ids_is_learned(ids: list[str], pattern: str | None) -> None:
    """As narrow as the examples allow; four forms are no form."""
    found = learn(ids)
    assert (None if found is None else found.pattern) == pattern


def test_a_record_of_any_size_stays_bounded() -> None:
    """A thousand keys and deep nesting: at most so many places are looked at."""
    wide = {f"k{n}": n for n in range(5000)}
    deep: dict[str, Any] = {"x": 1}
    for _ in range(50):
        deep = {"x": deep}
    assert len(places([wide, deep])) <= MOST_PLACES
    assert len(places([deep])) < 10
