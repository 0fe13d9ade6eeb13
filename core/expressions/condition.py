"""A condition: true, or the first clause that is not, with what it compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.expressions.engine import Failure, Program, program
from core.expressions.errors import ExpressionError, InvalidExpressionError
from core.expressions.formula import Formula
from core.expressions.tokens import clauses, relation
from core.expressions.values import fold
from core.words import Json, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    The verdict, and for all but FIRED the clause as its author wrote it, both values it compared, and the reason.

    A clause that is not one comparison has the value it read as ``left`` (an object of values when several), no ``right``.
    """

    verdict: Verdict
    clause: str | None = None
    left: Json = None
    right: Json = None
    reason: str | None = None


FIRED = Judgement(Verdict.FIRED)


class _Clause:
    __slots__ = ("equal", "left", "program", "right", "source")

    def __init__(self, compiled: Program, types: Mapping[str, str]) -> None:
        self.program, self.source = compiled, compiled.source
        sides = relation(compiled.source)
        self.equal = sides is not None and sides[1] == "=="
        self.left = _side(sides[0], types) if sides else _all_read(compiled)
        self.right = _side(sides[2], types) if sides else _nothing

    def explain(self, answer: object, values: Mapping[str, Json]) -> Judgement:
        verdict, reason = Verdict.NOT_MATCHED, None
        if isinstance(answer, Failure):
            reason = answer.reason
            verdict = Verdict.ERROR if answer.no_value is None else verdict
        elif answer is not False:
            verdict, reason = Verdict.ERROR, f"It is neither true nor false but {answer!r}."
        left, right = self.left(values), self.right(values)
        if verdict is Verdict.NOT_MATCHED and reason is None and self.equal and _nearly(left, right):
            reason = "The texts differ only in case or width, and this bridge compares exactly (exact: true)."
        return Judgement(verdict, self.source, left, right, reason)


class Condition:
    """A compiled condition: its clauses are judged in order, on only the fields they name."""

    __slots__ = ("_clauses", "exact", "inputs", "names", "source")

    def __init__(self, source: str, whole: Program, parts: list[Program], types: Mapping[str, str], *, exact: bool) -> None:
        self.source, self.exact = source, exact
        self.names: tuple[str, ...] = tuple(whole.inputs)
        self.inputs: list[tuple[str, str]] = [(name, "INDIRECT") for name in whole.inputs]
        """(flat name, INDIRECT): a condition decides, it never becomes a value."""
        self._clauses = [_Clause(part, types) for part in parts]

    def judge(self, values: Mapping[str, Json]) -> Judgement:
        """
        Say whether it holds. A false clause wins over an error, as ``false && error`` is false; a comparison
        with a field that has no value does not match; any other error is an ERROR, never true or false.
        """
        failed: Judgement | None = None
        for clause in self._clauses:
            answer = clause.program.run(values)
            if answer is True:
                continue
            judgement = clause.explain(answer, values)
            if judgement.verdict is Verdict.NOT_MATCHED:
                return judgement
            failed = failed or judgement
        return failed or FIRED

    def read(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Return the values it looks at: what a decision records."""
        return {name: values[name] for name in self.names if name in values}


def _nearly(left: Json, right: Json) -> bool:
    """Say whether two different texts are one when folded: only an exact bridge tells them apart."""
    return isinstance(left, str) and isinstance(right, str) and left != right and fold(left) == fold(right)


def _nothing(values: Mapping[str, Json]) -> Json:
    return None


def _all_read(compiled: Program) -> Callable[[Mapping[str, Json]], Json]:
    names = tuple(compiled.inputs)

    def read(values: Mapping[str, Json]) -> Json:
        return values.get(names[0]) if len(names) == 1 else {name: values.get(name) for name in names}

    return read


def _side(source: str, types: Mapping[str, str]) -> Callable[[Mapping[str, Json]], Json]:
    """Return how one side of a comparison is shown: a field as it came, unfolded; anything else computed."""
    if source in types:
        return lambda values: values.get(source)
    try:
        formula = Formula(program(source, types, exact=True))
    except (ExpressionError, AssertionError):
        return _nothing
    if not formula.names:
        fixed = _shown(formula, {})
        return lambda values: fixed
    return lambda values: _shown(formula, values)


def _shown(formula: Formula, values: Mapping[str, Json]) -> Json:
    try:
        return formula.evaluate(values)
    except ExpressionError:
        return None


def compile_condition(source: str, types: Mapping[str, str], exact: bool = False) -> Condition:
    """
    Compile a condition; texts compare by NFKC and casefold unless ``exact``.

    >>> condition = compile_condition('a.title == "Fan" && a.level >= 3', {"a.title": "string", "a.level": "integer"})
    >>> condition.judge({"a.title": "ＦＡＮ", "a.level": 2})
    Judgement(verdict=<Verdict.NOT_MATCHED: 'not_matched'>, clause='a.level >= 3', left=2, right=3, reason=None)
    """
    return _compiled(source, frozenset(types.items()), exact)


@lru_cache(maxsize=8192)
def _compiled(source: str, declared: frozenset[tuple[str, str]], exact: bool) -> Condition:
    types = dict(declared)
    whole = program(source, types, exact=exact)
    if whole.returns not in ("boolean", "any"):
        raise InvalidExpressionError(
            f"A condition is true or false; this is {whole.returns or 'something else'}.",
            why="It decides whether a bridge fires.",
            fix='Compare it with something: alert.severity >= 3, alert.status == "open".',
        )
    programs = [program(part, types, exact=exact) for part in clauses(source)]
    return Condition(source, whole, programs, types, exact=exact)
