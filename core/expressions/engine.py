"""
The one file that knows cel-expr-python: environments, compiling, running.

The engine returns an evaluation error as a *value* whose content is a truthy text; here it becomes a
``Failure``, which nobody can mistake for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from core.expressions import refusals, tree, wire
from core.expressions.errors import InvalidExpressionError
from core.expressions.tokens import Token, chain, scan
from core.expressions.tree import PRESENT
from core.expressions.values import converter, fold, fold_pattern, words_for
from core.words import Json

_TYPES = {
    "string": cel.Type.STRING,
    "ref": cel.Type.STRING,
    "time": cel.Type.STRING,
    "integer": cel.Type.INT,
    "number": cel.Type.DOUBLE,
    "boolean": cel.Type.BOOL,
    "list": cel.Type.List(cel.Type.DYN),
    "object": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
_RETURNS = {
    "STRING": "string",
    "INT": "integer",
    "UINT": "integer",
    "DOUBLE": "number",
    "BOOL": "boolean",
    "TIMESTAMP": "time",
    "LIST": "list",
    "MAP": "object",
    "DYN": "any",
}
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_NO_VALUE = re.compile(r'No value with name "([^"]+)"')
_NO_KEY = re.compile(r'Key not found in map : "?([^"]*)"?')
_ERROR = cel.Type.ERROR
_PROBE = cel.NewEnv(variables={"x": cel.Type.STRING})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer. ``no_value``: only because something has no value, not because something is wrong."""

    reason: str
    no_value: str | None = None


class Program:
    """A compiled expression: what it reads, what it returns, and one way to run it."""

    __slots__ = ("_compiled", "_flags", "_reads", "inputs", "returns", "source")

    def __init__(self, source: str, compiled: Any, checked: wire.Message, types: Mapping[str, str], *, exact: bool) -> None:
        self.source = source
        self.inputs = tree.inputs(checked, types)
        """Field -> DIRECT or INDIRECT, in the order of reading."""
        self.returns: str | None = _RETURNS.get(compiled.return_type().name().partition("<")[0].upper())
        root = tree.root(checked, 4)
        looped = tree.loops(root)
        read = {ident.text(1) for one in tree.every(root) if (ident := one.part(tree.IDENT))}
        self._compiled = compiled
        self._reads = tuple(
            (name, converter(types[name], folded=not exact, looped=looped)) for name in self.inputs if name in read
        )
        self._flags = tuple((PRESENT + name, name) for name in self.inputs if PRESENT + name in read)

    def run(self, values: Mapping[str, Json]) -> Any:
        """Return the engine's value, or a Failure. Only the inputs are passed in, whatever else is known."""
        given: dict[str, Any] = {}
        wrong: dict[str, str] | None = None
        for name, convert in self._reads:
            value = values.get(name)
            if value is not None:
                try:
                    given[name] = convert(value)
                except (TypeError, ValueError, OverflowError) as error:
                    wrong = {**(wrong or {}), name: f"{name} should be {error} but is {words_for(value)}."}
        for flag, name in self._flags:
            given[flag] = values.get(name) is not None
        try:
            answer = self._compiled.eval(data=given)
            if answer.type() == _ERROR:
                return _failure(str(answer.value()), values, wrong or {})
            return answer.value()
        except Exception as error:
            return _failure(str(error), values, wrong or {})


def _failure(message: str, values: Mapping[str, Json], wrong: Mapping[str, str]) -> Failure:
    if found := _NO_VALUE.search(message):
        name = found[1]
        if name in wrong:
            return Failure(wrong[name])
        return Failure(f"{name} has no value ({'null' if name in values else 'missing'}).", name)
    if found := _NO_KEY.search(message):
        return Failure(f"There is no {found[1]!r} in the object.", found[1])
    if "null_type" in message:
        return Failure("A part of an object or list is null.", "null")
    if "budget" in message:
        return Failure("It goes over too many elements (the limit is about 10,000 steps).")
    said = re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", message.strip()) or "No reason was given"
    return Failure(said[0].upper() + said[1:] + ".")


@lru_cache(maxsize=256)
def _environment(declared: frozenset[tuple[str, str]]) -> Any:
    variables = {name: _TYPES[word] for name, word in declared}
    flags = {PRESENT + name: cel.Type.BOOL for name, _ in declared}
    return cel.NewEnv(variables=variables | flags, extensions=[ext_strings.ExtStrings(), ext_math.ExtMath()])


def environment(types: Mapping[str, str]) -> Any:
    """Return the (cached) environment that declares these flat names; a name CEL cannot say is refused."""
    for name, word in types.items():
        if not _KEY.fullmatch(name) or refusals.RESERVED.intersection(name.split(".")):
            raise InvalidExpressionError(
                f"A field cannot be called {name!r}.",
                why="Keys of fields are ASCII letters, digits and _, and not a word of the language.",
                fix="Give the field such a key, and its name in any language as its title.",
            )
        if word not in _TYPES:
            raise InvalidExpressionError(
                f"{name} has the unknown type {word!r}.", why=f"Types: {', '.join(_TYPES)}.", fix="Correct the entity."
            )
    return _environment(frozenset(types.items()))


def program(source: str, types: Mapping[str, str], *, exact: bool) -> Program:
    """Compile a text; everything that can be known to be wrong is refused here, with its place."""
    if not source.strip():
        raise InvalidExpressionError(
            "The expression is empty.", why="Empty does not mean always.", fix="Write a condition; true is one."
        )
    if len(source) > refusals.LONGEST_SOURCE:
        raise InvalidExpressionError(
            "The expression is too long.", why=f"At most {refusals.LONGEST_SOURCE} characters.", fix="Split it into formulas."
        )
    env = environment(types)
    tokens = scan(source)
    refusals.check_words(source, tokens, types, exact=exact)
    compiled = _compile(env, _flag_present(source, tokens, types), source, types)
    checked_any = wire.decode(compiled.serialize(), "Any")
    checked = checked_any.part(2)
    assert checked is not None, "the compiler always writes a CheckedExpr"
    refusals.check_tree(source, checked)
    _try_patterns(source, checked)
    if not exact:
        _fold_literals(tree.root(checked, 4))
        compiled = env.deserialize(wire.encode(checked_any))
    return Program(source, compiled, checked, types, exact=exact)


def _flag_present(source: str, tokens: list[Token], types: Mapping[str, str]) -> str:
    """Replace ``present(a.b)`` by the flag ``present.a.b``, letter for letter, so that places stay true."""
    letters = list(source)
    for i, token in enumerate(tokens[:-2]):
        if token.kind != "name" or token.letters != "present" or tokens[i + 1].letters != "(":
            continue
        field, after = chain(tokens, i + 2)
        if field not in types or after >= len(tokens) or tokens[after].letters != ")":
            raise refusals.refuse(
                source,
                tokens[i + 2].start,
                f"present() does not know {field!r}.",
                f"It takes one field: {', '.join(sorted(types)[:20])}.",
                "Inside an object ask has(field.part).",
            )
        letters[tokens[i + 1].start], letters[tokens[after].start] = ".", " "
    return "".join(letters)


def _compile(env: Any, text: str, source: str, types: Mapping[str, str]) -> Any:
    """Compile; where a number meets a whole literal (``score * 2``), the literal is read as a number."""
    first: RuntimeError | None = None
    for _ in range(40):
        try:
            return env.compile(text)
        except RuntimeError as error:
            first = first or error
            wider = _widen(env, text, str(error))
            if wider is None:
                raise refusals.explain(str(first), source, types) from None
            text = wider
    raise refusals.explain(str(first), source, types)


def _widen(env: Any, text: str, message: str) -> str | None:
    spot = re.match(
        r"INVALID_ARGUMENT: ERROR: <input>:(\d+):(\d+): found no matching overload for '([^']+)' applied to '\((.*?)\)'",
        message,
    )
    if spot is None or not {"int", "double"} <= set(spot[4].split(", ")) <= {"int", "double", "bool"}:
        return None
    at = sum(len(one) + 1 for one in text.split("\n")[: int(spot[1]) - 1]) + int(spot[2]) - 1
    parsed = wire.decode(env.compile(text, disable_check=True).serialize(), "AnyParsed").part(2)
    assert parsed is not None, "the compiler always writes a ParsedExpr"
    places = tree.positions(parsed.part(3))
    for expr in tree.every(tree.root(parsed, 2)):
        call = expr.part(tree.CALL)
        if call is None or call.text(2) != spot[3] or places.get(expr.number(2)) != at:
            continue
        operands = zip(call.parts(3), spot[4].split(", "), strict=False)
        whole = [tree.whole_numbers(one) for one, word in operands if word == "int"]
        found = [places[one.number(2)] for part in whole if part for one in part]
        return _with_points(text, found) if found and all(whole) else None
    return None


def _with_points(text: str, places: list[int]) -> str:
    for at in sorted(places, reverse=True):
        number = re.compile(r"-?\s*(0[xX][0-9a-fA-F]+|\d+)").match(text, at)
        if number is None or int(float(int(number[1], 0))) != int(number[1], 0):
            continue  # a double would change it: let the author say what is meant
        text = text[: number.start(1)] + f"{int(number[1], 0)}.0" + text[number.end(1) :]
    return text


def _try_patterns(source: str, checked: wire.Message) -> None:
    """Refuse a broken pattern or time at save, by asking the engine itself."""
    places = tree.positions(checked.part(5))
    for expr in tree.every(tree.root(checked, 4)):
        call = expr.part(tree.CALL)
        if call is None or call.text(2) not in ("matches", "timestamp", "duration") or not tree.literal(call.parts(3)[-1], 6):
            continue
        const = call.parts(3)[-1].part(tree.CONST)
        assert const is not None, "literal() just saw it"
        asked = 'matches("", x)' if call.text(2) == "matches" else f"{call.text(2)}(x)"
        answer = _PROBE.compile(asked).eval(data={"x": const.text(6)})
        if answer.type() == _ERROR:
            why = str(answer.value()).partition(": ")[2]
            raise refusals.refuse(
                source,
                places.get(expr.number(2), 0),
                f"{call.text(2)}({const.text(6)!r}) cannot work.",
                f"{why}.",
                "Correct the text.",
            )


def _fold_literals(expr: wire.Message) -> None:
    """Fold every text constant like the inputs; patterns get (?i), names of time zones stay."""
    if (const := expr.part(tree.CONST)) and const.has(6):
        const.put(6, fold(const.text(6)))
    if select := expr.part(tree.SELECT):
        select.put(2, fold(select.text(2)))
    call = expr.part(tree.CALL)
    pattern = call.parts(3)[-1].part(tree.CONST) if call is not None and call.text(2) == "matches" else None
    if pattern is not None:
        pattern.put(6, fold_pattern(pattern.text(6)))
    for child, _ in tree.children(expr):
        is_pattern = pattern is not None and child.part(tree.CONST) is pattern
        is_zone = call is not None and call.text(2).startswith("get") and child.has(tree.CONST)
        if not is_pattern and not is_zone:
            _fold_literals(child)
