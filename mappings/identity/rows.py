"""
Batched statements: a thousand keys in one, each key found by index.

``tuple_().in_()`` would read the whole index (2,000 ids a second); a join against ``json_each`` (SQLite)
or ``unnest`` (PostgreSQL) finds each key by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from core import jsons
from core.words import Micros

Key = tuple[int, str, str]
"""connector, etype, normal form."""


class Row(NamedTuple):
    """An open crosswalk row with the survivor of its home."""

    crosswalk_id: int
    home_id: int
    home_gid: str
    survivor_id: int
    gid: str
    applied_at: Micros | None
    applied_version: str | None
    last_seen: Micros


_TAKE = "x.id, x.home_id, h.gid, h.survivor_id, s.gid, x.applied_at, x.applied_version, x.last_seen"
_HOPS = "entity AS h ON h.id = x.home_id", "entity AS s ON s.id = h.survivor_id"
_OPEN = "x.valid_to IS NULL"
_BEFORE = ("x.valid_to IS NULL AND x.valid_from <= :at", "x.valid_to IS NOT NULL AND x.valid_from <= :at AND x.valid_to > :at")
"""Two conditions, because each is answered by an index of its own: the open row of a key, and its closed ones."""


def _sqlite(condition: str) -> str:
    return (
        f"SELECT k.key, {_TAKE} FROM json_each(:keys) AS k"  # noqa: S608 -- fixed names only
        " CROSS JOIN crosswalk AS x ON x.connector_id = json_extract(k.value, '$[0]')"
        " AND x.etype = json_extract(k.value, '$[1]') AND x.external_norm = json_extract(k.value, '$[2]')"
        f" AND {condition} CROSS JOIN {_HOPS[0]} CROSS JOIN {_HOPS[1]}"
    )


def _postgresql(condition: str) -> str:
    return (
        f"SELECT k.n - 1, {_TAKE} FROM"  # noqa: S608 -- fixed names only
        " unnest(CAST(:connectors AS bigint[]), CAST(:etypes AS text[]), CAST(:norms AS text[]))"
        " WITH ORDINALITY AS k (connector_id, etype, norm, n)"
        " JOIN crosswalk AS x ON x.connector_id = k.connector_id AND x.etype = k.etype"
        f" AND x.external_norm = k.norm AND {condition} JOIN {_HOPS[0]} JOIN {_HOPS[1]}"
    )


_WAYS = {"sqlite": _sqlite, "postgresql": _postgresql}
_FIND = {dialect: text(way(_OPEN)) for dialect, way in _WAYS.items()}
_FIND_AT = {dialect: text(" UNION ALL ".join(map(way, _BEFORE))) for dialect, way in _WAYS.items()}


def find(conn: Connection, keys: Sequence[Key], at: Micros | None = None) -> dict[Key, Row]:
    """Return the rows of these keys that are open, or (``at``) were valid at that time; others are missing."""
    if not keys:
        return {}
    dialect = conn.dialect.name
    if dialect == "sqlite":
        parameters: dict[str, Any] = {"keys": jsons.dumps(keys)}
    else:
        parameters = {
            "connectors": [key[0] for key in keys],
            "etypes": [key[1] for key in keys],
            "norms": [key[2] for key in keys],
        }
    if at is None:
        found = conn.execute(_FIND[dialect], parameters).all()
    else:
        found = conn.execute(_FIND_AT[dialect], {**parameters, "at": at}).all()
    return {keys[row[0]]: Row._make(row[1:]) for row in found}


def query(conn: Connection, sql: str, /, **parameters: Any) -> list[Any]:
    """
    Run a statement in which ``IN {ids}`` means one bound list, of any length, of integers or of texts.

    One bound value instead of a thousand: the statement stays one prepared statement.
    """
    for name, value in list(parameters.items()):
        if isinstance(value, (list, tuple, set, frozenset)):
            members = list(value)
            kind = "text" if members and isinstance(members[0], str) else "bigint"
            if conn.dialect.name == "sqlite":
                sql = sql.replace(f"IN {{{name}}}", f"IN (SELECT value FROM json_each(:{name}))")  # noqa: S608 -- our own names
                parameters[name] = jsons.dumps(members)
            elif not members:  # of an empty list nobody can say whether it holds numbers or texts
                sql = sql.replace(f"IN {{{name}}}", "= ANY('{}')")
                del parameters[name]
            else:
                sql = sql.replace(f"IN {{{name}}}", f"= ANY(CAST(:{name} AS {kind}[]))")
                parameters[name] = members
    result = conn.execute(_statement(sql), parameters)
    return list(result.all()) if result.returns_rows else []


@lru_cache(maxsize=256)
def _statement(sql: str) -> TextClause:
    """Return the one TextClause of this text, so that SQLAlchemy's and the driver's caches hold."""
    return text(sql)
