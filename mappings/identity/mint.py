"""New entities: a master ID, a row, and the law that an entity is its own survivor from the first moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from core import jsons
from core.database import Database
from core.words import Micros
from mappings.identity.rows import Key
from mappings.identity.sequence import claim
from mappings.identity.words import Origin

_COLUMNS = "connector_id, etype, external_norm, external_raw, home_id, origin, first_seen, last_seen, valid_from"
_NEXT = "nextval(pg_get_serial_sequence('entity', 'id'))"


def _each(*places: int) -> str:
    """Return the SQL of these places of a JSON row."""
    return ", ".join(f"json_extract(value, '$[{place}]')" for place in places)


_SQLITE_ENTITY = text(
    "INSERT INTO entity (id, gid, etype, minted_at, survivor_id)"  # noqa: S608 -- fixed names only
    f" SELECT {_each(0, 1, 2)}, :now, {_each(0)} FROM json_each(:rows) ORDER BY key"
)
_SQLITE_CROSSWALK = text(
    f"INSERT INTO crosswalk ({_COLUMNS})"  # noqa: S608 -- fixed names only
    f" SELECT {_each(0, 1, 2, 3, 4, 5)}, :now, :now, :now FROM json_each(:rows) ORDER BY key"
)
_PG_ENTITY = text(
    f"WITH made AS (SELECT {_NEXT} AS id)"  # noqa: S608 -- fixed names only
    " INSERT INTO entity (id, gid, etype, minted_at, survivor_id) SELECT id, :gid, :etype, :now, id FROM made RETURNING id"
)
# One statement: the key is taken first, and only who got it makes an entity. Who comes second waits for the
# first to commit and inserts nothing, so there is no orphan and no lock but the index's own.
_PG_TAKE = text(
    "WITH w AS (SELECT * FROM unnest(CAST(:connectors AS bigint[]), CAST(:etypes AS text[]), CAST(:norms AS text[]),"  # noqa: S608
    " CAST(:raws AS text[]), CAST(:gids AS text[]), CAST(:homes AS bigint[]), CAST(:origins AS text[])) WITH ORDINALITY"
    " AS u (connector_id, etype, norm, raw, gid, home, origin, n)),"
    f" x AS (INSERT INTO crosswalk ({_COLUMNS})"
    f" SELECT connector_id, etype, norm, raw, coalesce(home, {_NEXT}), origin, :now, :now, :now FROM w ORDER BY n"
    " ON CONFLICT (connector_id, etype, external_norm) WHERE valid_to IS NULL DO NOTHING"
    " RETURNING id, connector_id, etype, external_norm, home_id),"
    " e AS (INSERT INTO entity (id, gid, etype, minted_at, survivor_id)"
    " SELECT x.home_id, w.gid, w.etype, :now, x.home_id FROM x JOIN w"
    " ON w.connector_id = x.connector_id AND w.etype = x.etype AND w.norm = x.external_norm WHERE w.home IS NULL)"
    " SELECT id FROM x"
)


def mint(conn: Connection, db: Database, etype: str, prefix: str, now: Micros) -> tuple[int, str]:
    """Make one entity that no foreign system knows yet; return (entity_id, master ID)."""
    gid = claim(conn, db, prefix, 1, now)[0]
    if db.dialect == "postgresql":
        return int(conn.execute(_PG_ENTITY, {"gid": gid, "etype": etype, "now": now}).scalar_one()), gid
    entity_id = _top(conn) + 1
    conn.execute(_SQLITE_ENTITY, {"rows": jsons.dumps([(entity_id, gid, etype)]), "now": now})
    return entity_id, gid


def take(
    conn: Connection,
    db: Database,
    keys: Sequence[tuple[Key, str, int | None, Origin]],
    prefixes: Mapping[str, str],
    now: Micros,
) -> set[int]:
    """
    Give each new key (with its raw form) a home: the one named, or a fresh entity.

    Return the crosswalk rows that we made; a key that somebody else took meanwhile is left to him.
    The keys must be sorted: two callers who want the same ones in another order would wait for each other.
    """
    counts: dict[str, int] = {}
    for (_, etype, _), _, home, _ in keys:
        counts[etype] = counts.get(etype, 0) + (home is None)
    fresh = {etype: iter(claim(conn, db, prefixes[etype], n, now)) for etype, n in sorted(counts.items()) if n}
    gids = [None if home is not None else next(fresh[key[1]]) for key, _, home, _ in keys]
    if db.dialect == "postgresql":
        parameters = {
            "connectors": [key[0] for key, *_ in keys],
            "etypes": [key[1] for key, *_ in keys],
            "norms": [key[2] for key, *_ in keys],
            "raws": [raw for _, raw, _, _ in keys],
            "gids": gids,
            "homes": [home for _, _, home, _ in keys],
            "origins": [str(origin) for *_, origin in keys],
            "now": now,
        }
        return {row[0] for row in conn.execute(_PG_TAKE, parameters)}
    return _take_sqlite(conn, keys, gids, now)


def _take_sqlite(
    conn: Connection, keys: Sequence[tuple[Key, str, int | None, Origin]], gids: list[str | None], now: Micros
) -> set[int]:
    """Do the same where the transaction is alone: nobody can be first but us."""
    top = _top(conn)
    entities: list[tuple[int, str, str]] = []
    rows = []
    for (key, raw, home, origin), gid in zip(keys, gids, strict=True):
        if home is None:
            assert gid is not None
            top += 1
            home = top
            entities.append((home, gid, key[1]))
        rows.append((*key, raw, home, str(origin)))
    before = conn.execute(text("SELECT coalesce(max(id), 0) FROM crosswalk")).scalar_one()
    if entities:
        conn.execute(_SQLITE_ENTITY, {"rows": jsons.dumps(entities), "now": now})
    conn.execute(_SQLITE_CROSSWALK, {"rows": jsons.dumps(rows), "now": now})
    return set(range(before + 1, before + 1 + len(rows)))


def _top(conn: Connection) -> int:
    """Return the highest row id given so far; entities are never deleted, so the next is free."""
    return int(conn.execute(text("SELECT coalesce(max(id), 0) FROM entity")).scalar_one())
