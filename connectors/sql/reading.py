"""
Rows, page by page: by a growing key, or by the time of the last change.

By time, each round begins a span before the newest change seen, because a transaction carries the time it began
and may be committed later; which states of that span were handed out is kept in the cursor, so nothing comes
twice and nothing is lost, also where many rows carry one time. A page asks for as many rows as are known plus
those wanted: it always holds something new or is the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, column, select, text

from connectors.kit.shapes import shaped
from connectors.sql.kind import ROWS, SqlSettings
from connectors.sql.values import moment, packed, plain, unpacked
from core.clock import from_rfc3339, to_rfc3339
from core.errors import MalformedError, SetupError, TielineError
from core.jsons import canonical, sha256
from core.strict import read_json
from core.words import Json, Page, Record

POLLED = "polled"  #: the key that marks a page of ours


def rows(conn: Connection, settings: SqlSettings, cursor: Json, limit: int) -> Page:
    """Read the next page."""
    if settings.rows is None:
        return Page(canonical({POLLED: "rows", "rows": []}), cursor, count=0)
    if settings.changed is None:
        return _by_key(conn, settings, cursor, limit)
    return _by_time(conn, settings, cursor, limit)


def parse(body: bytes) -> list[Record]:
    """Read a page of ours into records. Pure."""
    content = read_json(body)
    try:
        return [_record(one) for one in {"rows": content["rows"]}[content[POLLED]]]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedError(
            "The page of rows cannot be read.",
            why=f"{type(error).__name__}: {error}.",
            fix="Only pages that Tieline polled itself can be read here; a database does not push.",
        ) from error


def as_json(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Json]:
    """Return a row as JSON, columns by name."""
    return {str(name): plain(value, zone) for name, value in row.items()}


def _record(one: dict[str, Any]) -> Record:
    data = shaped({name: one.get(name) for name in ("id", "changed_at", "row")}, ROWS.fields, "A row")
    if not data["id"] or data["row"] is None:
        raise KeyError("id")
    at = from_rfc3339(data["changed_at"]) if data["changed_at"] else None
    return Record("rows", data["id"], data, at=at, version=sha256(data["row"])[:16])


def _asked(settings: SqlSettings, names: tuple[str, ...]) -> Select[Any]:
    inner = text(settings.rows or "").columns(*(column(name) for name in names)).subquery("t")
    return select(text("*")).select_from(inner).order_by(*(inner.c[name] for name in names))


def _by_key(conn: Connection, settings: SqlSettings, cursor: Json, limit: int) -> Page:
    query = _asked(settings, (settings.key,))
    if cursor:
        query = query.where(column(settings.key) > unpacked(cursor["key"]))
    found = [dict(one._mapping) for one in conn.execute(query.limit(limit + 1))]
    page = found[:limit]
    after = {"key": packed(_value(page[-1], settings.key))} if page else cursor
    return _page(settings, page, after, more=len(found) > limit)


def _by_time(conn: Connection, settings: SqlSettings, cursor: Json, limit: int) -> Page:
    changed, key = settings.changed or "", settings.key
    known: dict[str, list[Json]] = dict(cursor["seen"]) if cursor else {}
    query = _asked(settings, (changed, key))
    newest = unpacked(cursor["at"]) if cursor else None
    if newest is not None:
        query = query.where(column(changed) >= _earlier(newest, settings.overlap_s))
    size = limit + len(known)
    found = [dict(one._mapping) for one in conn.execute(query.limit(size))]
    fresh: list[dict[str, Any]] = []
    more = len(found) >= size
    for row in found:
        at, name = _value(row, changed), str(plain(_value(row, key), ZoneInfo("UTC")))
        mark = sha256(as_json(row, ZoneInfo("UTC")))[:16]
        if known.get(name, [None, ""])[1] != mark:
            if len(fresh) == limit:
                more = True
                break
            fresh.append(row)
        known[name] = [packed(at), mark]
        newest = at if newest is None or at > newest else newest
    if newest is None:
        return _page(settings, [], None, more=False)
    since = _earlier(newest, settings.overlap_s)
    known = {name: kept for name, kept in known.items() if unpacked(kept[0]) >= since}
    return _page(settings, fresh, {"at": packed(newest), "seen": known}, more=more)


def _page(settings: SqlSettings, found: list[dict[str, Any]], cursor: Json, *, more: bool) -> Page:
    zone = ZoneInfo(settings.timezone)
    written = [
        {
            "id": str(plain(_value(row, settings.key), zone)),
            "changed_at": _shown(row[settings.changed], zone) if settings.changed else None,
            "row": as_json(row, zone),
        }
        for row in found
    ]
    return Page(canonical({POLLED: "rows", "rows": written}), cursor, more=more, count=len(written))


def _value(row: Mapping[str, Any], name: str) -> Any:
    if row.get(name) is None:
        raise SetupError(
            f"A row has no {name}.",
            why="The column is null there." if name in row else f"The question gives: {', '.join(row)}.",
            fix=f"Leave such rows out of the question (WHERE {name} IS NOT NULL), or name another column.",
        )
    return row[name]


def _earlier(newest: Any, seconds: int) -> Any:
    if isinstance(newest, datetime):
        return newest - timedelta(seconds=seconds)
    return newest  # a number or a date: everything that carries the newest value is asked again


def _shown(value: Any, zone: ZoneInfo) -> str | None:
    if isinstance(value, datetime):
        return to_rfc3339(moment(value, zone))
    if isinstance(value, str):
        try:
            return to_rfc3339(moment(datetime.fromisoformat(value), zone))
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11:
        return to_rfc3339(moment(datetime.fromtimestamp(value, UTC), zone))
    return None
