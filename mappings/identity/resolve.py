"""
External ids to master IDs: look up, and mint what is new. Idempotent, batched, correct under many writers.

A thousand ids cost two or three statements. The same id wanted by eight processes at once gives one
master ID: the second writer waits for the first at the crosswalk's unique index (PostgreSQL, READ
COMMITTED), or at the write lock (SQLite).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from core.clock import SECOND
from core.database import Database
from core.errors import DefinitionError, NotFoundError, TielineError, TransientError
from core.words import Micros
from mappings.identity import misfits, shapes
from mappings.identity.mint import take
from mappings.identity.rows import Key, Row, find, query
from mappings.identity.words import Hint, Origin, Resolved, Want

_DAY = 86_400 * SECOND


def resolve_or_mint(
    conn: Connection, db: Database, wants: Iterable[Want], prefixes: Mapping[str, str], now: Micros
) -> dict[Want, Resolved | TielineError]:
    """
    Return the master ID of every wanted id, minted where it is new; an id that cannot be one gives its error.

    ``conn`` is a writing transaction. Call it once per batch: two calls in one transaction may wait for
    another transaction's two calls (PostgreSQL ends that with an error, and the batch is tried again).
    """
    assert db.dialect != "sqlite" or conn.get_execution_options().get("tieline_write"), "use db.write()"
    keys, answers, declared = _keys(conn, wants)
    if answers:
        answers |= misfits.note(conn, answers, declared, now)
    for want, key in list(keys.items()):
        if key[1] not in prefixes:
            answers[want] = _no_prefix(key[1])
            del keys[want]
    rows = find(conn, sorted(set(keys.values())))
    hints = {want: Hint.KNOWN for want in keys if want.hint is not None}
    minted, linked = _take_new(conn, db, {want: key for want, key in keys.items() if key not in rows}, hints, prefixes, now)
    rows |= find(conn, sorted({key for key in keys.values() if key not in rows}))
    _seen(conn, rows.values(), now)
    for want, key in keys.items():
        row, hint = rows.get(key), hints.get(want)
        if row is None:
            answers[want] = _gone(want)
            continue
        if hint is Hint.LINKED and row.crosswalk_id not in linked:
            hint = Hint.KNOWN  # somebody else was first
        answers[want] = _resolved(row, minted=row.crosswalk_id in minted, hint=hint)
    return answers


def _take_new(
    conn: Connection, db: Database, new: dict[Want, Key], hints: dict[Want, Hint], prefixes: Mapping[str, str], now: Micros
) -> tuple[set[int], set[int]]:
    """Give every new key a home; return the crosswalk rows that we minted and those that we linked by a hint."""
    if not new:
        return set(), set()
    hinted = _hinted(conn, db, {key: want for want, key in new.items() if want.hint is not None}, hints)
    raws = {key: want.external_id for want, key in new.items()}
    homes = [(key, raws[key], hinted.get(key), Origin.HINT if key in hinted else Origin.MINT) for key in sorted(raws)]
    ours = take(conn, db, homes, prefixes, now)
    linked = {row.crosswalk_id for row in find(conn, sorted(hinted)).values()} & ours
    return ours - linked, linked


def resolve(conn: Connection, wants: Iterable[Want], at: Micros | None = None) -> dict[Want, Resolved | TielineError]:
    """
    Return the master IDs of ids that are known; read-only, an unknown id gives NotFoundError.

    With ``at`` an id is looked up as it was used then: a re-used asset tag names the thing that carried it at that time.
    """
    keys, answers, _ = _keys(conn, wants)
    rows = find(conn, sorted(set(keys.values())), at)
    for want, key in keys.items():
        answers[want] = _resolved(rows[key], minted=False, hint=None) if key in rows else _unknown(want, at)
    return answers


def _keys(
    conn: Connection, wants: Iterable[Want]
) -> tuple[dict[Want, Key], dict[Want, Resolved | TielineError], Mapping[tuple[int, str], shapes.Shape]]:
    """Normalise; what is refused is an answer already."""
    wanted = list(dict.fromkeys(wants))
    declared = shapes.load(conn, {want.connector_id for want in wanted})
    keys: dict[Want, Key] = {}
    answers: dict[Want, Resolved | TielineError] = {}
    for want in wanted:
        shape = declared.of(want.connector_id, want.etype, counted=want.counted)
        try:
            keys[want] = (want.connector_id, want.etype, shapes.norm(shape, want.etype, want.external_id))
        except TielineError as error:
            answers[want] = error
    return keys, answers, declared.shapes


def _hinted(conn: Connection, db: Database, new: dict[Key, Want], hints: dict[Want, Hint]) -> dict[Key, int]:
    """
    Return the homes that hints name for new ids, and note what became of each hint.

    A master ID that has an id in the same connector already is not linked again: a cloned ticket carries
    the reference of its original, and believing it would make one ticket of two.
    """
    if not new:
        return {}
    gids = sorted({str(want.hint) for want in new.values()})
    for gid in gids:
        db.lock_key(conn, "identity-hint", gid)
    known = {
        row.gid: row for row in query(conn, "SELECT gid, id, etype, survivor_id FROM entity WHERE gid IN {gids}", gids=gids)
    }
    taken = {
        (row.survivor_id, row.connector_id)
        for row in query(
            conn,
            "SELECT m.survivor_id, x.connector_id FROM entity m JOIN crosswalk x ON x.home_id = m.id AND x.valid_to IS NULL"
            " WHERE m.survivor_id IN {survivors}",
            survivors=sorted({row.survivor_id for row in known.values()}),
        )
    }
    homes: dict[Key, int] = {}
    for key, want in sorted(new.items()):
        row = known.get(str(want.hint))
        if row is None or row.etype != want.etype:
            hints[want] = Hint.UNKNOWN
        elif (row.survivor_id, want.connector_id) in taken:
            hints[want] = Hint.COPIED
        else:
            hints[want] = Hint.LINKED
            homes[key] = row.id
            taken.add((row.survivor_id, want.connector_id))
    return homes


def _seen(conn: Connection, rows: Iterable[Row], now: Micros) -> None:
    """
    Move ``last_seen``, to the day: a write for every sight would cost more than it tells.

    Rows that somebody else holds are skipped (he moves them), so nobody waits here.
    """
    ids = [row.crosswalk_id for row in rows if row.last_seen < now - _DAY]
    if not ids:
        return
    skip = " FOR UPDATE SKIP LOCKED" if conn.dialect.name == "postgresql" else ""
    sql = f"UPDATE crosswalk SET last_seen = :now WHERE id IN (SELECT id FROM crosswalk WHERE id IN {{ids}}{skip})"  # noqa: S608
    query(conn, sql, ids=ids, now=now)


def _resolved(row: Row, *, minted: bool, hint: Hint | None) -> Resolved:
    return Resolved(
        row.survivor_id, row.gid, row.home_id, row.crosswalk_id, minted, row.applied_at, row.applied_version, hint, row.home_gid
    )


def _no_prefix(etype: str) -> TielineError:
    return DefinitionError(
        f"There is no prefix for master IDs of {etype!r}.",
        why="No live entity definition has that name.",
        fix="Publish an entity definition with that name and a prefix.",
    )


def _gone(want: Want) -> TielineError:
    return TransientError(
        f"The id {want.external_id!r} of {want.etype} was closed while it was looked up.",
        why="Somebody said in the same moment that the source re-uses it.",
    )


def _unknown(want: Want, at: Micros | None) -> TielineError:
    return NotFoundError(
        f"No {want.etype} has the id {want.external_id!r} there.",
        why="Nothing with that id was seen yet." if at is None else "Nothing was known by that id at that time.",
        fix="Check the id, or wait for the source to send it.",
    )
