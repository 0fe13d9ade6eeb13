"""CEL behind our adapter: one test per trap that the engine sets (errors, bombs, numbers, absence)."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from core.expressions import ExpressionError, InvalidExpressionError, NoValueError, compile_condition, compile_formula
from core.words import Verdict
from tests.core.expressing import TYPES, refusal, value

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
