"""What a foreign key's name consists of: words, whatever way it is written, Chinese ones whole."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_HUMPS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_HUNGARIAN = re.compile(r"(?:F|f)(?=[A-Z][A-Za-z])|(?:c|i|d|b|f|n)(?=[A-Z][a-z])")
"""One letter before a name that says its type or table: FNumber (Kingdee), cInvCode, iQuantity, dDate (Yonyou)."""


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """
    Return the words of a key, small; the letter that only tells a type is left out.

    >>> words_of("FBillNo"), words_of("cInvCode"), words_of("order_point"), words_of("客户名称"), words_of("hostID2")
    (('bill', 'no'), ('inv', 'code'), ('order', 'point'), ('客户名称',), ('host', 'id', '2'))
    """
    plain = unicodedata.normalize("NFKC", name)
    found = _HUNGARIAN.match(plain)
    if found is not None:
        plain = plain[found.end() :]
    return tuple(word.lower() for word in _HUMPS.findall(plain))
