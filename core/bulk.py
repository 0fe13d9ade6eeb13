"""
Many rows at once: one statement carries many rows, and they go straight to the driver.

SQLAlchemy's own executemany prepares every parameter of every row by name and type; on the hot path that
costs more than the database does. A driver's executemany is a call per row: on SQLite each call gives the
interpreter's lock away and has to get it back from the threads that talk to far sides, all of it while the
write lock is held (measured: 1.5 ms of write lock per event instead of 0.5). So rows go in statements of up to
64 rows; few sizes, so that each is prepared once. JSON columns are written here as ``JsonText`` writes them.
Rows are dicts that all have the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, Table

from core.database import JsonText
from core.jsons import dumps

SIZES = (64, 16, 4, 1)
"""Rows per statement, the most first."""


def insert_many(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, replace: tuple[str, ...] = ()) -> None:
    """
    Insert rows; with ``replace`` (the columns of a unique key) a row that is there already is overwritten, or left
    alone where the key is all there is of it.

    Columns that the rows do not name get the table's default. No key may come twice with ``replace``.
    """
    if not rows:
        return
    names = tuple(rows[0])
    for size, values in _chunks(rows, names, _json_places(table, names)):
        conn.exec_driver_sql(_insert(table, names, replace, size, conn.dialect.paramstyle), values)


def update_many(
    conn: Connection, table: Table, key: str, rows: Sequence[Mapping[str, Any]], *, add: Mapping[str, int] | None = None
) -> int:
    """
    Change rows, each named by its ``key``, to what it holds under the other names; return how many there were.

    ``add`` counts columns up by a number, the same for every row.
    """
    if not rows:
        return 0
    names = (key, *(name for name in rows[0] if name != key))
    more = tuple((add or {}).items())
    changed = 0
    for size, values in _chunks(rows, names, _json_places(table, names)):
        sql = _update(table, names, more, size, conn.dialect.paramstyle)
        changed += conn.exec_driver_sql(sql, values).rowcount
    return changed


def _chunks(
    rows: Sequence[Mapping[str, Any]], names: tuple[str, ...], written: tuple[int, ...]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield (rows in it, their values one after the other); JSON columns are text by now."""
    take = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            values = list(chain.from_iterable(map(take, rows[start : start + size])))
            for place in written:
                for at in range(place, len(values), len(names)):
                    if values[at] is not None:
                        values[at] = dumps(values[at])
            yield size, tuple(values)
            start += size


@cache
def _json_places(table: Table, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(names) if isinstance(table.c[name].type, JsonText))


@cache
def _insert(table: Table, names: tuple[str, ...], replace: tuple[str, ...], size: int, paramstyle: str) -> str:
    """Return the SQL for this driver; names come from our own tables only."""
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    sql = f'INSERT INTO "{table.name}" ({columns}) VALUES {_marks(len(names), size, paramstyle)}'  # noqa: S608 - our own names
    if replace:
        others = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in replace)
        key = ", ".join(f'"{name}"' for name in replace)
        sql += f" ON CONFLICT ({key}) DO " + (f"UPDATE SET {others}" if others else "NOTHING")
    return sql


@cache
def _update(table: Table, names: tuple[str, ...], add: tuple[tuple[str, int], ...], size: int, paramstyle: str) -> str:
    """Return the SQL for this driver: a table of the new values, joined by the key."""
    cast = paramstyle != "qmark"  # PostgreSQL takes an untyped list for text
    told = [_told(n + 1, table.c[name], cast=cast) for n, name in enumerate(names)]
    changes = [f'"{name}" = {value}' for name, value in zip(names[1:], told[1:], strict=True)]
    changes += [f'"{name}" = "{table.name}"."{name}" + {int(n)}' for name, n in add]
    values = _marks(len(names), size, paramstyle)
    return (
        f'UPDATE "{table.name}" SET {", ".join(changes)} FROM (VALUES {values}) AS told'  # noqa: S608 - our own names
        f' WHERE "{table.name}"."{names[0]}" = {told[0]}'
    )


def _told(n: int, column: Column[Any], *, cast: bool) -> str:
    return f"CAST(told.column{n} AS {column.type.compile()})" if cast else f"told.column{n}"


def _marks(columns: int, rows: int, paramstyle: str) -> str:
    mark = {"qmark": "?", "format": "%s", "pyformat": "%s"}[paramstyle]
    return ", ".join([f"({', '.join([mark] * columns)})"] * rows)
