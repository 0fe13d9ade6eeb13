"""
Writing the crosswalk on purpose: ADD, LINK and UPDATE each say what must be there before, and refuse anything else.

``resolve_or_mint`` is the mode that may be repeated; these three are not, so a second call with the same item tells
that the first one worked. Every item has its own answer; what is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from core.database import Database
from core.errors import DefinitionError, InputError, NotFoundError, TielineError
from core.tables import crosswalk, entity
from core.words import Micros
from mappings.identity import shapes
from mappings.identity.crosswalk import close, current
from mappings.identity.errors import CrosswalkStateError
from mappings.identity.mint import take
from mappings.identity.resolve import resolve_or_mint
from mappings.identity.rows import Key, Row, find, query
from mappings.identity.words import Mode, Origin, Resolved, Want


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to write: an external id, the master ID it is for (LINK, UPDATE), the id it takes the place of (UPDATE)."""

    connector_id: int
    etype: str
    external_id: str
    gid: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class _Keyed:
    entry: Entry
    key: Key
    old: Key | None = None


def write(
    conn: Connection, db: Database, mode: Mode, entries: Sequence[Entry], prefixes: Mapping[str, str], now: Micros
) -> list[Resolved | TielineError]:
    """Write entries in one mode and answer each, in their order; ``conn`` is a writing transaction."""
    if mode is Mode.RESOLVE_OR_MINT:
        wants = [Want(one.connector_id, one.etype, one.external_id, one.gid) for one in entries]
        found = resolve_or_mint(conn, db, wants, prefixes, now)
        return [found[want] for want in wants]
    answers: dict[int, Resolved | TielineError] = {}
    keyed = _keyed(conn, entries, answers)
    rows = find(conn, sorted({one.key for one in keyed.values()} | {one.old for one in keyed.values() if one.old}))
    taken: set[Key] = set()
    for place, one in list(keyed.items()):
        problem = _problem(one, mode, rows, taken, prefixes)
        if problem is not None:
            answers[place] = problem
            del keyed[place]
        else:
            taken |= {one.key} | ({one.old} if one.old else set())
    closed: dict[Key, int] = {}
    homes = _homes(conn, mode, keyed, rows, answers, closed, now)
    made = _take(conn, db, keyed, homes, prefixes, now)
    after = find(conn, sorted(one.key for one in keyed.values()))
    for place, one in keyed.items():
        row = after[one.key]
        if row.crosswalk_id in made:
            answers[place] = _resolved(row, minted=mode is Mode.ADD)
        else:  # somebody else was first
            answers[place] = _known(one.entry, row)
            if one.key in closed:
                conn.execute(crosswalk.update().where(crosswalk.c.id == closed[one.key]).values(valid_to=None))
    return [answers[place] for place in range(len(entries))]


def _keyed(conn: Connection, entries: Sequence[Entry], answers: dict[int, Resolved | TielineError]) -> dict[int, _Keyed]:
    """Normalise; an id that cannot be one has its answer already."""
    declared = shapes.load(conn, {one.connector_id for one in entries})
    keyed: dict[int, _Keyed] = {}
    for place, one in enumerate(entries):
        shape = declared.of(one.connector_id, one.etype)
        try:
            key = (one.connector_id, one.etype, shapes.norm(shape, one.etype, one.external_id))
            old = None if one.replaces is None else (*key[:2], shapes.norm(shape, one.etype, one.replaces))
        except TielineError as error:
            answers[place] = error
        else:
            keyed[place] = _Keyed(one, key, old)
    return keyed


def _problem(
    one: _Keyed, mode: Mode, rows: Mapping[Key, Row], taken: set[Key], prefixes: Mapping[str, str]
) -> TielineError | None:
    """Say why an entry is in the wrong state for its mode, or None."""
    entry = one.entry
    if one.key in taken or (one.old and one.old in taken):
        return CrosswalkStateError(
            f"The id {entry.external_id!r} of {entry.etype} comes twice in this call.",
            why="The first of the two was taken.",
            fix="Send each id once.",
        )
    if one.key in rows:
        return _known(entry, rows[one.key])
    if mode is Mode.ADD:
        if entry.gid is not None or entry.replaces is not None:
            return _superfluous(entry, "ADD mints a master ID; it takes none.", "Use LINK for a thing that has one.")
        if entry.etype not in prefixes:
            return DefinitionError(
                f"There is no prefix for master IDs of {entry.etype!r}.",
                why="No live entity definition has that name.",
                fix="Publish an entity definition with that name and a prefix.",
            )
    elif mode is Mode.LINK:
        if entry.gid is None or entry.replaces is not None:
            return _superfluous(entry, "LINK needs the master ID that the id belongs to, and nothing else.", "Name it.")
    elif (entry.gid is None) == (one.old is None):
        return _superfluous(
            entry, "UPDATE needs the id that is replaced, or the master ID that has exactly one here.", "Name one of the two."
        )
    elif one.old is not None and one.old not in rows:
        return CrosswalkStateError(
            f"There is no id {entry.replaces!r} of {entry.etype} to be replaced.",
            why="UPDATE takes the place of an id that is known and in use.",
            fix="Use ADD for a new thing, LINK for a known one.",
        )
    return None


def _homes(
    conn: Connection,
    mode: Mode,
    keyed: dict[int, _Keyed],
    rows: Mapping[Key, Row],
    answers: dict[int, Resolved | TielineError],
    closed: dict[Key, int],
    now: Micros,
) -> dict[Key, int]:
    """Return the homes of what is linked or updated, and close what is replaced; who has none is answered and left out."""
    if mode is Mode.ADD:
        return {}
    gids = {one.entry.gid for one in keyed.values() if one.entry.gid is not None}
    named = {row.gid: row for row in query(conn, "SELECT gid, id, etype FROM entity WHERE gid IN {gids}", gids=sorted(gids))}
    homes: dict[Key, int] = {}
    for place, one in list(keyed.items()):
        found: int | TielineError
        row = named.get(str(one.entry.gid))
        if one.old is not None:
            found = _close(conn, one, rows[one.old].crosswalk_id, rows[one.old].home_id, closed, now)
        elif row is None or row.etype != one.entry.etype:
            found = _no_such(one.entry, None if row is None else row.etype)
        else:
            found = int(row.id) if mode is Mode.LINK else _replaced(conn, one, closed, now)
        if isinstance(found, TielineError):
            answers[place] = found
            del keyed[place]
        else:
            homes[one.key] = found
    return homes


def _replaced(conn: Connection, one: _Keyed, closed: dict[Key, int], now: Micros) -> int | TielineError:
    """Close the one id that a master ID has in this connector and return its home."""
    who = current(conn, [str(one.entry.gid)])[str(one.entry.gid)]
    found = conn.execute(
        select(crosswalk.c.id, crosswalk.c.home_id, crosswalk.c.external_raw)
        .join(entity, entity.c.id == crosswalk.c.home_id)
        .where(
            entity.c.survivor_id == who.entity_id,
            crosswalk.c.connector_id == one.entry.connector_id,
            crosswalk.c.etype == one.entry.etype,
            crosswalk.c.valid_to.is_(None),
        )
    ).all()
    if len(found) != 1:
        listed = ", ".join(repr(row.external_raw) for row in found) or "none"
        return CrosswalkStateError(
            f"{one.entry.gid} has not exactly one id there.",
            why=f"It has: {listed}.",
            fix="Name the one that is replaced, or use LINK where there is none.",
        )
    return _close(conn, one, found[0].id, found[0].home_id, closed, now)


def _close(
    conn: Connection, one: _Keyed, crosswalk_id: int, home_id: int, closed: dict[Key, int], now: Micros
) -> int | TielineError:
    """Close what is replaced and return its home; who was first to close it has replaced it by something else."""
    if not close(conn, crosswalk_id, now):
        return CrosswalkStateError(
            f"What {one.entry.external_id!r} should take the place of was closed meanwhile.",
            why="Somebody else replaced or closed it in the same moment.",
            fix="Look it up again.",
        )
    closed[one.key] = crosswalk_id
    return home_id


def _take(
    conn: Connection,
    db: Database,
    keyed: Mapping[int, _Keyed],
    homes: Mapping[Key, int],
    prefixes: Mapping[str, str],
    now: Micros,
) -> set[int]:
    origin = Origin.LINK if homes else Origin.MINT
    raws = {one.key: one.entry.external_id for one in keyed.values()}
    return take(conn, db, [(key, raws[key], homes.get(key), origin) for key in sorted(raws)], prefixes, now) if raws else set()


def _resolved(row: Row, *, minted: bool) -> Resolved:
    return Resolved(
        row.survivor_id, row.gid, row.home_id, row.crosswalk_id, minted, row.applied_at, row.applied_version, None, row.home_gid
    )


def _known(entry: Entry, row: Row) -> CrosswalkStateError:
    return CrosswalkStateError(
        f"The id {entry.external_id!r} of {entry.etype} is known already.",
        why=f"It belongs to {row.gid}.",
        fix="Nothing to do if that is right; if the source uses it for another thing now, close it first.",
        master_id=row.gid,
    )


def _superfluous(entry: Entry, why: str, fix: str) -> InputError:
    return InputError(f"The entry for {entry.external_id!r} of {entry.etype} cannot be used.", why=why, fix=fix)


def _no_such(entry: Entry, etype: str | None) -> NotFoundError:
    return NotFoundError(
        f"There is no {entry.etype} {entry.gid!r}.",
        why="It was never given out." if etype is None else f"That master ID is a {etype}.",
        fix="Link an id to a thing of its own type.",
    )
