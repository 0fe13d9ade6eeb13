"""
Inserting many rows: the statement is written once per table, the rows go straight to the driver.

SQLAlchemy's own executemany prepares every parameter of every row by name and type; on the hot path that
costs more than the database does. Rows are dicts that all have the same keys; JSON columns are written
here as ``JsonText`` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from core.database import JsonText
from core.jsons import dumps


def insert_many(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, replace: tuple[str, ...] = ()) -> None:
    """
    Insert rows; with ``replace`` (the columns of a unique key) a row that is there already is overwritten.

    Columns that the rows do not name get the table's default.
    """
    if not rows:
        return
    names = tuple(rows[0])
    sql, written = _statement(table, names, replace, conn.dialect.paramstyle)
    take = itemgetter(*names)
    prepared = [list(take(row)) for row in rows] if len(names) > 1 else [[take(row)] for row in rows]
    for row in prepared:
        for place in written:
            if row[place] is not None:
                row[place] = dumps(row[place])
    conn.exec_driver_sql(sql, [tuple(row) for row in prepared])


@cache
def _statement(table: Table, names: tuple[str, ...], replace: tuple[str, ...], paramstyle: str) -> tuple[str, tuple[int, ...]]:
    """Return the SQL for this driver and the places of the JSON columns; names come from our own tables only."""
    mark = {"qmark": "?", "format": "%s", "pyformat": "%s"}[paramstyle]
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    sql = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join([mark] * len(names))})'  # noqa: S608 - our own names
    if replace:
        others = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in replace)
        key = ", ".join(f'"{name}"' for name in replace)
        sql += f" ON CONFLICT ({key}) DO UPDATE SET {others}"
    return sql, tuple(place for place, name in enumerate(names) if isinstance(table.c[name].type, JsonText))
