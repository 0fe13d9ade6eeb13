"""A formula: one field computed from others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from core.expressions.engine import Failure, Program, program
from core.expressions.errors import ExpressionError, InvalidExpressionError, NoValueError
from core.expressions.values import result
from core.words import Json

_FITS = {"number": {"number", "integer"}, "ref": {"string"}, "time": {"time", "string"}}


class Formula:
    """A compiled formula. Texts compare exactly here, because a formula makes values."""

    __slots__ = ("_program", "inputs", "names", "returns", "source")

    def __init__(self, compiled: Program) -> None:
        self._program = compiled
        self.source = compiled.source
        self.inputs: list[tuple[str, str]] = list(compiled.inputs.items())
        """(flat name, DIRECT or INDIRECT) of every field it reads: its lineage."""
        self.names: tuple[str, ...] = tuple(compiled.inputs)
        assert compiled.returns is not None, "compile_formula refuses others"
        self.returns: str = compiled.returns
        """A type word, or ``any`` when only the values decide."""

    def evaluate(self, values: Mapping[str, Json]) -> Json:
        """Return the value; NoValueError when a field it needs has none, ExpressionError when it cannot be computed."""
        answer = self._program.run(values)
        if not isinstance(answer, Failure):
            try:
                return result(_whole(answer))
            except ValueError as error:
                answer = Failure(str(error))
        what = f"The formula {self.source!r} has no value."
        if answer.no_value is not None:
            raise NoValueError(
                what, why=answer.reason, fix="None needed: it is computed when the field has a value.", field=answer.no_value
            )
        raise ExpressionError(what, why=answer.reason, fix="Correct the formula, or guard the case with ?: and present().")

    def fits(self, word: str) -> bool:
        """Say whether its result can be the value of a field of this type."""
        return self.returns == "any" or self.returns == word or self.returns in _FITS.get(word, ())


def _whole(answer: object) -> object:
    """Return lists and maps of engine values as plain ones."""
    if isinstance(answer, list):
        return [_whole(one) for one in answer]
    if isinstance(answer, dict):
        return {key: _whole(one) for key, one in answer.items()}
    plain = getattr(answer, "plain_value", None)
    return plain() if plain is not None else answer


def compile_formula(source: str, types: Mapping[str, str]) -> Formula:
    """
    Compile a formula over flat, typed names, or raise InvalidExpressionError with the place.

    >>> formula = compile_formula('alert.score * 2', {"alert.score": "number"})
    >>> formula.inputs, formula.returns, formula.evaluate({"alert.score": 1.5})
    ([('alert.score', 'DIRECT')], 'number', 3.0)
    """
    return _compiled(source, frozenset(types.items()))


@lru_cache(maxsize=4096)
def _compiled(source: str, types: frozenset[tuple[str, str]]) -> Formula:
    compiled = program(source, dict(types), exact=True)
    if compiled.returns is None:
        raise InvalidExpressionError(
            "The result is nothing a field can hold.",
            why="Fields hold text, numbers, booleans, times, lists and objects.",
            fix="Convert it: string(…), or .getSeconds() of a duration.",
        )
    return Formula(compiled)
