"""Between our values and CEL's: what goes in by its declared type, what comes out as JSON, and how text compares."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.clock import from_datetime, to_rfc3339
from core.words import Json

LONGEST_LOOPED_TEXT = 32_768
"""Characters of one text where an expression goes over lists, so that the step budget also bounds memory."""

_INT64 = 1 << 63
_WORDS = {
    str: "text",
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    list: "a list",
    dict: "an object",
}


def fold(text: str) -> str:
    """
    Return the form in which texts compare unless the author says exact: NFKC and casefold.

    >>> fold("ＡＢＣ Straße") == fold("abc STRASSE")
    True
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def fold_all(value: Json) -> Json:
    """Fold every text in a value, keys included."""
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, list):
        return [fold_all(one) for one in value]
    if isinstance(value, dict):
        return {fold(key): fold_all(one) for key, one in value.items()}
    return value


def fold_pattern(pattern: str) -> str:
    r"""
    Let a regular expression find folded text: without regard to case, its ASCII signs untouched.

    >>> fold_pattern(r"^ＥＲＲ\S+（")
    '(?i)^err\\S+\\('
    """
    return "(?i)" + "".join(one if one.isascii() else re.escape(fold(one)) for one in pattern)


def words_for(value: object) -> str:
    """Return how a value's type is called in sentences."""
    if isinstance(value, str) and "\0" in value:
        return "text with a NUL character"
    return _WORDS.get(type(value), type(value).__name__)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    if "\0" in value:  # the engine would silently end the text there
        raise TypeError("text without NUL characters")
    return value


def _folded(value: Any) -> str:
    return fold(_text(value))


def _integer(value: Any) -> int:
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, (float, Decimal)) or value != int(value):
            raise TypeError("a whole number")
        value = int(value)
    if not -_INT64 <= value < _INT64:
        raise TypeError("a whole number of at most 64 bits")
    return int(value)


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeError("a number")
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a boolean")
    return value


def plain(value: Any) -> Json:
    """Return a nested value as CEL takes it: decimals and integers beyond 64 bits become doubles."""
    if isinstance(value, dict):
        return {_text(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Decimal) or (isinstance(value, int) and not -_INT64 <= value < _INT64):
        return float(value)
    return value


def _list(value: Any) -> Json:
    if not isinstance(value, (list, tuple)):
        raise TypeError("a list")
    return plain(value)


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise TypeError("an object")
    return plain(value)


_CONVERTERS: dict[str, Callable[[Any], Json]] = {
    "string": _text,
    "ref": _text,
    "time": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "list": _list,
    "object": _object,
}


def converter(word: str, *, folded: bool, looped: bool) -> Callable[[Any], Json]:
    """Return the function that brings a value of a declared type into CEL, or raises TypeError with what was expected."""
    convert = _CONVERTERS[word]
    if folded and convert is _text:
        convert = _folded
    elif folded and word in ("list", "object"):
        nested = convert

        def convert(value: Any) -> Json:
            return fold_all(nested(value))

    if not looped or word in ("integer", "number", "boolean"):
        return convert
    inner = convert

    def bounded(value: Any) -> Json:
        _bound(value)
        return inner(value)

    return bounded


def _bound(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > LONGEST_LOOPED_TEXT:
            raise TypeError(f"text of at most {LONGEST_LOOPED_TEXT} characters (the expression goes over a list)")
    elif isinstance(value, dict):
        for one in value.values():
            _bound(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            _bound(one)


def result(value: Any) -> Json:
    """Return a CEL result as JSON; what JSON cannot hold raises ValueError with the reason."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("The result is not a finite number (a division of zero by zero, or an overflow).")
        return value
    if isinstance(value, datetime):
        return to_rfc3339(from_datetime(value))
    if isinstance(value, dict):
        return {str(key): result(one) for key, one in value.items()}
    if isinstance(value, list):
        return [result(one) for one in value]
    raise ValueError(f"The result is {type(value).__name__}, which a field cannot hold.")
