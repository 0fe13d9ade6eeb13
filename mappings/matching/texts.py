"""One text, one form: what differs only in width, case, script or punctuation is the same before it is compared."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_NOT_LETTERS = re.compile(r"[\W_]+")
_SPACES = re.compile(r"\s+")
_NOTHING = frozenset(
    (  # noqa: SIM905 -- reads better in lines
        "-|--|n/a|na|null|none|nil|nan|unknown|undefined|tbd|test|not specified|not available|default|default string|"
        "to be filled by o.e.m.|system serial number|0123456789|123456789|"
        "无|没有|未知|不详|不明|暂无|待定|待补充|未填写|空|测试|默认"
    ).split("|")
)
"""What people, forms and the makers of mainboards write where there is nothing."""


@cache
def _simplifier() -> Any:
    import opencc  # loaded when the first Chinese text is compared

    return opencc.OpenCC("t2s")


def fold(text: str) -> str:
    """
    Return the form in which texts are compared: NFKC, lower case, simplified characters, single spaces.

    Simplified only: a simplified character may stand for several traditional ones, so there is no way back.

    >>> fold(" ＡＢＣ　騰訊 "), fold("O'Brien")
    ('abc 腾讯', "o'brien")
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if HAN.search(text):
            text = _simplifier().convert(text.encode(errors="replace").decode())  # half a surrogate pair is no character
    return _SPACES.sub(" ", text).strip().casefold()


def letters(text: str) -> str:
    """
    Return the letters and digits of a folded text.

    >>> letters("o'brien-smith 7")
    'obriensmith7'
    """
    return text if text.isalnum() else _NOT_LETTERS.sub("", text)


def said(value: Any) -> str | None:
    """
    Return a field's value as text to compare, or None where it says nothing (empty, N/A, 未知).

    >>> said(7), said("　"), said("未知"), said([1])
    ('7', None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    folded = fold(text[:LONGEST])
    return None if not folded or folded in _NOTHING or not letters(folded) else folded


LONGEST = 300
"""Characters of a value that are compared; nobody's name is longer."""
