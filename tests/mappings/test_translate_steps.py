from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import from_rfc3339
from core.words import Json
from mappings.translate.step import Step, StepDefinitionError, StepError, UnmappedError, Vanished
from mappings.translate.steps import STEPS, make_step, reference
from tests.mappings.strategies import documents


def run(written: Json, value: Json) -> Json:
    return make_step(written, {"colours": {"红": "red"}})[1](value)


def written(step: Step) -> Json:
    return step.name if step.argument is None else {step.name: step.argument}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_example_is_true(step: Step) -> None:
    """What the list of steps shows is what the step does."""
    assert run(written(step), step.given) == step.gives
    assert step.help
    assert step.help_zh


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
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


@pytest.mark.parametrize("step", [step for step in STEPS.values() if step.argument is None], ids=lambda step: step.name)
def test_a_step_without_argument_refuses_one(step: Step) -> None:
    """An argument that would be ignored is refused."""
    if step.name != "time":
        with pytest.raises(StepDefinitionError, match="takes no argument"):
            make_step({step.name: 1}, {})


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("trimm", "Did you mean 'trim'"),
        ({"table": "colors"}, "Did you mean 'colours'"),
        ({"trim": None, "lower": None}, "a step is a name"),
        (7, "a step is a name"),
        ({"table": {}}, "takes the name"),
        ({"join": 3}, "takes the text between"),
        ({"parse": "(?P<a>x"}, "not RE2"),
        ({"parse": "x"}, "named groups"),
        ({"parse": {"pattern": "(?P<a>x)", "take": "b"}}, "named groups"),
        ({"time": {"format": "%Y"}}, "zone"),
        ({"time": {"format": "%Y", "zone": "Mars/Base"}}, "no time zone"),
        ({"time": {"formt": "%Y"}}, "takes `format`"),
        ("default", "takes the value"),
    ],
)
def test_a_step_that_is_written_wrong_is_refused(bad: Json, why: str) -> None:
    """A misspelt step, table or argument is an error of the definition, with the near name."""
    with pytest.raises(StepDefinitionError, match=why):
        make_step(bad, {"colours": {"红": "red"}})


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
        ("first", "abc"),
        ({"join": ","}, [[1]]),
    ],
)
def test_what_a_step_refuses(step: Json, value: Json) -> None:
    """What cannot be meant is invalid, never guessed: full-width digits, never-times, an hour that does not exist."""
    with pytest.raises(StepError):
        run(step, value)


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
