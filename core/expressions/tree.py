"""
What a compiled expression reads, read off the very bytes that run.

A field is DIRECT when its value can become part of the result, INDIRECT when it only decides which
value that is (a condition, an index, ``present``, ``has``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.expressions.wire import Message

DIRECT, INDIRECT = "DIRECT", "INDIRECT"
PRESENT = "present."
"""The flag ``present.alert.title`` stands in the environment for ``present(alert.title)``."""

CONST, IDENT, SELECT, CALL, LIST, STRUCT, LOOP = 3, 4, 5, 6, 7, 8, 9
"""Field numbers of ``cel.expr.Expr``."""

ARITHMETIC = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "-_": "-"}


def inputs(checked: Message, declared: Mapping[str, str]) -> dict[str, str]:
    """Return every declared field the expression reads, with DIRECT or INDIRECT."""
    found: dict[str, str] = {}
    root = checked.part(4)
    if root is not None:
        _walk(root, DIRECT, frozenset(), declared, found)
    return found


def _walk(expr: Message, kind: str, bound: frozenset[str], declared: Mapping[str, str], found: dict[str, str]) -> None:
    if ident := expr.part(IDENT):
        name = ident.text(1)
        if name.startswith(PRESENT) and name.removeprefix(PRESENT) in declared:
            name, kind = name.removeprefix(PRESENT), INDIRECT
        if name in declared and name not in bound and found.get(name) != DIRECT:
            found[name] = kind
    for child, part in children(expr):
        loop = expr.part(LOOP)
        inside = bound | {loop.text(1), loop.text(3)} if loop is not None and part != "range" else bound
        _walk(child, INDIRECT if part == "decides" else kind, inside, declared, found)


def children(expr: Message) -> Iterator[tuple[Message, str]]:
    """Yield the expressions inside one, with the part they play: value, decides or range."""
    if select := expr.part(SELECT):
        yield from ((one, "decides" if select.number(3) else "value") for one in select.parts(1))
    elif call := expr.part(CALL):
        name, arguments = call.text(2), call.parts(3)
        yield from ((one, "value") for one in call.parts(1))
        for i, one in enumerate(arguments):
            yield one, "decides" if (name, i) in (("_?_:_", 0), ("_[_]", 1)) else "value"
    elif items := expr.part(LIST):
        yield from ((one, "value") for one in items.parts(1))
    elif struct := expr.part(STRUCT):
        for entry in struct.parts(2):
            yield from ((one, "value") for number in (3, 4) for one in entry.parts(number))
    elif loop := expr.part(LOOP):
        yield from ((one, "range") for one in loop.parts(2))
        yield from ((one, "value") for number in (4, 5, 6, 7) for one in loop.parts(number))


def every(expr: Message) -> Iterator[Message]:
    """Yield an expression and all inside it."""
    yield expr
    for child, _ in children(expr):
        yield from every(child)


def root(message: Message, number: int) -> Message:
    """Return the outermost expression of a checked (4) or parsed (2) message."""
    found = message.part(number)
    assert found is not None, "the compiler always writes an expression"
    return found


def loops(expr: Message) -> bool:
    """Say whether an expression goes over a list."""
    return any(one.has(LOOP) for one in every(expr))


def lengthening(expr: Message) -> int:
    """Return how many loops that may lengthen a text stand in, or feed, each other: each multiplies what it is given."""
    inner = [lengthening(child) for child, _ in children(expr)]
    if not expr.has(LOOP):
        return max(inner, default=0)
    bodies = [one for child, part in children(expr) if part != "range" for one in every(child)]
    return sum(sorted(inner)[-2:]) + any(_adds(one) for one in bodies)


def _adds(expr: Message) -> bool:
    call = expr.part(CALL)
    if call is None or call.text(2) not in ("_+_", "format"):
        return False
    named = [ident.text(1) for one in call.parts(3) if (ident := one.part(IDENT)) is not None]
    return not any(name.startswith("@") for name in named)  # the engine's own: it gathers the elements


def dynamic(checked: Message) -> frozenset[int]:
    """Return the ids of expressions whose type is only known when they run (parts of lists and objects)."""
    found = set()
    for typed in checked.parts(3):
        kind = typed.part(2)
        if kind is not None and kind.has(1):
            found.add(typed.number(1))
    return frozenset(found)


def positions(source_info: Message | None) -> dict[int, int]:
    """Return where in the text each expression id stands."""
    return {one.number(1): one.number(2) for one in source_info.parts(4)} if source_info is not None else {}


def literal(expr: Message, number: int) -> bool:
    """Say whether an expression is a constant of one kind: 3 an integer, 5 a double, 6 a text."""
    const = expr.part(CONST)
    return const is not None and const.has(number)


def whole_numbers(expr: Message) -> list[Message] | None:
    """Return the integer constants an expression is calculated from; None when there is anything else in it."""
    if literal(expr, 3):
        return [expr]
    call = expr.part(CALL)
    if call is None or call.text(2) not in ARITHMETIC:
        return None
    parts = [whole_numbers(one) for one in call.parts(3)]
    return None if any(part is None for part in parts) else [one for part in parts for one in part or []]
