"""
CEL behind one adapter: conditions and formulas are the same language, and what runs gives the lineage.

Names are flat and typed (``alert.severity``), values are plain JSON; a name that is absent from the values
is missing, None is null. docs/why/expressions.md says why it is built this way.
"""

from collections.abc import Mapping

from core.definitions import Problem
from core.expressions.condition import FIRED, Condition, Judgement, compile_condition
from core.expressions.errors import ExpressionError, InvalidExpressionError, NoValueError
from core.expressions.formula import Formula, compile_formula
from core.expressions.refusals import FUNCTIONS, RESERVED
from core.expressions.tree import DIRECT, INDIRECT
from core.expressions.values import fold

__all__ = [
    "DIRECT",
    "FIRED",
    "FUNCTIONS",
    "INDIRECT",
    "RESERVED",
    "Condition",
    "ExpressionError",
    "Formula",
    "InvalidExpressionError",
    "Judgement",
    "NoValueError",
    "compile_condition",
    "compile_formula",
    "condition_problems",
    "fold",
    "formula_problems",
]


def formula_problems(path: str, source: str, types: Mapping[str, str], word: str | None = None) -> list[Problem]:
    """Return why a formula cannot be saved (for a field of type ``word``), or nothing."""
    try:
        formula = compile_formula(source, types)
    except InvalidExpressionError as error:
        return [error.problem(path)]
    if word is None or formula.fits(word):
        return []
    return [
        Problem(
            path,
            f"The formula gives {formula.returns}, but its field is {word}.",
            f"Convert it, or declare the field as {formula.returns}.",
        )
    ]


def condition_problems(path: str, source: str, types: Mapping[str, str], *, exact: bool = False) -> list[Problem]:
    """Return why a condition cannot be saved, or nothing."""
    try:
        compile_condition(source, types, exact)
    except InvalidExpressionError as error:
        return [error.problem(path)]
    return []
