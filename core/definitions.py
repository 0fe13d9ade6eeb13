"""
What a definition is to every room, and the store of its versions: draft -> tested -> live -> retired.

A version never changes. Publishing retires the live version, makes another one live, writes its lineage
edges and moves the generation on: in one transaction, so that caches which compare the generation are never stale.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, text, update

from core import jsons
from core.errors import ConflictError, NotFoundError
from core.tables import definition, definition_version, lineage_edge, lineage_version
from core.words import Json, Micros

KINDS = ("entity", "code_table", "mapping", "formula", "recipe", "bridge")
"""The kinds of definitions, in the order in which they may refer to each other."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Why a definition cannot be published, and what its author can do.

    ``path`` is the place inside the definition (``fields.severity.steps.0``), ``line`` its line in the
    file where it was read from one.
    """

    path: str
    what: str
    fix: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """
    One arrow of field lineage: ``dst`` is made from (DIRECT) or decided by (INDIRECT) ``src``.

    Nodes: ``source:<kind>/<stream>/<path>``, ``field:<entity>.<field>``, ``bridge:<name>``,
    ``act:<connector>/<act>/<argument>``, ``lookup:<connector>/<lookup>/<field>``, ``facet:<recipe>/<facet>``.
    ``subtype``: IDENTITY, TRANSFORMATION, AGGREGATION (DIRECT); CONDITIONAL, JOIN (INDIRECT).
    """

    src: str
    dst: str
    kind: str
    subtype: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """
    What a definition may refer to while it is checked: the live definitions and those of the same pack.

    Specs are the plain objects as written. ``kinds`` maps a connector's name to its kind
    (``connectors.kit.contract.Kind``; this room may not know that class).
    """

    entities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kinds: Mapping[str, Any] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    formulas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mappings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def types(self, scope: Mapping[str, str]) -> dict[str, str]:
        """
        Return the flat names that an expression may use: ``{"alert.title": "string", …}``.

        >>> Catalogue(entities={"alert": {"fields": {"title": {"type": "string"}}}}).types({"a": "alert"})
        {'a.title': 'string'}
        """
        return {
            f"{alias}.{name}": str(spec.get("type", "string"))
            for alias, etype in scope.items()
            for name, spec in self.entities.get(etype, {}).get("fields", {}).items()
        }


def near(word: str, known: Iterable[str]) -> str | None:
    """
    Return the known word that is most like this one, if any is like it.

    >>> near("sevrity", ["severity", "title"])
    'severity'
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown(path: str, what: str, word: str, known: Iterable[str], *, line: int | None = None) -> Problem:
    """
    Say that a word is not known, which words are, and which one was probably meant.

    >>> unknown("of", "entity", "alrt", ["alert", "device"])
    Problem(path='of', what="There is no entity 'alrt'.", fix="Did you mean 'alert'? Known: alert, device.", line=None)
    """
    words = sorted(known)
    guess = near(word, words)
    listed = ", ".join(words[:20]) + (f" and {len(words) - 20} more" if len(words) > 20 else "")
    fix = (f"Did you mean {guess!r}? " if guess else "") + (f"Known: {listed}." if words else "None is known here.")
    return Problem(path, f"There is no {what} {word!r}.", fix, line)


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of a definition; ``spec`` is the document as written, with its kind and name."""

    version_id: int
    kind: str
    name: str
    n: int
    spec: dict[str, Json]
    sha256: str
    state: str
    pack: str | None
    author: str
    created_at: Micros
    published_at: Micros | None
    retired_at: Micros | None


_VERSIONS: Select[Any] = select(
    definition_version.c.id,
    definition.c.kind,
    definition.c.name,
    definition_version.c.n,
    definition_version.c.spec,
    definition_version.c.sha256,
    definition_version.c.state,
    definition_version.c.pack,
    definition_version.c.author,
    definition_version.c.created_at,
    definition_version.c.published_at,
    definition_version.c.retired_at,
).join_from(definition_version, definition)


def _version(row: Row[Any]) -> Version:
    values: list[Any] = list(row)
    return Version(*values)


def _read(rows: Iterable[Row[Any]]) -> list[Version]:
    return [_version(row) for row in rows]


def generation(conn: Connection) -> int:
    """Return the number that names the set of live definitions; it goes up by one at every publish."""
    return conn.execute(select(lineage_version.c.n)).scalar() or 0


def live(conn: Connection, kind: str) -> list[Version]:
    """Return the live version of every definition of a kind, by name."""
    of_kind = _VERSIONS.where(definition.c.kind == kind, definition_version.c.state == "live")
    return _read(conn.execute(of_kind.order_by(definition.c.name)))


def versions(conn: Connection, kind: str, name: str) -> list[Version]:
    """Return every version of one definition, the newest first."""
    named = _VERSIONS.where(definition.c.kind == kind, definition.c.name == name)
    return _read(conn.execute(named.order_by(definition_version.c.n.desc())))


def version(conn: Connection, version_id: int) -> Version:
    """Return one version, or say that there is none."""
    row = conn.execute(_VERSIONS.where(definition_version.c.id == version_id)).first()
    if row is None:
        why = "Versions are never deleted, so this id was never given."
        raise NotFoundError(f"There is no version {version_id}.", why=why, fix="List the versions of the definition.")
    return _version(row)


def save_version(
    conn: Connection, kind: str, name: str, spec: Mapping[str, Json], *, author: str, now: Micros, pack: str | None = None
) -> Version:
    """Keep a document as a draft; the same document again is the version that it already is."""
    _alone(conn)
    sha256 = jsons.sha256(dict(spec))
    known = versions(conn, kind, name)
    same = [one for one in known if one.sha256 == sha256]
    if same:
        return next((one for one in same if one.state == "live"), same[0])
    found = select(definition.c.id).where(definition.c.kind == kind, definition.c.name == name)
    definition_id = conn.execute(found).scalar()
    if definition_id is None:
        conn.execute(insert(definition).values(kind=kind, name=name, created_at=now))
        definition_id = conn.execute(found).scalar_one()
    n = known[0].n + 1 if known else 1
    values = {"spec": dict(spec), "sha256": sha256, "state": "draft", "pack": pack, "author": author, "created_at": now}
    made = conn.execute(insert(definition_version).values(definition_id=definition_id, n=n, **values))
    key = made.inserted_primary_key
    assert key is not None, "an insert of one row gives its key"
    return version(conn, int(key[0]))


def mark_tested(conn: Connection, version_id: int) -> None:
    """Note that a draft has passed its cases and checks."""
    chosen = (definition_version.c.id == version_id) & (definition_version.c.state == "draft")
    conn.execute(update(definition_version).where(chosen).values(state="tested"))


def publish(conn: Connection, version_id: int, *, edges: Iterable[Edge], now: Micros) -> int:
    """Make a version live in place of the one that is, with these lineage edges; return the new generation."""
    number = _next_generation(conn)
    chosen = version(conn, version_id)
    _retire_live(conn, chosen.kind, chosen.name, now)
    live_now = update(definition_version).where(definition_version.c.id == version_id)
    conn.execute(live_now.values(state="live", published_at=now, retired_at=None))
    rows = [
        {
            "src": one.src,
            "dst": one.dst,
            "kind": one.kind,
            "subtype": one.subtype,
            "detail": one.detail,
            "version_id": version_id,
            "valid_from": now,
        }
        for one in dict.fromkeys(edges)
    ]
    if rows:
        conn.execute(insert(lineage_edge), rows)
    return number


def retire(conn: Connection, kind: str, name: str, *, now: Micros) -> int:
    """Take a definition out of use, with its lineage edges; return the new generation."""
    number = _next_generation(conn)
    if not _retire_live(conn, kind, name, now):
        known = ", ".join(one.name for one in live(conn, kind)) or "none"
        raise NotFoundError(f"There is no live {kind} {name!r}.", why=f"Live are: {known}.", fix="Use one of these names.")
    return number


def rollback(conn: Connection, kind: str, name: str, *, edges: Iterable[Edge], now: Micros, n: int | None = None) -> Version:
    """Make an earlier version live again: the given one, or the one that was live before; ``edges`` are that version's."""
    chosen = previous(conn, kind, name, n)
    publish(conn, chosen.version_id, edges=edges, now=now)
    return version(conn, chosen.version_id)


def previous(conn: Connection, kind: str, name: str, n: int | None = None) -> Version:
    """Return the version a rollback would make live."""
    known = versions(conn, kind, name)
    if n is None:
        earlier = sorted((one for one in known if one.state == "retired"), key=lambda one: (one.retired_at or 0, one.n))
        if earlier:
            return earlier[-1]
    for one in known:
        if one.n == n and one.state == "live":
            raise ConflictError(
                f"Version {n} of {name} is live.", why="There is nothing to roll back.", fix="Name another version."
            )
        if one.n == n:
            return one
    listed = ", ".join(f"{one.n} ({one.state})" for one in known) or "none"
    what = (
        f"There is no earlier version of the {kind} {name!r}."
        if n is None
        else f"There is no version {n} of the {kind} {name!r}."
    )
    raise NotFoundError(what, why=f"Versions: {listed}.", fix="Name one of these versions.")


def _retire_live(conn: Connection, kind: str, name: str, now: Micros) -> bool:
    ids = [one.version_id for one in versions(conn, kind, name) if one.state == "live"]
    if ids:
        gone = update(definition_version).where(definition_version.c.id.in_(ids))
        conn.execute(gone.values(state="retired", retired_at=now))
        open_edges = lineage_edge.c.version_id.in_(ids) & lineage_edge.c.valid_to.is_(None)
        conn.execute(update(lineage_edge).where(open_edges).values(valid_to=now))
    return bool(ids)


def _next_generation(conn: Connection) -> int:
    _alone(conn)
    conn.execute(update(lineage_version).values(n=lineage_version.c.n + 1))
    return generation(conn)


def _alone(conn: Connection) -> None:
    """Let authors wait for each other: the one row of the generation is the lock."""
    if conn.execute(update(lineage_version).values(n=lineage_version.c.n)).rowcount == 0:
        conn.execute(text("INSERT INTO lineage_version (id, n) VALUES (1, 0) ON CONFLICT DO NOTHING"))
        conn.execute(update(lineage_version).values(n=lineage_version.c.n))
