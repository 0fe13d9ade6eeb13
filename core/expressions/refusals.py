"""What the engine would take but we do not, and what its refusals mean: each with the way to write it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.definitions import near
from core.expressions import tree
from core.expressions.errors import InvalidExpressionError
from core.expressions.tokens import Token, chain, place
from core.expressions.wire import Message

LONGEST_SOURCE = 10_000

_FUNCTIONS = (
    "present has size contains startsWith endsWith matches all exists exists_one filter map int double string bool timestamp "
    "duration charAt indexOf lastIndexOf lowerAscii split substring trim reverse format math.greatest math.least math.ceil "
    "math.floor math.round math.trunc math.abs math.sign math.isNaN math.isInf math.isFinite getFullYear getMonth getDate "
    "getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds getMilliseconds uint upperAscii"
)
FUNCTIONS = tuple(_FUNCTIONS.split())
"""Every function there is; ``present`` is ours, the rest is CEL with its string and math extensions."""

_RESERVED = "as break const continue else false for function if import in let loop namespace null package present return true"
RESERVED = frozenset([*_RESERVED.split(), "var", "void", "while"])
"""Words that cannot be the key of a field or the name of an entity."""

_REFUSED = {
    "replace": ("It can make a text of any size out of a small one.", "Clean the text with a step of the mapping."),
    "join": ("It can make a text of any size out of a small one.", 'Add texts with +, or write "%s, %s".format([a, b]).'),
    "dyn": ("It hides the type of a value.", "Convert with string(), int() or double()."),
    "type": ("A type is not a value of any field.", "Compare the value itself."),
    "bytes": ("Fields hold no bytes.", "Use the text itself."),
    "quote": ("Fields hold plain text.", "Use the text itself."),
}
_SIGNS = {"and": "&&", "or": "||", "not": "!"}
_OVERLOAD = re.compile(r"no matching overload for '([^']+)' applied to '\((.*)\)'")
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_SPOT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_NUMBERS = {"int", "double"}


def refuse(source: str, at: int, what: str, why: str, fix: str) -> InvalidExpressionError:
    """Build a refusal that points at a place."""
    line, column = place(source, at)
    return InvalidExpressionError(what, why=why, fix=fix, line=line, column=column)


def check_words(source: str, tokens: list[Token], types: Mapping[str, str], *, exact: bool) -> None:
    """Refuse functions that are not offered, and ``has()`` on a field, which the engine silently misreads."""
    for i, token in enumerate(tokens[:-1]):
        if token.kind == "name" and token.letters.lower() in _SIGNS and (i == 0 or tokens[i - 1].letters != "."):
            fix = f"Write {_SIGNS[token.letters.lower()]}."
            raise refuse(
                source, token.start, f"The word {token.letters!r} means nothing here.", "CEL writes it as a sign.", fix
            )
        if token.kind != "name" or tokens[i + 1].letters != "(":
            continue
        name = token.letters
        if name in _REFUSED:
            raise refuse(source, token.start, f"{name}() is not offered.", *_REFUSED[name])
        if name == "upperAscii" and not exact:
            raise refuse(
                source,
                token.start,
                "upperAscii() never matches here.",
                "Texts compare without regard to case.",
                "Leave it out, or say exact: true.",
            )
        if name == "has" and i + 2 < len(tokens):
            field, after = chain(tokens, i + 2)
            if field in types and after < len(tokens) and tokens[after].letters == ")":
                raise refuse(
                    source,
                    token.start,
                    f"has({field}) does not ask whether the field has a value.",
                    "has() looks inside objects only.",
                    f"Write present({field}).",
                )


def check_tree(source: str, checked: Message) -> None:
    """Refuse arithmetic on values whose type is only known later, and patterns that are not fixed text."""
    dynamic, spots = tree.dynamic(checked), tree.positions(checked.part(5))
    if tree.lengthening(tree.root(checked, 4)) > 1:
        raise refuse(
            source,
            0,
            "A loop adds to what another loop added.",
            "Each of them multiplies the length of a text, so a short one could fill the memory.",
            "Put one of them into a formula of its own.",
        )
    for expr in tree.every(tree.root(checked, 4)):
        call = expr.part(tree.CALL)
        if call is None:
            continue
        at, name, arguments = spots.get(expr.number(2), 0), call.text(2), call.parts(3)
        inside_loop = any(one.part(tree.IDENT) and one.part(tree.IDENT).text(1).startswith("@") for one in arguments)  # type: ignore[union-attr]
        if name in tree.ARITHMETIC and not inside_loop and any(one.number(2) in dynamic for one in arguments):
            raise refuse(
                source,
                at,
                f"{tree.ARITHMETIC[name]} is applied to a part of an object or list.",
                "Nobody can know before whether that is a whole number, a number or text.",
                "Say it: double(…), int(…) or string(…) around that part.",
            )
        if name == "matches" and not tree.literal(arguments[-1], 6):
            raise refuse(
                source,
                at,
                "The pattern of matches() is not a fixed text.",
                "It is checked when it is saved.",
                'Write it in quotes: matches("^ERR").',
            )


def explain(message: str, source: str, types: Mapping[str, str]) -> InvalidExpressionError:
    """Turn the engine's first complaint into sentences with a place."""
    spot = _SPOT.search(message)
    if "recursion" in message:
        return InvalidExpressionError(
            "The expression is nested too deeply.",
            why="About 30 terms can follow each other with + - * /, and about 16 choices (?:) can stand inside each other.",
            fix="Put parts of it into formulas of their own, and use those fields here.",
        )
    if "codepoint limit" in message or spot is None:
        return InvalidExpressionError(
            "The expression cannot be read.", why=message.split("\n")[0], fix="Write it shorter and simpler."
        )
    line, column, text = int(spot[1]), int(spot[2]), re.sub(r" expecting \{.*", ", more was expected", spot[3])
    at = sum(len(one) + 1 for one in source.split("\n")[: line - 1]) + column - 1
    if found := _UNDECLARED.search(text):
        return _undeclared(found[1], source, at, types)
    if found := _OVERLOAD.search(text):
        return _overload(found[1], found[2].split(", "), source, at)
    if "select operation" in text:
        return refuse(
            source,
            at,
            "Only objects have parts.",
            f"The engine says: {text}.",
            "Use the field as it is, without a further dot.",
        )
    return refuse(
        source,
        at,
        "The expression cannot be read.",
        f"The engine says: {text}.",
        "Look at this place: something is missing, or too much.",
    )


def _undeclared(name: str, source: str, at: int, types: Mapping[str, str]) -> InvalidExpressionError:
    at = max(source.rfind(name, 0, at + len(name) + 1), 0) if name in source else at
    if source[at + len(name) :].lstrip().startswith("("):
        guess = near(name, FUNCTIONS)
        fix = f"Did you mean {guess}()? " if guess else ""
        return refuse(
            source,
            at,
            f"There is no function {name}().",
            "The list of functions is closed.",
            f"{fix}Offered: {', '.join(FUNCTIONS)}.",
        )
    guess = near(name, types) or next((one for one in sorted(types) if one.split(".")[-1] == name), None)
    known = sorted(one for one in types if one.split(".")[0] == name.split(".")[0]) or sorted(types)
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    fix = f"Did you mean {guess!r}? " if guess else ""
    return refuse(
        source,
        at,
        f"There is no field {name!r}.",
        f"Known here: {listed or 'nothing'}.",
        f"{fix}Use a field that is in scope; texts stand in double quotes.",
    )


def _overload(name: str, operands: list[str], source: str, at: int) -> InvalidExpressionError:
    shown = name.replace("_", "").replace("@", "") if not name[0].isalnum() and "_" in name else name
    what = f"{shown} cannot be applied to {' and '.join(operands)}."
    if "null_type" in operands:
        return refuse(source, at, what, "A field is never compared with null.", "Ask present(field) or !present(field).")
    if set(operands) - {"bool"} == _NUMBERS:
        return refuse(
            source,
            at,
            what,
            "Whole numbers (int) and numbers (double) are kept apart.",
            "Write double(…) around the whole number, or its value with a point: 2.0.",
        )
    if name == "_+_" and "string" in operands:
        return refuse(source, at, what, "Only text can be added to text.", "Write string(…) around the other value.")
    return refuse(
        source,
        at,
        what,
        "The types do not fit each other.",
        "Compare and combine values of one type; string(), int(), double() convert.",
    )
