"""
The closed list of what may be folded before two ids are compared.

"Take the digits" is a trap, not a normaliser: it makes one id of EC-20260215-8891 and EC-2026021-58891,
two different customers. Every name here is checked against all known ids before it may be declared.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

_FOLD: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "upper": str.upper,
    "casefold": str.casefold,
    "no_spaces": lambda text: "".join(text.split()),
    "no_hyphens": lambda text: text.replace("-", ""),
    "no_leading_zeros": lambda text: text.lstrip("0") or "0",
    "counted": lambda text: text,
    "digits": lambda text: "".join(char for char in text if char in "0123456789"),
}

NORMALISERS: dict[str, str] = {
    "trim": "cut white space at both ends",
    "nfkc": "full-width letters and digits become plain ones",
    "upper": "letters become upper case",
    "casefold": "upper and lower case are the same",
    "no_spaces": "white space anywhere does not count",
    "no_hyphens": "hyphens do not count",
    "no_leading_zeros": "0042 is 42",
    "counted": "changes nothing; says that a machine counts these ids, so 999999 is a number like any other",
}
"""Name -> what it means for people."""

TRAPS: dict[str, str] = {"digits": "only the digits count"}
"""What people ask for and nobody may declare: it can be tried, and is refused with the two ids that it would join."""

DEFAULT = "trim"
"""What an undeclared id gets: identity does not guess."""


@lru_cache(maxsize=256)
def names_of(normaliser: str) -> tuple[str, ...]:
    """
    Split the stored form.

    >>> names_of("trim+nfkc")
    ('trim', 'nfkc')
    """
    return tuple(name for name in normaliser.split("+") if name)


def normalise(external_id: str, normaliser: str = DEFAULT) -> str:
    """
    Fold an id by the named steps, in order.

    >>> normalise(" ｃust-７ ", "trim+nfkc+upper")
    'CUST-7'
    """
    for name in names_of(normaliser):
        external_id = _FOLD[name](external_id)
    return external_id
