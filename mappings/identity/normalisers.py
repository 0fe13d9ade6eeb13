"""
The closed list of what may be folded before two ids are compared.

"Take the digits" is missing on purpose: it makes one id of EC-20260215-8891 and EC-2026021-58891,
two different customers. Every name here is checked against all known ids before it may be declared.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_FOLD: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "upper": str.upper,
    "casefold": str.casefold,
    "no_spaces": lambda text: "".join(text.split()),
    "no_hyphens": lambda text: text.replace("-", ""),
    "no_leading_zeros": lambda text: text.lstrip("0") or "0",
    "counted": lambda text: text,
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

DEFAULT = "trim"
"""What an undeclared id gets: identity does not guess."""


def names_of(normaliser: str) -> list[str]:
    """
    Split the stored form.

    >>> names_of("trim+nfkc")
    ['trim', 'nfkc']
    """
    return [name for name in normaliser.split("+") if name]


def normalise(external_id: str, normaliser: str = DEFAULT) -> str:
    """
    Fold an id by the named steps, in order.

    >>> normalise(" ｃust-７ ", "trim+nfkc+upper")
    'CUST-7'
    """
    for name in names_of(normaliser):
        external_id = _FOLD[name](external_id)
    return external_id


_PLACEHOLDERS = frozenset(
    (  # noqa: SIM905 -- sixty words read better in lines than one below the other
        "-1 n/a n\\a n.a. na #n/a nil null none nan undefined unknown (unknown) unassigned not_available notavailable "
        "missing blank empty (empty) (null) (none) tbd tba todo test testing tester dummy default sample example "
        "placeholder x xx xxx xxxx "
        "未知 不详 不明 无 没有 无编号 空 空白 暂无 待定 待补 待补充 未定 未填 未填写 默认 测试 示例 不适用 占位"
    ).split()
)


def is_placeholder(external_id: str, *, counted: bool = False) -> bool:
    """
    Say whether an id stands for "no id". Such ids would link strangers (Reltio's 999999|JOHNSON).

    >>> [is_placeholder(text) for text in ("0", "000", "９９９９９９", "N/A", " 未知 ", "", "EC-0", "9999")]
    [True, True, True, True, True, True, False, False]
    >>> is_placeholder("999999", counted=True)
    False
    """
    plain = (external_id if external_id.isascii() else unicodedata.normalize("NFKC", external_id)).strip().casefold()
    compact = "".join(plain.split())
    if compact in _PLACEHOLDERS or not (compact.isalnum() or any(char.isalnum() for char in compact)):
        return True
    letters = compact.replace("-", "").strip("{}")
    if set(letters) == {"0"}:
        return True
    return not counted and set(letters) == {"9"} and len(letters) >= 5
