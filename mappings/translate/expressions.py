"""The step that computes: CEL over ``value``, the same language as in bridges and formulas."""

from __future__ import annotations

from core.errors import TielineError
from core.expressions import Formula, InvalidExpressionError, NoValueError, compile_formula
from core.words import Json
from mappings.translate.step import Lens, Step, StepDefinitionError, StepError, Vanished, World, kind_of

_WORDS: dict[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "list",
}


class Expression:
    """
    One expression over ``value``, compiled for every type of value it makes sense for; the value at hand decides.

    >>> double = Expression("value * 2", "cel")
    >>> double(4), double(1.5)
    (8, 3.0)
    """

    def __init__(self, source: str, step: str, *, truth: bool = False) -> None:
        self._step, self._truth = step, truth
        self._formulas: dict[type, Formula] = {}
        faults: dict[str, str] = {}
        for kind, word in _WORDS.items():
            try:
                formula = compile_formula(source, {"value": word})
            except InvalidExpressionError as error:
                faults.setdefault(f"{error.what} {error.why}".strip(), error.fix)
                continue
            if truth and formula.returns not in ("boolean", "any"):
                faults.setdefault(f"It gives {formula.returns}, and a condition gives true or false.", "Compare something.")
                continue
            self._formulas[kind] = formula
        if not self._formulas:
            (why, fix), *_ = faults.items()
            raise StepDefinitionError(f"the expression cannot be used: {why} {fix}".strip())

    def __call__(self, value: Json) -> Json:
        """Return what it gives for a value."""
        formula = self._formulas.get(value.__class__)
        if formula is None:
            why = f"The expression of the step {self._step} cannot work on {kind_of(value)}."
            raise StepError(why, "Convert the value first, or use type(value) in the expression.")
        try:
            found = formula.evaluate({"value": value})
        except NoValueError as error:
            raise Vanished from error
        except TielineError as error:
            raise StepError(error.why, error.fix) from error
        if self._truth and found.__class__ is not bool:
            raise StepError(f"The condition of the step {self._step} gives {kind_of(found)}.", "Compare it with something.")
        return found


def _cel(argument: Json, world: World) -> Lens:
    if not isinstance(argument, str):
        raise StepDefinitionError("the step cel takes an expression over value: {cel: 'value * 2'}")
    return Lens(Expression(argument, "cel"), None, "an expression cannot be run backwards")


STEPS = (
    Step(
        "cel",
        "Compute with a CEL expression over `value`. What it cannot find in an object counts as missing.",
        "用 CEL 表达式(以 value 表示该值)计算;对象中不存在的部分视为缺失。",
        _cel,
        {"high": 7, "low": 2},
        5,
        "int(value.high) - int(value.low)",
        group="look-up",
    ),
)
