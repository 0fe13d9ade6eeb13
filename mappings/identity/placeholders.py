"""
What stands for "no id": a built-in list in both languages, and the words that a company adds.

Such ids would link strangers: all records without a number would be one thing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from core.errors import ConflictError, InputError, NotFoundError
from core.tables import connector, crosswalk, id_placeholder
from core.words import Micros

_PLACEHOLDERS = frozenset(
    (  # noqa: SIM905 -- sixty words read better in lines than one below the other
        "-1 n/a n\\a n.a. na #n/a nil null none nan undefined unknown (unknown) unassigned not_available notavailable "
        "missing blank empty (empty) (null) (none) tbd tba todo test testing tester dummy default sample example "
        "placeholder x xx xxx xxxx "
        "未知 不详 不明 无 没有 无编号 空 空白 暂无 待定 待补 待补充 未定 未填 未填写 默认 测试 示例 不适用 占位"
    ).split()
)

_NUMBERED = re.compile(r"[1-8]")
"""No built-in placeholder but -1 has such a digit."""


def folded(word: str) -> str:
    """
    Return the form in which placeholders are compared: width, case and white space do not count.

    >>> folded(" Ｎ/Ａ ")
    'n/a'
    """
    plain = word if word.isascii() else unicodedata.normalize("NFKC", word)
    return "".join(plain.casefold().split())


def is_placeholder(external_id: str, *, counted: bool = False, own: frozenset[str] = frozenset()) -> bool:
    """
    Say whether an id stands for "no id": by the built-in list, or by the words that were added (``own``, folded).

    >>> [is_placeholder(text) for text in ("0", "000", "９９９９９９", "N/A", " 未知 ", "", "EC-0", "9999")]
    [True, True, True, True, True, True, False, False]
    >>> is_placeholder("999999", counted=True)
    False
    """
    if not own and external_id.isascii() and _NUMBERED.search(external_id) and external_id.strip() != "-1":
        return False  # nearly all ids, told at a glance
    compact = folded(external_id)
    if compact in _PLACEHOLDERS or compact in own or not (compact.isalnum() or any(char.isalnum() for char in compact)):
        return True
    letters = compact.replace("-", "").strip("{}")
    if set(letters) == {"0"}:
        return True
    return not counted and set(letters) == {"9"} and len(letters) >= 5


def built_in() -> list[str]:
    """Return the words of the built-in list."""
    return sorted(_PLACEHOLDERS)


def own_words(conn: Connection) -> frozenset[str]:
    """Return the words that were added here."""
    return frozenset(conn.execute(select(id_placeholder.c.word)).scalars())


def add_words(conn: Connection, words: Iterable[str], *, made_by: str, now: Micros, anyway: bool = False) -> list[str]:
    """Add words to the list; return those that are new. Words that are ids in use are refused, unless ``anyway``."""
    wanted = {folded(word) for word in words}
    if bad := sorted(word for word in wanted if not word or len(word) > 100 or not word.isprintable()):
        raise InputError(
            f"{bad[0]!r} cannot be added to the placeholders.",
            why="A placeholder is a printable text of 1 to 100 characters.",
            fix="Write the text that your systems put where there is no id.",
        )
    known = own_words(conn) | _PLACEHOLDERS
    new = sorted(wanted - known)
    if new and not anyway:
        _refuse_used(conn, new)
    for word in new:
        conn.execute(id_placeholder.insert().values(word=word, made_by=made_by, made_at=now))
    return new


def remove_word(conn: Connection, word: str) -> None:
    """Take a word off the list again; the built-in ones stay."""
    if conn.execute(id_placeholder.delete().where(id_placeholder.c.word == folded(word))).rowcount:
        return
    raise NotFoundError(
        f"{word!r} is not a placeholder that was added here.",
        why="It is built in." if folded(word) in _PLACEHOLDERS else "Nobody has added it.",
        fix="See GET /api/v1/identity/placeholders.",
    )


def _refuse_used(conn: Connection, words: list[str]) -> None:
    used = conn.execute(
        select(connector.c.name, crosswalk.c.etype, crosswalk.c.external_raw)
        .join(connector, connector.c.id == crosswalk.c.connector_id)
        .where(func.lower(crosswalk.c.external_norm).in_(words), crosswalk.c.valid_to.is_(None))
        .limit(5)
    ).all()
    if used:
        listed = "; ".join(f"{row.external_raw!r} ({row.etype} in {row.name})" for row in used)
        raise ConflictError(
            "Ids in use would become placeholders.",
            why=f"Known ids: {listed}. What they are linked to stays, but their next sight would be refused.",
            fix="Close these ids first, or add the words anyway.",
            used=[dict(row._mapping) for row in used],
        )
