"""CEL behind our adapter: how text compares, and what is refused at save, with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.expressions import (
    InvalidExpressionError,
    compile_condition,
    compile_formula,
    condition_problems,
    fold,
    formula_problems,
)
from core.words import Verdict
from tests.core.expressing import TYPES, refusal, value

# --- Text -------------------------------------------------------------------------------------------------------------


def test_size_counts_characters() -> None:
    """生产线停机 has five, not fifteen."""
    assert value("alert.title.size()", alert__title="生产线停机") == 5


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ('alert.title == "Ｆan ＦＡＩＬＵＲＥ"', "fan failure"),
        ('alert.title in ["FAN FAILURE"]', "Fan Failure"),
        ('alert.title.startsWith("FAN")', "ｆａｎ failure"),
        ('alert.title.contains("Straße")', "HAUPTSTRASSE 1"),
        (r'alert.title.matches("^Fan\\S+\\sFAIL")', "fan2 Failure"),
        (r'alert.title.matches(r"^\D+（\d）$")', "Fan（3）"),
        ('matches(alert.title, "ＦＡＮ")', "fan"),
        ('alert.extra["Host Name"] == "WEB1" && alert.extra.Site == "EAST"', ""),
        ('"WEB1" in alert.tags && alert.tags.exists(t, t == "Web1")', ""),
        ('"host NAME" in alert.extra', ""),
        ('timestamp(alert.at).getHours("Asia/Shanghai") == 8 && timestamp(alert.at) == timestamp("2026-01-01T00:00:00Z")', ""),
    ],
)
def test_text_compares_without_regard_to_width_and_case(source: str, title: str) -> None:
    """NFKC and casefold on both sides, and patterns, keys, times and zones keep their meaning."""
    values = {
        "alert.title": title,
        "alert.extra": {"host name": "web1", "site": "East"},
        "alert.tags": ["web1"],
        "alert.at": "2026-01-01T00:00:00Z",
    }
    assert compile_condition(source, TYPES).judge(values).verdict is Verdict.FIRED


def test_exact_means_exact() -> None:
    """With exact: true nothing is folded."""
    assert compile_condition('alert.title == "Fan"', TYPES, True).judge({"alert.title": "fan"}).verdict is Verdict.NOT_MATCHED
    assert (
        compile_condition('alert.title.upperAscii() == "FAN"', TYPES, True).judge({"alert.title": "fan"}).verdict
        is Verdict.FIRED
    )
    assert "exact" in refusal('alert.title.upperAscii() == "FAN"').fix


def test_a_formula_never_changes_text() -> None:
    """Formulas make values; folding is for comparing only."""
    assert value('alert.title + "Ｘ"', alert__title="Ａ") == "ＡＸ"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(TEXTS, TEXTS)
def test_equality_is_that_of_folded_texts(left: str, right: str) -> None:
    """For every pair of texts, == says what comparing their folded forms says."""
    condition = compile_condition("alert.title == device.name", TYPES)

    judged = condition.judge({"alert.title": left, "device.name": right})

    assert (judged.verdict is Verdict.FIRED) == (fold(left) == fold(right))


@given(TEXTS)
def test_a_text_equals_its_own_literal(text: str) -> None:
    """Whatever a text holds, a condition that quotes it holds for it."""
    quoted = '"' + "".join(f"\\U{ord(one):08x}" for one in text) + '"'

    assert compile_condition(f"alert.title == {quoted}", TYPES).judge({"alert.title": text}).verdict is Verdict.FIRED


# --- Refusals with a place ----------------------------------------------------------------------------------------------


def test_an_unknown_field_is_refused_with_its_place_and_the_near_name() -> None:
    """A misspelt field is found at save, also behind Chinese text and on a later line."""
    caught = refusal('alert.status == "生产线" &&\n  alert.sevrity > 3')

    assert (caught.line, caught.column, caught.what) == (2, 3, "There is no field 'alert.sevrity'.")
    assert "Did you mean 'alert.severity'?" in caught.fix


def test_a_bare_word_is_answered_with_the_full_name() -> None:
    """Severity is not in scope; alert.severity is."""
    assert "'alert.severity'" in refusal("severity > 3").fix


def test_a_non_ascii_key_is_refused_with_what_to_do() -> None:
    """Keys are ASCII, titles are in any language."""
    assert "title" in refusal("alert.客户等级 == '金'").fix
    with pytest.raises(InvalidExpressionError, match="ASCII"):
        compile_formula("1", {"alert.客户": "string"})


@pytest.mark.parametrize("word", ["in", "package", "present", "true"])
def test_a_reserved_word_cannot_be_a_key(word: str) -> None:
    """alert.in could be declared but never written."""
    with pytest.raises(InvalidExpressionError, match="cannot be called"):
        compile_formula("1", {f"alert.{word}": "string"})


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("alert.title == “x”", "full-width"),
        ("alert.severity ＞ 3", "full-width"),
        ('alert.title = "x"', "single '='"),
        ('alert.title == "x', "not closed"),
        ("alert.title ==", "cannot be read"),
        ("alert.title == 3", "cannot be applied"),
        ('alert.urgent and alert.title == "x"', "'and' means nothing"),
        ("not alert.urgent", "'not' means nothing"),
        ("alert.title.foo()", "no function foo()"),
        ("alert.title.startWith('x')", "startWith"),
        ("alert.title", "true or false"),
        ("alert.title.matches('(')", "cannot work"),
        ("alert.title.matches(device.name)", "not a fixed text"),
        ('timestamp("yesterday") < timestamp(alert.at)', "cannot work"),
        ("alert.tags.exists(t, t.nope(1))", "no function"),
        ("dyn(alert.severity) > 2.0", "not offered"),
        ("x" * 10_001, "too long"),
    ],
)
def test_what_cannot_work_is_refused_at_save(source: str, what: str) -> None:
    """Every known mistake is named before it is live."""
    assert what in refusal(source).what


@pytest.mark.parametrize("source", ["", "  \n", "// always"])
def test_an_empty_condition_is_an_error_not_always(source: str) -> None:
    """Whoever means always writes true."""
    refusal(source)
    assert compile_condition("true", TYPES).judge({}).verdict is Verdict.FIRED


def test_results_that_no_field_can_hold_are_refused() -> None:
    """A duration, null or bytes is not a value of a field."""
    for source in ('duration("1h")', "null", "b'x'"):
        with pytest.raises(InvalidExpressionError, match="nothing a field can hold"):
            compile_formula(source, TYPES)


def test_problems_carry_path_and_place() -> None:
    """A definition's author sees where in the file and where in the text."""
    (problem,) = condition_problems("when", "alert.sevrity > 3", TYPES)
    (mismatch,) = formula_problems("expression", "alert.title", TYPES, "integer")

    assert (problem.path, "(line 1, column 1)" in problem.what) == ("when", True)
    assert "gives string, but its field is integer" in mismatch.what
    assert formula_problems("expression", "alert.severity", TYPES, "number") == []
