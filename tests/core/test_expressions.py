"""CEL behind our adapter: one test per trap that the engine sets."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.expressions import (
    ExpressionError,
    InvalidExpressionError,
    NoValueError,
    compile_condition,
    compile_formula,
    condition_problems,
    fold,
    formula_problems,
)
from core.words import Verdict

TYPES = {
    "alert.title": "string",
    "alert.status": "string",
    "alert.severity": "integer",
    "alert.score": "number",
    "alert.urgent": "boolean",
    "alert.at": "time",
    "alert.tags": "list",
    "alert.extra": "object",
    "alert.device": "ref",
    "device.name": "string",
}


def value(source: str, **values: Any) -> Any:
    """Evaluate a formula; alert__title=… gives alert.title."""
    return compile_formula(source, TYPES).evaluate({name.replace("__", "."): one for name, one in values.items()})


def refusal(source: str, *, exact: bool = False) -> InvalidExpressionError:
    """Return why a condition is refused."""
    with pytest.raises(InvalidExpressionError) as caught:
        compile_condition(source, TYPES, exact)
    return caught.value


# --- Errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "values", "why"),
    [
        ("1 / alert.severity", {"alert__severity": 0}, "Divide by zero"),
        ("int(alert.title)", {"alert__title": "x"}, "Cannot convert"),
        ("alert.severity + 9223372036854775807", {"alert__severity": 1}, "overflow"),
        ("alert.tags[3] == 1", {"alert__tags": []}, "Index error"),
        ("alert.score / alert.score", {"alert__score": 0.0}, "not a finite number"),
        ("alert.score * 1e308", {"alert__score": 1e300}, "not a finite number"),
        ("alert.title", {"alert__title": 3}, "alert.title should be text but is a whole number"),
        ("alert.severity", {"alert__severity": "3"}, "alert.severity should be a whole number but is text"),
        ("alert.severity", {"alert__severity": True}, "alert.severity should be a whole number but is a boolean"),
        ("alert.severity", {"alert__severity": 2**70}, "at most 64 bits"),
        ("alert.title", {"alert__title": "\ud800"}, ""),
        ("alert.title", {"alert__title": "a\0b"}, "text with a NUL character"),
        ("alert.tags", {"alert__tags": [{"a\0b": 1}]}, "without NUL"),
    ],
)
def test_an_evaluation_error_is_raised_and_never_a_truthy_text(source: str, values: dict[str, Any], why: str) -> None:
    """What the engine hands back as a truthy error text is an ExpressionError here, with the reason."""
    with pytest.raises(ExpressionError) as caught:
        value(source, **values)

    assert why in caught.value.why
    assert not isinstance(caught.value, NoValueError)


def test_an_error_is_neither_true_nor_false_in_a_condition() -> None:
    """A condition that cannot be evaluated is an ERROR with its reason, not a match and not a miss."""
    judged = compile_condition("1 / alert.severity > 0", TYPES).judge({"alert.severity": 0})

    assert (judged.verdict, judged.reason) == (Verdict.ERROR, "Divide by zero.")


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("1 / alert.severity > 0 || alert.urgent", Verdict.FIRED),
        ("alert.urgent || 1 / alert.severity > 0", Verdict.FIRED),
        ("1 / alert.severity > 0 && alert.status == 'x'", Verdict.NOT_MATCHED),
        ("alert.status == 'x' && 1 / alert.severity > 0", Verdict.NOT_MATCHED),
        ("1 / alert.severity > 0 && alert.urgent", Verdict.ERROR),
        ("alert.urgent ? true : 1 / alert.severity > 0", Verdict.FIRED),
    ],
)
def test_short_circuits_absorb_errors_on_either_side(source: str, verdict: Verdict) -> None:
    """Error || true is true, error && false is false, whichever side the error is on."""
    judged = compile_condition(source, TYPES).judge({"alert.severity": 0, "alert.urgent": True, "alert.status": "open"})

    assert judged.verdict is verdict


# --- Nesting and bombs ------------------------------------------------------------------------------------------------


def test_a_sum_of_33_terms_is_refused_with_a_way_out() -> None:
    """The engine's depth of 32 is said in the author's terms, at save."""
    compile_formula("+".join(["alert.severity"] * 30), TYPES)

    with pytest.raises(InvalidExpressionError) as caught:
        compile_formula("+".join(["alert.severity"] * 33), TYPES)

    assert "30 terms" in caught.value.why
    assert "formulas of their own" in caught.value.fix


def test_choices_inside_choices_are_refused_with_a_way_out() -> None:
    """Twenty nested ?: are refused at save, not at three in the morning."""
    nested = "alert.urgent ? 1 : (" * 20 + "2" + ")" * 20
    with pytest.raises(InvalidExpressionError) as caught:
        compile_formula(nested, TYPES)

    assert "16 choices" in caught.value.why


def test_two_hundred_clauses_are_fine() -> None:
    """&& is not nesting."""
    judged = compile_condition(" && ".join(["alert.severity >= 1"] * 200), TYPES).judge({"alert.severity": 1})

    assert judged.verdict is Verdict.FIRED


def test_a_comprehension_bomb_stops() -> None:
    """Lists inside lists inside lists run out of steps within a blink, and say so."""
    condition = compile_condition("alert.tags.all(a, alert.tags.all(b, alert.tags.all(c, a != b || b != c || true)))", TYPES)
    started = time.monotonic()

    judged = condition.judge({"alert.tags": list(range(200))})

    assert (judged.verdict, time.monotonic() - started < 2) == (Verdict.ERROR, True)
    assert judged.reason is not None
    assert "too many elements" in judged.reason


def test_a_long_text_cannot_be_multiplied_in_a_loop() -> None:
    """Where an expression goes over a list, the texts it reads are bounded, so steps bound memory as well."""
    with pytest.raises(ExpressionError, match="at most 32768 characters"):
        value("alert.tags.map(t, alert.title + alert.title)", alert__tags=[1], alert__title="x" * 40_000)

    assert value("alert.title.size()", alert__title="x" * 40_000) == 40_000


@pytest.mark.parametrize("source", ['alert.title.replace("", alert.title)', "alert.title.split('').join(alert.title)"])
def test_functions_that_square_a_text_are_not_offered(source: str) -> None:
    """replace() and join() made a gigabyte of 32 KB in the engine; they are refused with what to do instead."""
    with pytest.raises(InvalidExpressionError, match="text of any size"):
        compile_formula(source, TYPES)


def test_a_regular_expression_bomb_is_harmless() -> None:
    """Patterns run in linear time."""
    started = time.monotonic()
    value('alert.title.matches("^(a+)+$")', alert__title="a" * 5000 + "b")

    assert time.monotonic() - started < 1


# --- Numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("alert.score * 2", 3.0),
        ("2 * alert.score", 3.0),
        ("alert.score * 2 + 1", 4.0),
        ("alert.score > 1 ? 1 : 0.5", 1.0),
        ("alert.score - -1", 2.5),
        ("alert.score * (2 + 3) / 5", 1.5),
        ("alert.score + 0x10", 17.5),
    ],
)
def test_a_whole_literal_beside_a_number_is_read_as_a_number(source: str, expected: float) -> None:
    """The author may write score * 2; the engine insists on 2.0."""
    assert value(source, alert__score=1.5) == expected


@pytest.mark.parametrize("source", ["alert.score > 1", "alert.score == 2 || alert.score >= 1", "1 < alert.score"])
def test_a_comparison_takes_whole_literals_too(source: str) -> None:
    """The same for comparisons."""
    assert compile_condition(source, TYPES).judge({"alert.score": 1.5}).verdict is Verdict.FIRED


def test_a_whole_field_beside_a_number_is_answered_with_the_fix() -> None:
    """No guess is made about a field: the refusal shows the place and says double(…)."""
    caught = refusal("alert.severity * 0.5 > 1.0")

    assert (caught.line, caught.column) == (1, 16)
    assert "double(" in caught.fix


def test_numbers_are_converted_to_the_declared_type() -> None:
    """A whole number, a Decimal and a float are all numbers; a whole-valued float is a whole number."""
    assert value("alert.score", alert__score=3) == 3.0
    assert value("alert.score", alert__score=Decimal("1.25")) == 1.25
    assert value("alert.severity", alert__severity=Decimal("4")) == 4
    assert value("alert.severity + 1", alert__severity=4.0) == 5
    with pytest.raises(ExpressionError, match="whole number"):
        value("alert.severity", alert__severity=4.5)


def test_decimals_inside_objects_are_converted() -> None:
    """The engine cannot take a Decimal anywhere, however deep."""
    assert value("double(alert.extra.a[0].b) * 2.0", alert__extra={"a": [{"b": Decimal("1.5")}]}) == 3.0


def test_arithmetic_on_parts_of_objects_needs_a_type() -> None:
    """3 would work and 3.5 would not, so the type must be said before the first value comes."""
    with pytest.raises(InvalidExpressionError, match="part of an object") as caught:
        compile_formula("alert.extra.load * 2.0", TYPES)

    assert "double(" in caught.value.fix
    assert value("double(alert.extra.load) * 2", alert__extra={"load": 3}) == 6.0
    assert value("string(alert.extra.id)", alert__extra={"id": 1234567890123}) == "1234567890123"


def test_parts_of_objects_compare_across_number_types() -> None:
    """In a comparison 1 equals 1.0, also inside objects."""
    condition = compile_condition("alert.extra.load >= 2 && alert.extra.load == 2.0", TYPES)

    assert condition.judge({"alert.extra": {"load": 2}}).verdict is Verdict.FIRED


# --- Null and missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "word"), [({}, "missing"), ({"alert.severity": None}, "null")])
def test_a_comparison_with_no_value_does_not_match_and_says_so(values: dict[str, Any], word: str) -> None:
    """Null and missing are no match, with the reason; they are not errors."""
    judged = compile_condition("alert.severity >= 3", TYPES).judge(values)

    assert judged.verdict is Verdict.NOT_MATCHED
    assert judged.reason == f"alert.severity has no value ({word})."
    assert (judged.clause, judged.left, judged.right) == ("alert.severity >= 3", None, 3)


def test_a_negated_comparison_with_no_value_does_not_match_either() -> None:
    """Unknown is not the opposite of false."""
    for source in ("alert.status != 'open'", "!(alert.status == 'open')"):
        assert compile_condition(source, TYPES).judge({}).verdict is Verdict.NOT_MATCHED


def test_a_formula_without_a_value_says_which_field() -> None:
    """NoValueError tells a field without a value from a formula that is wrong."""
    with pytest.raises(NoValueError) as caught:
        value("alert.severity + 1", alert__severity=None)

    assert caught.value.facts["field"] == "alert.severity"


def test_present_asks_whether_a_field_has_a_value() -> None:
    """present() is true for any value, also empty text, zero and false."""
    assert value('present(alert.title) ? alert.title : "none"') == "none"
    assert value('present(alert.title) ? alert.title : "none"', alert__title=None) == "none"
    assert value("present( alert.title )", alert__title="") is True
    assert value("!present(alert.severity)", alert__severity=0) is False
    assert (
        compile_condition("present(alert.extra) && has(alert.extra.cpu)", TYPES).judge({"alert.extra": {"cpu": 1}}).verdict
        is Verdict.FIRED
    )


def test_has_on_a_field_is_refused_with_present() -> None:
    """The engine reads has(alert.title) as alert.title; nobody may meet that."""
    caught = refusal("alert.urgent && has(alert.title)")

    assert (caught.fix, caught.column) == ("Write present(alert.title).", 17)


def test_present_of_something_else_is_refused() -> None:
    """present() takes one declared field."""
    assert "alert.titel" in refusal("present(alert.titel)").what
    assert "has(" in refusal("present(alert.extra.cpu)").fix


def test_comparing_with_null_is_refused_with_present() -> None:
    """There is one way to ask for absence."""
    assert "present(field)" in refusal("alert.title == null").fix


def test_a_missing_part_of_an_object_is_no_value() -> None:
    """A key that is not there, or null, counts like a field without a value."""
    condition = compile_condition("alert.extra.cpu > 3", TYPES)

    assert condition.judge({"alert.extra": {}}).verdict is Verdict.NOT_MATCHED
    assert condition.judge({"alert.extra": {"cpu": None}}).verdict is Verdict.NOT_MATCHED
    assert condition.judge({"alert.extra": {"cpu": "high"}}).verdict is Verdict.ERROR


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
