"""What a checked line means today: known already, to be linked, minted, adopted or kept as closed; or a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection

from core.clock import to_rfc3339
from mappings.identity.rows import Key, Row, find, query
from mappings.interchange.lines import Fault
from mappings.interchange.staging import Wanted


class Meaning(StrEnum):
    """What writing a line does."""

    KNOWN = "known"  #: it is so already
    LINKED = "linked"  #: a new id of a known master ID
    MINTED = "minted"  #: a new id without a master ID: one is made
    ADOPTED = "adopted"  #: a new id with a master ID of another register, which is taken over
    CLOSED = "closed"  #: an id that a master ID had for a time


class Judged(NamedTuple):
    """One line, what it means, and the entity it is for (None: one that is made or adopted)."""

    wanted: Wanted
    meaning: Meaning
    home_id: int | None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a file is taken: ``adopt`` unknown master IDs, and whether good lines are written although others are not."""

    adopt: bool = False
    skip_faulty: bool = False
    dry_run: bool = False


def judge(conn: Connection, wanted: Sequence[Wanted], terms: Terms, prefixes: Mapping[str, str]) -> list[Judged | Fault]:
    """Judge lines, which are in the order of their keys, by the rows that are there."""
    rows = find(conn, sorted({one.key for one in wanted if one.valid_to is None}))
    gids = sorted({one.gid for one in wanted if one.gid is not None})
    named = {
        row.gid: row for row in query(conn, "SELECT gid, id, etype, survivor_id FROM entity WHERE gid IN {gids}", gids=gids)
    }
    found: list[Judged | Fault] = []
    before: Wanted | None = None
    for one in wanted:
        if before is not None and before.key == one.key and (one.valid_from or 0) < (before.valid_to or 0) and one.valid_from:
            found.append(Fault(one.number, f"It holds from before line {before.number} ends, and both are of one id."))
            continue
        home = named.get(one.gid) if one.gid is not None else None
        fault = _no_home(one, home, terms, prefixes)
        if fault is not None:
            found.append(fault)
        elif one.valid_to is not None:
            found.append(_closed(conn, one, home))
        else:
            found.append(_open(one, home, rows.get(one.key)))
        before = one
    return found


def _no_home(one: Wanted, home: Any, terms: Terms, prefixes: Mapping[str, str]) -> Fault | None:
    """Say why the master ID of a line cannot be its home, or None."""
    if one.gid is None:
        return None
    if home is not None:
        return None if home.etype == one.etype else Fault(one.number, f"{one.gid} is a {home.etype}, not a {one.etype}.")
    if not terms.adopt:
        return Fault(one.number, f"The master ID {one.gid} was never given out here; adopt it, or leave it out to mint one.")
    if not one.gid.startswith(f"{prefixes[one.etype]}-"):
        return Fault(one.number, f"The master ID {one.gid} has not the prefix of a {one.etype}: {prefixes[one.etype]}.")
    return None


def _open(one: Wanted, home: Any, row: Row | None) -> Judged | Fault:
    if row is None:
        if one.gid is None:
            return Judged(one, Meaning.MINTED, None)
        return Judged(one, Meaning.ADOPTED, None) if home is None else Judged(one, Meaning.LINKED, home.id)
    if one.gid is None or (home is not None and home.survivor_id == row.survivor_id):
        return Judged(one, Meaning.KNOWN, row.home_id)
    return Fault(
        one.number, f"The id {one.raw!r} belongs to {row.gid}; the file says {one.gid}. Merge the two, or close the id."
    )


def _closed(conn: Connection, one: Wanted, home: Any) -> Judged | Fault:
    """Judge a line that holds for a time: it may not overlap with what is known of its id."""
    overlapping = query(
        conn,
        "SELECT x.home_id, x.valid_from, x.valid_to, e.gid FROM crosswalk x JOIN entity e ON e.id = x.home_id"
        " WHERE x.connector_id = :connector AND x.etype = :etype AND x.external_norm = :norm AND x.valid_to IS NOT NULL"
        " AND x.valid_from < :to AND x.valid_to > :from"
        " UNION ALL SELECT x.home_id, x.valid_from, x.valid_to, e.gid FROM crosswalk x JOIN entity e ON e.id = x.home_id"
        " WHERE x.connector_id = :connector AND x.etype = :etype AND x.external_norm = :norm AND x.valid_to IS NULL"
        " AND x.valid_from < :to",
        connector=one.connector_id,
        etype=one.etype,
        norm=one.norm,
        to=one.valid_to,
        **{"from": one.valid_from},
    )
    if not overlapping:
        return Judged(one, Meaning.CLOSED, None if home is None else home.id)
    if home is not None and [tuple(row)[:3] for row in overlapping] == [(home.id, one.valid_from, one.valid_to)]:
        return Judged(one, Meaning.KNOWN, home.id)
    first = overlapping[0]
    until = to_rfc3339(first.valid_to) or "today"
    return Fault(one.number, f"The id {one.raw!r} was {first.gid} from {to_rfc3339(first.valid_from)} until {until}.")


def keys_of(judged: Sequence[Judged]) -> list[Key]:
    """Return the keys of these lines, sorted, each once."""
    return sorted({one.wanted.key for one in judged})
