from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import from_rfc3339
from core.words import Json
from mappings.models import CodeTableSpec
from mappings.translate.step import Step, StepDefinitionError, StepError, UnmappedError, Vanished, World
from mappings.translate.steps import STEPS, make_step, reference
from mappings.translate.tables import compile_tables
from tests.mappings.strategies import documents

TABLES, _ = compile_tables([CodeTableSpec(name="colours", rows={"红": "red"})])
WORLD = World(TABLES)


def run(written: Json, value: Json) -> Json:
    return make_step(written, WORLD).run(value, [])


def written(step: Step) -> Json:
    return step.name if step.argument is None else {step.name: step.argument}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_example_is_true(step: Step) -> None:
    """What the list of steps shows is what the step does."""
    assert run(written(step), step.given) == step.gives
    assert step.help
    assert step.help_zh


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@settings(max_examples=25, deadline=None)  # the first call may load a library
@given(value=documents)
def test_a_step_gives_a_value_or_says_why_not(step: Step, value: Json) -> None:
    """No value of JSON makes a step fail in another way than by its own words."""
    try:
        run(written(step), value)
    except StepError as error:
        sentences = [error.why, error.fix]
    except Vanished:
        return
    else:
        return
    assert all(sentences)


arguments = documents | st.text(max_size=8) | st.floats() | st.lists(st.text(max_size=4), max_size=2)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@settings(max_examples=30, deadline=None)  # as above
@given(data=st.data())
def test_no_argument_breaks_a_definition(step: Step, data: st.DataObject) -> None:
    """Whatever is written behind a step, it is taken or refused in words."""
    words = list(step.argument) if isinstance(step.argument, dict) else ["x"]
    argument = data.draw(
        arguments | st.dictionaries(st.sampled_from([*words, "with", "zone", "entity"]), arguments, max_size=3)
    )
    try:
        make_step({step.name: argument}, WORLD)
    except StepDefinitionError as error:
        assert str(error)  # noqa: PT017 - that it has words is the point


@pytest.mark.parametrize("step", [step for step in STEPS.values() if step.argument is None], ids=lambda step: step.name)
def test_a_step_without_argument_refuses_one(step: Step) -> None:
    """An argument that would be ignored is refused."""
    if step.name != "time":
        with pytest.raises(StepDefinitionError, match="takes no argument"):
            make_step({step.name: 1}, WORLD)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("trimm", "Did you mean 'trim'"),
        ({"table": "colors"}, "Did you mean 'colours'"),
        ({"trim": None, "lower": None}, "a step is a name"),
        (7, "a step is a name"),
        ({"table": {}}, "takes the name"),
        ({"table": {"a": {"to": "b", "relation": "like"}}}, "a row of the table"),
        ({"join": 3}, "takes the text between"),
        ({"parse": "(?P<a>x"}, "not RE2"),
        ({"parse": "x"}, "named groups"),
        ({"parse": {"pattern": "(?P<a>x)", "take": "b"}}, "named groups"),
        ({"time": {"format": "%Y"}}, "zone"),
        ({"time": {"format": "%Y", "zone": "Mars/Base"}}, "no time zone"),
        ({"time": {"formt": "%Y"}}, "takes `format`"),
        ("default", "takes the value"),
        ({"time": {"format": "yyyyDDMM", "zone": "Asia/Shanghai"}}, "has the letters 'DD'.*Known: yyyy"),
        ({"time": {"format": "yyyyMMdd", "zone": "Asia/Shanghai", "ambiguous": "third"}}, "first, second or refuse"),
        ({"unit": {"from": "kpa", "to": "MPa"}}, "not a unit of UCUM. Did you mean 'kPa'"),
        ({"unit": {"from": "kPa", "to": "K"}}, "kPa cannot become K"),
        ({"unit": {"from": "kPa"}}, "takes `from` and `to`"),
        ({"decimal": {"places": 2, "rounding": "up"}}, "no rounding 'up'; known: half_even"),
        ({"decimal": {"point": ",", "group": ","}}, "another `group`"),
        ({"pad": "6"}, "`to` of the step pad is an integer, and this is text"),
        ({"pad": {"to": 6, "side": "middle"}}, "left or right"),
        ({"pad": {"width": 6}}, "no option 'width'; it takes `to`, `with`, `side`"),
        ({"slice": {}}, "takes `from` and `to`"),
        ({"split": ""}, "takes the text between"),
        ({"replace": {"text": ""}}, "takes `text`"),
        ({"map": []}, "a step or a list of steps"),
        ({"map": ["trimm"]}, "Did you mean 'trim'"),
        ({"filter": "value + 1"}, "a condition gives true or false|cannot be used"),
        ({"filter": "tag == 'x'"}, "cannot be used"),
        ({"cel": "value +"}, "cannot be used"),
        ({"get": "name"}, "a path begins with"),
        ({"hash": {"length": 4}}, "8 to 64"),
        ({"mask": {"first": -1}}, "how many characters stay"),
        ({"lookup": {"connector": "erp"}}, "takes the `entity`"),
        ({"lookup": {"entity": "device", "unknown": "guess"}}, "mint, quarantine, error"),
        ({"parse": "(?P<a>x)(?=y)"}, "no look-ahead"),
        ({"parse": r"(?P<a>x)\1"}, "no back-references"),
        ({"parse": "(?<a>x)(?<!y)"}, "look-behind"),
    ],
)
def test_a_step_that_is_written_wrong_is_refused(bad: Json, why: str) -> None:
    """A misspelt step, table or argument is an error of the definition, with the near name."""
    with pytest.raises(StepDefinitionError, match=why):
        make_step(bad, WORLD)


@pytest.mark.parametrize(
    ("step", "value", "gives"),
    [
        ("integer", "-7", -7),
        ("integer", 3.0, 3),
        ("number", "1e3", 1000.0),
        ("boolean", 0, False),
        ("boolean", True, True),
        ("string", 91.5, "91.5"),
        ("string", False, "false"),
        ({"parse": "EC-(?P<day>[0-9]{8})-(?P<n>[0-9]{4})"}, "EC-20260215-8891", {"day": "20260215", "n": "8891"}),
        ({"parse": "(?P<n>[0-9.]+) °C"}, "91.3 °C", "91.3"),
        ({"table": "colours"}, "红", "red"),
        ({"table": {"1": "on"}}, 1, "on"),
        ({"table": {"true": "on"}}, True, "on"),
        ({"default": "none"}, "x", "x"),
        ("time", "2026-02-28T23:30:00-05:00", "2026-03-01T04:30:00.000000Z"),
        ({"time": {"format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}}, "25.10.2026 02:30", "2026-10-25T00:30:00.000000Z"),
        ({"time": {"format": "%Y-%m-%d", "zone": "Asia/Shanghai"}}, "2028-02-29", "2028-02-28T16:00:00.000000Z"),
        ("epoch_ms", 1795332317123, "2026-11-22T07:25:17.123000Z"),
    ],
)
def test_what_a_step_makes(step: Json, value: Json, gives: Json) -> None:
    """The table of what goes in and what comes out."""
    result = run(step, value)
    assert result == gives
    assert result.__class__ is gives.__class__


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("integer", "４"),
        ("integer", "²"),
        ("integer", 3.5),
        ("integer", True),
        ("integer", "9" * 19),
        ("number", "nan"),
        ("number", "1e999"),
        ("number", "1,5"),
        ("boolean", "on"),
        ("epoch_s", 0),
        ("epoch_s", "0"),
        ("epoch_s", 1795332317123),
        ("time", "2026-02-28T23:30:00"),
        ("time", "2026-02-30T00:00:00Z"),
        ({"time": {"format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}}, "29.03.2026 02:30"),
        ({"parse": "EC-(?P<n>[0-9]{4})"}, "KC-0001"),
        ({"parse": "EC-(?P<n>[0-9]{4})"}, "EC-0001-T"),
        ("trim", 5),
        ({"time": {"format": "yyyyMMdd", "zone": "Asia/Shanghai"}}, "2026221"),
        ({"time": {"format": "yyyyMMdd", "zone": "Asia/Shanghai"}}, "20260230"),
        ({"time": {"zone": "America/New_York"}}, "2026-03-08T02:30:00"),
        ({"time": {"zone": "America/New_York", "ambiguous": "refuse"}}, "2026-11-01T01:30:00"),
        ({"time": {"zone": "Asia/Shanghai"}}, "0001-01-01T00:00:00"),
        ({"time": {"zone": "America/New_York"}}, "9999-12-31T23:59:59"),
        ("integer", 1e300),
        ("dotnet", "/Date(0)/"),
        ("dotnet", "Date(1767225600000)"),
        ({"decimal": {"point": ",", "group": "."}}, "1.23,5"),
        ({"decimal": 2}, "1e5"),
        ({"unit": {"from": "kPa", "to": "MPa"}}, "high"),
        ({"filter": "value.tag == 'x'"}, {"tag": "x"}),
        ({"filter": "value.tag"}, [{"tag": "x"}]),
        ({"cel": "value * 2"}, [1]),
        ({"map": "integer"}, ["1", "x"]),
        ({"get": "$.name"}, "name"),
        ("pinyin", 3),
        ("hash", ["a"]),
        ({"lookup": "device"}, {"id": 1}),
        ("first", "abc"),
        ({"join": ","}, [[1]]),
    ],
)
def test_what_a_step_refuses(step: Json, value: Json) -> None:
    """What cannot be meant is invalid, never guessed: full-width digits, never-times, an hour that does not exist."""
    with pytest.raises(StepError):
        run(step, value)


@pytest.mark.parametrize(
    ("step", "value", "gives"),
    [
        (
            {"time": {"format": ["yyyyMMdd", "yyyy-MM-dd HH:mm:ss.SSS"], "zone": "Asia/Shanghai"}},
            "20260301",
            "2026-02-28T16:00",
        ),
        (
            {"time": {"format": ["yyyyMMdd", "yyyy-MM-dd HH:mm:ss.SSS"], "zone": "UTC"}},
            "2026-03-01 08:00:00.250",
            "2026-03-01T08:00:00.25",
        ),
        ({"time": {"format": "yyyy-MM-dd'T'HH:mm:ssXXX"}}, "2026-03-01T08:00:00+08:00", "2026-03-01T00:00"),
        ({"time": {"zone": "Asia/Shanghai"}}, "2026-03-01 08:00", "2026-03-01T00:00"),
        ({"time": {"zone": "America/New_York"}}, "2026-11-01T01:30:00", "2026-11-01T05:30"),
        ({"time": {"zone": "America/New_York", "ambiguous": "second"}}, "2026-11-01T01:30:00", "2026-11-01T06:30"),
        ({"decimal": {"point": ",", "group": "."}}, "-1.234.567,80", "-1234567.80"),
        ({"decimal": {"places": 2, "rounding": "half_up"}}, "2.675", "2.68"),
        ({"decimal": 2}, 2.675, "2.68"),
        ({"decimal": 2}, "2.665", "2.66"),
        ({"decimal": 0}, "-0.4", "0"),
        ({"unit": {"from": "Cel", "to": "[degF]"}}, 1, 33.8),
        ({"unit": {"from": "kW.h", "to": "J"}}, "1.5", 5400000),
        ({"unit": {"from": "/min", "to": "Hz"}}, 90, 1.5),
        ({"pad": {"to": 4, "with": " ", "side": "right"}}, "ab", "ab  "),
        ({"slice": {"from": -4}}, "20260215-8891", "8891"),
        ({"mask": {"first": 3, "last": 4}}, "1380013", "*******"),
        ({"cel": "value.size() > 3 ? value : 'short'"}, "ab", "short"),
        ({"filter": "value.startsWith('S')"}, ["SEAL", "OIL"], ["SEAL"]),
        ({"map": [{"get": "$.value"}, "trim"]}, [{"value": " a "}, {"other": 1}], ["a"]),
        ("t2s", "乾隆乾燥", "乾隆干燥"),
        ("half_width", "ＥＣ－２０２６　８", "EC-2026 8"),
    ],
)
def test_what_a_step_makes_of_it(step: Json, value: Json, gives: Json) -> None:
    """Forms that systems send: letters of Java and .NET, naive local times, comma decimals, UCUM units, full-width signs."""
    got = run(step, value)
    assert got == gives or (isinstance(gives, str) and gives.startswith("20") and got.startswith(gives)), got


def test_a_word_that_the_table_lacks_is_named_with_its_neighbour() -> None:
    """An unmapped word says which words there are."""
    with pytest.raises(UnmappedError) as caught:
        run({"table": {"problem": "open", "resolved": "resolved"}}, "problm")
    assert "'problem'" in caught.value.fix
    assert "resolved" in caught.value.why


def test_an_empty_text_or_list_can_vanish() -> None:
    """Filled and first let the value count as missing."""
    for step, value in (("filled", "  "), ("first", []), ({"parse": "a(?P<n>b)?"}, "a")):
        with pytest.raises(Vanished):
            run(step, value)


@given(st.integers(86_400, 253_402_300_799))
def test_an_epoch_time_keeps_its_moment(seconds: int) -> None:
    """epoch_s and epoch_ms name the same moment as the number they were given."""
    assert from_rfc3339(run("epoch_s", seconds)) == seconds * 1_000_000
    assert run("epoch_ms", seconds * 1000) == run("epoch_s", str(seconds))


def test_a_hostile_pattern_takes_no_time() -> None:
    """A pattern that would take for ever with backtracking is only a pattern."""
    with pytest.raises(StepError):
        run({"parse": r"(?P<n>(\w+\s?)*)"}, "a" * 5000 + "!")


def test_the_page_of_steps_is_made_from_the_code() -> None:
    """docs/reference/steps.md says what the code says."""
    page: Any = Path(__file__).parents[2] / "docs" / "reference" / "steps.md"
    assert page.read_text(encoding="utf-8") == reference()
