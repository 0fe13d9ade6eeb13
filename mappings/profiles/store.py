"""
Profiles in rows: what was counted is added to what is known, drifts become rows, and by contract mode repairs.

One read and one write per stream, in the caller's transaction, which is the lane's own: nobody else writes these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from core.bulk import insert_many
from core.errors import NotFoundError
from core.repairs import close_repair, open_repair
from core.tables import connector, drift, profile
from core.words import Json, Micros
from mappings.profiles.errors import DriftError
from mappings.profiles.judging import LEARNED, WINDOW, Change, Known, Window, close_window, judge
from mappings.profiles.tree import Accepted, Tree, above, row_of

NEAR = 0.1
"""A share of nulls this near to what it was is back."""

ModeOf = Callable[[str], str]
"""Which contract mode counts for a path: evolve, freeze or quarantine."""


def known_of(conn: Connection, connector_id: int, stream: str) -> dict[str, Known]:
    """Return what is known of a stream, by path."""
    query = select(profile).where(profile.c.connector_id == connector_id, profile.c.stream == stream)
    return {row["path"]: _known(row) for row in conn.execute(query).mappings()}


def _known(row: Mapping[Any, Any]) -> Known:
    told = {name: row[name] for name in ("path", "types", "accepted", "form", "here", "first_seen", "last_seen", "gone_at")}
    return Known(**told, base=Window(*row["base"]), window=Window(*row["window"]))


def flush(
    conn: Connection, place: tuple[int, str, str], tree: Tree, mode_of: ModeOf, now: Micros, *, receipt: str | None = None
) -> list[Change]:
    """
    Add what a tree counted to a stream's profile; tell what drifted. ``place`` is connector id, its name, the stream.

    The caller forgets the counts once it has committed.
    """
    connector_id, _, stream = place
    known = known_of(conn, connector_id, stream)
    learning = "$" not in known or known["$"].here + tree.root.here <= LEARNED
    changes: list[Change] = []
    touched: dict[str, Known] = {}
    inside: set[str] = set()  # of what is new: it is told once, with what it stands in
    for node in tree.nodes():
        row = row_of(node)
        one = known.setdefault(node.path, Known(node.path, first_seen=now))
        touched[node.path] = one
        if node.path != "$":
            found = judge(one, row["types"], learning=learning)
            if found and found[0].kind == "new_path":
                new_above = node.above in inside or (node.above != "$" and known[node.above].accepted is None)
                inside.add(node.path)
                if new_above:
                    one.accepted = _allowed(one, found[0]) if mode_of(node.path) == "evolve" else None
                    found = []
            if one.gone_at is not None:
                one.gone_at = None
                found.append(Change(node.path, "vanished", back=True))
            changes += found
        _count(one, row, now)
    root = known.get("$")
    if root is not None and root.window.records >= WINDOW:
        base, window = root.base.records, root.window.records
        ended = [one for path in known if path != "$" for one in close_window(known[path], base, window, now)]
        gone = {one.path for one in ended if one.kind == "vanished"}
        changes += [one for one in ended if one.kind != "vanished" or above(one.path) not in gone]
        close_window(root, base, window, now)
        touched = known
    for change in changes:
        _settle(conn, place, change, known[change.path], mode_of(change.path), now, receipt)
    if touched:
        rows = [_row(connector_id, stream, one) for one in touched.values()]
        insert_many(conn, profile, rows, replace=("connector_id", "stream", "path"))
    return changes


def _count(one: Known, row: Mapping[str, Any], now: Micros) -> None:
    for word, n in row["types"].items():
        one.types[word] = one.types.get(word, 0) + n
    one.form = row["form"] or one.form
    one.here += row["here"]
    one.last_seen = now
    values = sum(row["types"].values())
    one.window = one.window.plus(Window(row["here"], values, row["types"].get("null", 0)))


def _row(connector_id: int, stream: str, one: Known) -> dict[str, Any]:
    told = {
        name: getattr(one, name) for name in ("path", "types", "accepted", "form", "here", "first_seen", "last_seen", "gone_at")
    }
    return {"connector_id": connector_id, "stream": stream, **told, "base": list(one.base), "window": list(one.window)}


def _settle(
    conn: Connection, place: tuple[int, str, str], change: Change, known: Known, mode: str, now: Micros, receipt: str | None
) -> None:
    """Write a drift down; evolve takes it at once, freeze opens a repair, quarantine lets the held records speak."""
    connector_id, name, stream = place
    if change.back:
        _close(conn, connector_id, name, stream, change.path, (change.kind,), "source", now)
        return
    closed = {"closed_at": now, "closed_by": "evolve"} if mode == "evolve" else {"closed_at": None, "closed_by": None}
    if mode == "evolve":
        known.accepted = _allowed(known, change)
    elif (still := _open_one(conn, connector_id, stream, change)) is not None:
        if change.kind == "null_rate" and abs(still["before"] - change.after) < NEAR:
            _close(conn, connector_id, name, stream, change.path, ("null_rate",), "source", now)
        return
    told = {"path": change.path, "kind": change.kind, "before": change.before, "after": change.after}
    conn.execute(
        drift.insert().values(connector_id=connector_id, stream=stream, **told, mode=mode, receipt=receipt, at=now, **closed)
    )
    if mode == "freeze" or (mode == "quarantine" and change.kind in ("vanished", "null_rate")):
        open_repair(conn, _key(name, stream, change.path, change.kind), error_of(name, stream, change), connector=name, now=now)


def _allowed(known: Known, change: Change) -> list[str] | None:
    if change.kind not in ("new_path", "type_changed"):
        return known.accepted
    return sorted({*(known.accepted or ()), *(word for word in change.after if word != "null")})


def _open_one(conn: Connection, connector_id: int, stream: str, change: Change) -> Mapping[Any, Any] | None:
    return conn.execute(select(drift).where(*_open(connector_id, stream, change.path, (change.kind,)))).mappings().first()


def _open(connector_id: int, stream: str, path: str, kinds: Iterable[str]) -> tuple[Any, ...]:
    mine = (drift.c.connector_id == connector_id, drift.c.stream == stream, drift.c.path == path)
    return (*mine, drift.c.kind.in_(list(kinds)), drift.c.closed_at.is_(None))


def _close(
    conn: Connection, connector_id: int, name: str, stream: str, path: str, kinds: tuple[str, ...], by: str, now: Micros
) -> None:
    conn.execute(update(drift).where(*_open(connector_id, stream, path, kinds)).values(closed_at=now, closed_by=by))
    for kind in kinds:
        close_repair(conn, _key(name, stream, path, kind), now=now)


def _key(name: str, stream: str, path: str, kind: str) -> str:
    return f"drift:{name}:{stream}:{kind}:{path}"


_SAID = {
    "new_path": "{connector}/{stream} sends {path}, which it never sent before.",
    "vanished": "{connector}/{stream} no longer sends {path}.",
    "type_changed": "{connector}/{stream} sends {after} at {path}; it was {before}.",
    "null_rate": "{connector}/{stream} sends null at {path} in {after} of its values; it was {before}.",
}


def error_of(name: str, stream: str, change: Change) -> DriftError:
    """Return a drift as an error: what, why, and what to do."""
    said = {
        "connector": name,
        "stream": stream,
        "path": change.path,
        "before": _plain(change.before),
        "after": _plain(change.after),
    }
    return DriftError(
        _SAID[change.kind].format(**said),
        why="The mapping's contract says that the form of this source does not change by itself.",
        fix="Correct the source, or adapt the mapping; then accept it: `tieline drift accept`.",
        path=change.path,
        kind=change.kind,
    )


def _plain(value: Json) -> str:
    if isinstance(value, list):
        return " or ".join(str(one) for one in value) or "nothing"
    return f"{value:.0%}" if isinstance(value, float | int) else str(value)


def accept(conn: Connection, drift_id: int, *, by: str, now: Micros) -> dict[str, Any]:
    """Take a drift as the new form: it is closed, its repair too, and what it brought is allowed from now on."""
    row = conn.execute(select(drift).where(drift.c.id == drift_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no drift {drift_id}.", why="The number was never given.", fix="See `tieline drift`.")
    name = conn.execute(select(connector.c.name).where(connector.c.id == row["connector_id"])).scalar_one()
    if row["closed_at"] is None:
        _allow(conn, row)
        _close(conn, row["connector_id"], name, row["stream"], row["path"], (row["kind"],), by, now)
    found = conn.execute(select(drift).where(drift.c.id == drift_id)).mappings().one()
    return {**found, "connector": name}


def _allow(conn: Connection, row: Mapping[Any, Any]) -> None:
    """Allow everything that was seen at this path, and below a new one."""
    if row["kind"] not in ("new_path", "type_changed"):
        return
    for path, known in known_of(conn, row["connector_id"], row["stream"]).items():
        if path == row["path"] or (row["kind"] == "new_path" and path.startswith((f"{row['path']}.", f"{row['path']}["))):
            here = (profile.c.connector_id == row["connector_id"], profile.c.stream == row["stream"], profile.c.path == path)
            allowed = sorted(word for word in known.types if word != "null")
            conn.execute(update(profile).where(*here).values(accepted=allowed))


def contracts(conn: Connection, connector_id: int, streams: Iterable[str]) -> dict[str, Accepted]:
    """Return what is allowed on these streams; one that is still learned allows everything and is left out."""
    found: dict[str, Accepted] = {}
    for stream in streams:
        known = known_of(conn, connector_id, stream)
        if "$" in known and known["$"].here >= LEARNED:
            found[stream] = {path: frozenset(one.accepted) for path, one in known.items() if one.accepted is not None}
    return found
