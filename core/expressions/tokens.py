"""The words of a CEL text with their places: to split clauses, name ``present()`` and point at mistakes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.expressions.errors import InvalidExpressionError

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f]+ | //[^\n]*)
  | (?P<text>[rRbB]{0,2}(?:\"\"\"(?s:.)*?\"\"\"|'''(?s:.)*?'''))
  | (?P<raw>(?:[rR][bB]?|[bB][rR])(?:"[^"\n]*"|'[^'\n]*'))
  | (?P<quoted>[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
  | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_SAID_WIDE = {
    "（": "(",
    "）": ")",
    "，": ",",
    "＝": "=",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "＞": ">",
    "＜": "<",
    "：": ":",
    "？": "?",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (text, number, name, sign), its letters, and where it stands."""

    kind: str
    letters: str
    start: int
    end: int


def place(source: str, at: int) -> tuple[int, int]:
    r"""
    Return line and column, both from 1, of a position in a text.

    >>> place("a &&\n b", 6)
    (2, 2)
    """
    before = source[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def scan(source: str) -> list[Token]:
    """
    Return the words of a text; a character that CEL has no use for is named, with what was meant.

    >>> [token.letters for token in scan('a.b == "c" // why')]
    ['a', '.', 'b', '==', '"c"']
    """
    tokens: list[Token] = []
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise _stranger(source, at)
        kind = found.lastgroup or ""
        if kind != "space":
            kind = "text" if kind in ("raw", "quoted") else kind
            tokens.append(Token(kind, found.group(), at, found.end()))
        at = found.end()
    return tokens


def _stranger(source: str, at: int) -> InvalidExpressionError:
    char = source[at]
    line, column = place(source, at)
    if char in _SAID_WIDE:
        what, fix = f"{char!r} is a full-width character.", f"Write {_SAID_WIDE[char]!r} instead."
    elif char.isalpha():
        what = f"{char!r} cannot be part of a field's key."
        fix = "Use the field's ASCII key; its Chinese name belongs into its title. Texts stand in double quotes."
    elif char in "\"'":
        what, fix = "A text is not closed.", f"Close it with {char} on the same line."
    elif char in "=&|":
        what, fix = f"A single {char!r} means nothing.", f"Write {char * 2!r}."
    else:
        what, fix = f"{char!r} has no meaning here.", "Remove it, or put it in double quotes if it is text."
    return InvalidExpressionError(what, why="The expression cannot be read.", fix=fix, line=line, column=column)


def _depths(tokens: list[Token]) -> list[int]:
    depth, depths = 0, []
    for token in tokens:
        if token.letters in (")", "]", "}") and token.kind == "sign":
            depth -= 1
        depths.append(depth)
        if token.letters in ("(", "[", "{") and token.kind == "sign":
            depth += 1
    return depths


def _unwrap(tokens: list[Token]) -> list[Token]:
    while len(tokens) > 2 and tokens[0].letters == "(" and all(depth > 0 for depth in _depths(tokens)[1:-1]):
        tokens = tokens[1:-1]
    return tokens


def clauses(source: str) -> list[str]:
    """
    Split a condition at its outermost ``&&`` into clauses, each as its author wrote it.

    >>> clauses('a == 1 && (b && (c || d))')
    ['a == 1', 'b', '(c || d)']
    >>> clauses('a && b || c')
    ['a && b || c']
    """
    return [source[part[0].start : part[-1].end] for part in _split(scan(source)) if part]


def _split(tokens: list[Token]) -> list[list[Token]]:
    inner = _unwrap(tokens)
    outermost = [
        token.letters for token, depth in zip(inner, _depths(inner), strict=True) if not depth and token.kind == "sign"
    ]
    if "&&" not in outermost or "||" in outermost or "?" in outermost:
        return [tokens]
    parts: list[list[Token]] = [[]]
    for token, depth in zip(inner, _depths(inner), strict=True):
        if token.letters == "&&" and token.kind == "sign" and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return [clause for part in parts if part for clause in _split(part)]


def relation(clause: str) -> tuple[str, str, str] | None:
    """
    Return left side, operator and right side when a clause is one comparison.

    >>> relation('(alert.severity >= 3)')
    ('alert.severity', '>=', '3')
    >>> relation('a || b') is None
    True
    """
    tokens = _unwrap(scan(clause))
    outer = [(i, t) for i, (t, depth) in enumerate(zip(tokens, _depths(tokens), strict=True)) if not depth and t.kind != "text"]
    if any(token.letters in ("&&", "||", "?") for _, token in outer):
        return None
    found = [(i, token) for i, token in outer if token.letters in _RELATIONS]
    if len(found) != 1 or not 0 < found[0][0] < len(tokens) - 1:
        return None
    i, token = found[0]
    return clause[tokens[0].start : tokens[i - 1].end], token.letters, clause[tokens[i + 1].start : tokens[-1].end]


def chain(tokens: list[Token], first: int) -> tuple[str, int]:
    """
    Return the dotted name that starts at a token, and the index after it.

    >>> chain(scan("alert . title == 1"), 0)
    ('alert.title', 3)
    """
    names, i = [tokens[first].letters], first + 1
    while i + 1 < len(tokens) and tokens[i].letters == "." and tokens[i + 1].kind == "name":
        names.append(tokens[i + 1].letters)
        i += 2
    return ".".join(names), i
