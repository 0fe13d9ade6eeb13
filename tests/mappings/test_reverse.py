"""Writing back through a mapping: what each step undoes, and what the laws find."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.words import Json
from mappings.reverse import FieldWay, ReverseError, put, ways
from mappings.reverse.lens import get
from mappings.translate.paths import MISSING
from mappings.translate.plan import Plan
from mappings.translate.step import StepError
from tests.mappings.test_translate_fields import compiled

ROUNDUP = {
    "name": "states",
    "rows": {
        "unread": "open",
        "testing": {"to": "in_progress", "relation": "broader"},
        "in-progress": "in_progress",
        "done-cbb": {"to": "resolved", "relation": "broader"},
        "resolved": "resolved",
    },
}


def plan(field: str, steps: list[Any], **more: Any) -> Plan:
    return compiled({field: {"from": "$.x", "steps": steps, **more}}, [ROUNDUP]).plans[field]


def way(field: str, steps: list[Any], given: list[Json] | None = None, **more: Any) -> FieldWay:
    cases = [{"name": str(n), "given": {"x": raw}, "expect": {}} for n, raw in enumerate(given or [])]
    return ways(compiled({field: {"from": "$.x", "steps": steps, **more}}, [ROUNDUP], cases))[field]


@pytest.mark.parametrize(
    ("field", "steps", "ours", "theirs", "written"),
    [
        ("title", ["trim", "lower"], "press-07", " PRESS-07 ", " PRESS-07 "),  # it says so already
        ("title", ["trim", "lower"], "press-08", " PRESS-07 ", "press-08"),
        ("title", ["trim", "lower"], " Press-08", MISSING, "press-08"),  # as the mapping tidies
        ("title", [{"table": "states"}], "resolved", "done-cbb", "done-cbb"),
        ("title", [{"table": "states"}], "resolved", "unread", "resolved"),
        ("title", [{"table": "states"}], "in_progress", "unread", "in-progress"),
        ("seen", [{"table": {"1": True, "0": False}}], True, 0, 1),
        ("level", ["integer"], 8, "007", "008"),
        ("level", ["integer"], 8, "7", "8"),
        ("level", ["integer"], 7, "007", "007"),
        ("seen", ["boolean"], False, "Yes", "no"),
        ("title", ["string"], "10561", 10560, 10561),
        ("title", [{"parse": "EC-(?P<day>[0-9]{8})-[0-9]{4}"}], "20260216", "EC-20260215-8891", "EC-20260216-8891"),
        ("more", [{"parse": "(?P<a>[A-Z]+)-(?P<b>[0-9]+)"}], {"a": "KC", "b": "9"}, "EC-8891", "KC-9"),
        ("title", [{"slice": {"from": 2, "to": 4}}], "XX", "abcdef", "abXXef"),
        ("title", [{"decimal": {"places": 2, "point": ",", "group": "."}}], "1234.50", "999.999,00", "1.234,50"),
        ("heat", [{"unit": {"from": "kPa", "to": "MPa"}}], 0.25, 100, 250),
        ("heat", [{"unit": {"from": "kPa", "to": "MPa"}}], 0.25, "100", "250"),
        ("since", ["epoch_s"], "2026-01-01T00:00:00.000000Z", 5, 1767225600),
        ("since", ["epoch_s"], "2026-01-01T00:00:00.250000Z", "100000", "1767225600"),
        ("since", ["dotnet"], "2026-01-01T00:00:00.000000Z", "/Date(100000000+0800)/", "/Date(1767225600000+0800)/"),
        (
            "since",
            [{"time": {"format": ["yyyyMMdd", "dd.MM.yyyy HH:mm"], "zone": "Asia/Shanghai"}}],
            "2026-03-01T00:00:00.000000Z",
            "28.02.2026 08:00",
            "01.03.2026 08:00",
        ),
        (
            "since",
            [{"time": {"zone": "Asia/Shanghai"}}],
            "2026-03-01T00:00:00.000000Z",
            "2026-02-01 08:00:00",
            "2026-03-01 08:00:00",
        ),
        ("title", ["first", "trim"], "B", ["A", "Z"], ["B", "Z"]),
        ("title", ["last"], "B", ["A", "Z"], ["A", "B"]),
        ("title", [{"split": ";"}, "first"], "B", "A;Z", "B;Z"),
        ("title", [{"map": "upper"}, {"join": "+"}], "A+C", ["a", "b"], ["a", "C"]),
        (
            "title",
            [{"get": "$.value.text"}, "trim"],
            "B",
            {"value": {"text": " A", "kept": 1}},
            {"value": {"text": "B", "kept": 1}},
        ),
    ],
)
def test_what_is_written_back(field: str, steps: list[Any], ours: Json, theirs: Json, written: Json) -> None:
    """The source's own form is kept: its word for the same thing, its zeros, its point, its zone, the rest of its text."""
    one = plan(field, steps)
    assert put(one, ours, theirs) == written
    assert written.__class__ is put(one, ours, theirs).__class__


@pytest.mark.parametrize(
    ("field", "steps", "ours", "theirs", "why"),
    [
        ("title", [{"table": "states"}], "closed", "unread", "No row of the table means exactly 'closed'"),
        ("title", [{"hash": {"salt": "s"}}], "x", "y", "a hash cannot be undone"),
        ("title", [{"parse": "EC-(?P<day>[0-9]{8})"}], "x", "EC-20260215", "does not have the form"),
        ("title", [{"slice": {"to": 2}}], "AB", MISSING, "nothing around it"),
        ("title", [{"split": ","}, "first"], "A,B", "x,y", "splits another way"),
        ("title", ["filled"], " ", "x", "Nothing is left of it"),
        ("level", ["integer"], "eight", 7, "not a whole number"),
        (
            "since",
            [{"time": {"zone": "America/New_York"}}],
            "2025-11-02T06:30:00.000000Z",
            "2025-11-02 00:10:00",
            "reads as '2025-11-02T05:30:00.000000Z'",
        ),
    ],
)
def test_what_would_not_come_back_is_refused(field: str, steps: list[Any], ours: Json, theirs: Json, why: str) -> None:
    """Nothing is written that would read as something else; the refusal says what it would have read as."""
    with pytest.raises(ReverseError) as caught:
        put(plan(field, steps), ours, theirs)
    assert why in caught.value.why
    assert caught.value.fix


CHAINS: list[tuple[str, list[Any]]] = [
    ("title", ["nfkc", "trim", "lower"]),
    ("title", ["t2s", "filled"]),
    ("title", [{"table": "states"}]),
    ("title", [{"split": ","}, "first", "trim"]),
    ("title", [{"parse": {"pattern": "(?P<kind>[A-Z]{2})-(?P<n>[0-9]{4})", "take": "n"}}]),
    ("title", [{"decimal": {"places": 2, "point": ",", "group": "."}}]),
    ("title", [{"pad": 6}]),
    ("title", [{"slice": {"to": 4}}]),
    ("level", ["half_width", "trim", "integer"]),
    ("heat", ["number"]),
    ("heat", [{"unit": {"from": "[degF]", "to": "Cel"}}]),
    ("heat", [{"unit": {"from": "[psi]", "to": "bar"}}]),
    ("seen", ["boolean"]),
    ("since", ["epoch_ms"]),
    ("since", ["dotnet"]),
    ("since", ["time"]),
    ("since", [{"time": {"zone": "Asia/Shanghai"}}]),
    ("since", [{"time": {"format": "yyyyMMdd HHmmss", "zone": "Asia/Shanghai"}}]),
    ("tags", [{"map": ["trim", "upper"]}]),
]


@pytest.mark.parametrize(("field", "steps"), [one for one in CHAINS if one[1] != [{"table": "states"}]], ids=str)
def test_what_can_be_undone_is_two_way(field: str, steps: list[Any]) -> None:
    """The laws hold for tidying, equivalent rows, patterns, decimals, units and fixed zones, edges included."""
    assert way(field, steps) == FieldWay(field, "two-way")


@pytest.mark.parametrize(
    ("field", "steps", "law", "words"),
    [
        ("since", [{"time": {"zone": "America/New_York"}}], "PutGet", "2025-11-02T06:"),
        ("since", [{"time": {"format": "dd.MM.yyyy HH:mm", "zone": "Europe/Berlin"}}], "PutGet", "2025-10-26T01:00"),
        ("title", [{"table": {"1": "open", "2": {"to": "closed", "relation": "broader"}}}], "PutGet", "'2' is only near it"),
        ("title", [{"replace": {"text": "aa", "with": "a"}}], "GetPut", "would become"),
        ("title", [{"hash": {"salt": "s"}}], "", "a hash cannot be undone"),
        ("title", ["pinyin"], "", "several names is the same"),
        ("title", [{"cel": "value + 'x'"}], "", "cannot be run backwards"),
        ("tags", ["dedupe"], "", "cannot be put back"),
        ("device", [], "", "id_of"),
    ],
)
def test_what_cannot_be_undone_is_one_way(field: str, steps: list[Any], law: str, words: str) -> None:
    """A field whose law fails shows the counterexample; the hour that exists twice is found, because it is tried."""
    found = way(field, steps)
    assert (found.way, found.law) == ("one-way", law)
    assert words in found.told
    assert (found.example is not None) is bool(law)


def test_an_author_may_insist() -> None:
    """With ``always`` the field is two-way in spite of its counterexample, which stays with it; with ``never`` it is not."""
    zone = [{"time": {"zone": "America/New_York"}}]
    accepted = way("since", zone, reverse="always")
    assert (accepted.way, accepted.accepted, accepted.law) == ("two-way", True, "PutGet")
    assert way("title", ["trim"], reverse="never").way == "one-way"


def test_what_cannot_be_tried_is_not_promised() -> None:
    """When no value goes through the steps, the field is one-way until a case gives one."""
    steps = [{"parse": r"(?P<a>\p{Han}+)[0-9]+"}]
    assert "Give a case" in way("title", steps).why
    assert way("title", steps, ["客户008921"]).way == "two-way"


def test_a_table_that_changes_is_tried_again() -> None:
    """The same mapping with another table behind it is another question."""
    steps = [{"table": "states"}]
    first = ways(compiled({"title": {"from": "$.x", "steps": steps}}, [ROUNDUP]))["title"]
    loose = {**ROUNDUP, "rows": {**ROUNDUP["rows"], "resolved": {"to": "resolved", "relation": "narrower"}}}  # type: ignore[dict-item]
    second = ways(compiled({"title": {"from": "$.x", "steps": steps}}, [loose]))["title"]
    assert (first.way, second.way) == ("two-way", "one-way")


@pytest.mark.parametrize(("field", "steps"), CHAINS, ids=str)
def test_both_laws_hold_for_whatever_is_drawn(field: str, steps: list[Any]) -> None:
    """GetPut: writing back what was read changes nothing. PutGet: what another record says reads as it was meant."""
    from mappings.reverse import edges

    one = plan(field, steps)

    @settings(max_examples=40, deadline=None)  # the first call may load a library
    @given(st.lists(edges.theirs(one.steps, one.target.type), min_size=2, max_size=2))
    def laws(pair: list[Json]) -> None:
        read = []
        for raw in pair:
            try:
                read.append(get(one, raw))
            except ValueError:
                return
        if MISSING in read:
            return
        assert put(one, read[0], pair[0]) == pair[0]
        written = put(one, read[1], pair[0])
        assert get(one, written) == read[1]

    laws()


ODD: tuple[Json, ...] = (
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "9999-12-31 23:59:59", "99991231 235959"),
    *(
        "1e400",
        "9" * 40,
        1e308,
        10**18,
        1e-320,
        [],
        {},
        {"a": 1},
        None,
        True,
        "",
        "\0",
        "/Date(999999999999999999)/",
        7,
        1.5,
        ["a"],
    ),
)


@pytest.mark.parametrize(("field", "steps"), [*CHAINS, ("since", [{"time": {"zone": "America/New_York"}}])], ids=str)
def test_nothing_breaks_a_way_back(field: str, steps: list[Any]) -> None:
    """Whatever is to be written over whatever is there, it is written or refused in words."""
    one = plan(field, steps)
    for ours in ODD:
        with contextlib.suppress(StepError):
            get(one, ours)
        for theirs in (MISSING, *ODD):
            with contextlib.suppress(ReverseError):
                put(one, ours, theirs)


def test_a_person_is_not_quoted() -> None:
    """What tells of a person stands in no message of a refusal."""
    with pytest.raises(ReverseError) as caught:
        put(plan("level", ["integer"], pii=True), "13800138000x", 7)
    assert "138" not in str(caught.value)
    table = [{"table": {"13800138000": "zhang", "13900139000": {"to": "li", "relation": "broader"}}}]
    found = way("title", table, pii=True)
    assert found.law == "PutGet"
    assert "138" not in str(found)
