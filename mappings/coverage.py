"""
Coverage of code tables: which foreign words came, how often, and which of them no row has.

Counted per connector in the transaction that handles the records; a connector's deliveries are handled one batch at a
time, so nobody waits for anybody's count. What a replay looks up again is not counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select, text

from core.tables import connector, word_use
from core.words import Micros
from mappings.translate import Looked

LONGEST_WORD, UNKNOWN_WORDS = 200, 500
"""What is kept of a word, and how many unknown ones are kept apart per table and connector: a far side may invent any."""

_COUNT = text(
    "INSERT INTO word_use (code_table, connector_id, word, known, n, first_at, last_at)"
    " VALUES (:code_table, :connector_id, :word, :known, :n, :at, :at)"
    " ON CONFLICT (code_table, connector_id, word)"
    " DO UPDATE SET n = word_use.n + :n, known = :known, last_at = :at"
)


def count(conn: Connection, connector_id: int, looked: Iterable[Looked], now: Micros) -> None:
    """Add look-ups to the counters of a connector."""
    seen = Counter(looked)
    if not seen:
        return
    full = _full(conn, connector_id, {one.table for one in seen if not one.known})
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one, n in sorted(seen.items()):
        word = one.word[:LONGEST_WORD].replace("\0", "\N{SYMBOL FOR NULL}")
        if not one.known and word not in full.get(one.table, (word,)):
            word = ""
        row = {"code_table": one.table, "connector_id": connector_id, "word": word, "known": one.known, "n": n, "at": now}
        known = rows.setdefault((one.table, word), row)
        if known is not row:
            known["n"] += n
    conn.execute(_COUNT, list(rows.values()))


def _full(conn: Connection, connector_id: int, tables: set[str]) -> dict[str, set[str]]:
    """Return, of tables with as many unknown words as are kept apart, which words those are."""
    found: dict[str, set[str]] = {}
    for table in sorted(tables):
        mine = (word_use.c.code_table == table) & (word_use.c.connector_id == connector_id) & word_use.c.known.is_(False)
        if conn.execute(select(func.count()).where(mine)).scalar_one() >= UNKNOWN_WORDS:
            found[table] = set(conn.execute(select(word_use.c.word).where(mine)).scalars())
    return found


def coverage(conn: Connection) -> dict[str, dict[str, int]]:
    """Return per code table how many look-ups found their word (known) and did not (unknown), and how many words lack."""
    rows = conn.execute(
        select(
            word_use.c.code_table, word_use.c.known, func.sum(word_use.c.n), func.count(word_use.c.word.distinct())
        ).group_by(word_use.c.code_table, word_use.c.known)
    )
    found: dict[str, dict[str, int]] = {}
    for table, known, n, words in rows:
        counts = found.setdefault(table, {"known": 0, "unknown": 0, "lacking": 0})
        counts["known" if known else "unknown"] += int(n)
        counts["lacking"] += 0 if known else words
    return found


def words(conn: Connection, table: str, *, only_unknown: bool = False) -> list[dict[str, Any]]:
    """Return the words that a code table was asked for, the unknown and the frequent ones first."""
    query = (
        select(word_use, connector.c.name.label("connector"))
        .join(connector, connector.c.id == word_use.c.connector_id)
        .where(word_use.c.code_table == table)
        .order_by(word_use.c.known, word_use.c.n.desc(), word_use.c.word, connector.c.name)
    )
    if only_unknown:
        query = query.where(word_use.c.known.is_(False))
    return [dict(row) for row in conn.execute(query).mappings()]
