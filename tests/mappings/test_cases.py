"""Cases from traffic: real records become cases that pass today and fail when the mapping changes."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.cases import capture, run
from mappings.masks import Mask
from mappings.models import Case, EntitySpec, MappingSpec
from mappings.translate import Mapping, compile_mapping

ENTITY = EntitySpec.model_validate(
    {
        "name": "ticket",
        "prefix": "TICK",
        "title": {"en": "x", "zh": "某"},
        "fields": {
            "title": {"type": "string"},
            "status": {"type": "string", "words": ["open", "closed"]},
            "caller": {"type": "string"},
            "floor": {"type": "integer"},
        },
    }
)
SPEC: dict[str, Any] = {
    "name": "tickets",
    "from": {"kind": "memory", "stream": "tickets"},
    "to": "ticket",
    "fields": {
        "title": {"from": "$.title", "steps": ["trim"]},
        "status": {"from": "$.status", "table": {"1": "open", "2": "closed"}},
        "caller": {"from": "$.who.label", "pii": True},
        "floor": {"from": "$.floor", "steps": ["integer"], "on_invalid": "skip"},
    },
}
RECORDS: list[dict[str, Any]] = [
    {"title": " Leak ", "status": 1, "who": {"label": "Anna Berger"}, "floor": "3", "noise": [1]},
    {"title": "Smoke", "status": "2", "who": {"label": "Anna Berger"}, "floor": "cellar"},
    {"title": "Smoke", "status": 9, "who": {"label": None}},
]


def made(**changes: Any) -> Mapping:
    spec = MappingSpec.model_validate({**SPEC, **changes})
    compiled = compile_mapping(spec, ENTITY, {})
    assert isinstance(compiled, Mapping)
    return compiled


def test_captured_cases_pass_today_and_say_what_is_not_written() -> None:
    """A refused record is a case too; a field that is left as it was stands under lacks; twice the same is once."""
    mapping = made()

    cases = capture(mapping, [(f"r{n}", one) for n, one in enumerate([*RECORDS, RECORDS[0]])], mask=None)

    assert [one["name"] for one in cases] == ["r0", "r1", "r2"]
    assert cases[0]["expect"] | {"caller": None} == {"title": "Leak", "status": "open", "caller": None, "floor": 3}
    assert cases[1]["lacks"] == ["floor"]
    assert (cases[2]["refused"], cases[2]["expect"]) == (True, {})
    again = made(cases=cases)
    assert [one.problems for one in run(again.spec, again)] == [(), (), ()]
    assert "noise" not in cases[0]["given"], "the mapping does not read it"


def test_marked_fields_are_masked_on_both_sides() -> None:
    """A name that the mapping marks stands in no case, and the same name has the same mask in each."""
    cases = capture(made(), [(f"r{n}", one) for n, one in enumerate(RECORDS)], mask=None, whole=True)

    assert "Anna" not in str(cases)
    assert cases[0]["expect"]["caller"] == cases[0]["given"]["who"]["label"] == cases[1]["expect"]["caller"]
    assert cases[0]["given"]["noise"] == [1]


@pytest.mark.parametrize(
    ("field", "change", "says"),
    [
        ("status", {"from": "$.status", "table": {"1": "closed", "2": "closed"}}, "expects 'open' and gets 'closed'"),
        ("title", "$.name", "not written"),
        ("floor", {"from": "$.floor", "steps": ["integer"]}, "is refused"),
    ],
)
def test_a_change_that_a_case_does_not_expect_fails_it(field: str, change: Any, says: str) -> None:
    """The case names what it expects and what it gets."""
    cases = [Case.model_validate(one) for one in capture(made(), [("r", one) for one in RECORDS])]
    other = made(fields={**SPEC["fields"], field: change}, cases=cases)

    told = [problem.what for tried in run(other.spec, other) for problem in tried.problems]

    assert any(says in one for one in told), told


def test_a_case_is_not_captured_twice() -> None:
    """What the definition's own cases say already is left out."""
    mask = Mask(key=b"k")
    first = capture(made(), [("r", RECORDS[0])], mask=mask)

    assert capture(made(cases=first), [("r", RECORDS[0])], mask=mask) == []
