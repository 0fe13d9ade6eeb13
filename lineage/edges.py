"""
The edges as rows: what is written about those that are shown, and whether all of them are true.

They are written by ``core.definitions.publish`` in the transaction that makes a definition live.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core.definitions import KINDS, Edge, Version, live
from core.tables import definition, definition_version, lineage_edge
from core.words import Micros

_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Drawn:
    """An edge with the version that draws it."""

    edge: Edge
    kind: str
    name: str
    n: int
    since: Micros

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        one = self.edge
        return {
            "src": one.src,
            "dst": one.dst,
            "kind": one.kind,
            "subtype": one.subtype,
            "detail": one.detail,
            "by": {"kind": self.kind, "name": self.name, "version": self.n},
        }


def between(conn: Connection, nodes: Collection[str]) -> list[Drawn]:
    """Return the live edges whose two ends are among these nodes."""
    names = sorted(nodes)
    parts = [names[i : i + _CHUNK] for i in range(0, len(names), _CHUNK)]
    return [one for sources in parts for targets in parts for one in _drawn(conn, sources, targets)]


def into(conn: Connection, node: str) -> list[Drawn]:
    """Return the live edges that end in a node: what could give it a value."""
    return _drawn(conn, None, [node])


def _drawn(conn: Connection, sources: Collection[str] | None, targets: Collection[str]) -> list[Drawn]:
    edge, at = lineage_edge.c, definition_version.c
    asked = (
        select(
            edge.src,
            edge.dst,
            edge.kind,
            edge.subtype,
            edge.detail,
            definition.c.kind,
            definition.c.name,
            at.n,
            edge.valid_from,
        )
        .join_from(lineage_edge, definition_version)
        .join(definition)
        .where(edge.valid_to.is_(None), edge.dst.in_(targets))
        .order_by(edge.src, edge.dst, edge.id)
    )
    if sources is not None:
        asked = asked.where(edge.src.in_(sources))
    return [Drawn(Edge(*row[:5]), row[5], row[6], row[7], row[8]) for row in map(tuple, conn.execute(asked))]


def of_version(conn: Connection, version_id: int) -> set[Edge]:
    """Return the open edges of one version."""
    edge = lineage_edge.c
    mine = select(edge.src, edge.dst, edge.kind, edge.subtype, edge.detail)
    rows = conn.execute(mine.where(edge.version_id == version_id, edge.valid_to.is_(None)))
    return {Edge(*row) for row in map(tuple, rows)}


def faults(conn: Connection, derive: Callable[[Version], Iterable[Edge]]) -> list[str]:
    """
    Compare the open edges with those the live definitions draw now; return a sentence per difference.

    Edges are derived data: a difference means that somebody wrote rows past ``publish``, or that an upgrade
    derives more than before and the definition should be published again.
    """
    drawn: dict[int, set[Edge]] = {}
    columns = lineage_edge.c
    open_rows = select(columns.version_id, columns.src, columns.dst, columns.kind, columns.subtype, columns.detail)
    for row in map(tuple, conn.execute(open_rows.where(columns.valid_to.is_(None)))):
        drawn.setdefault(row[0], set()).add(Edge(*row[1:]))
    found = []
    for kind in KINDS:
        for one in live(conn, kind):
            wanted, written = set(derive(one)), drawn.pop(one.version_id, set())
            label = f"{kind} {one.name} version {one.n}"
            found += [f"{label} lacks the edge {edge.src} -> {edge.dst}." for edge in sorted(wanted - written, key=_order)]
            found += [f"{label} has the stale edge {edge.src} -> {edge.dst}." for edge in sorted(written - wanted, key=_order)]
    found += [f"Version id {version_id} is not live and has {len(edges)} open edges." for version_id, edges in drawn.items()]
    return found


def _order(edge: Edge) -> tuple[str, str, str, str]:
    return (edge.src, edge.dst, edge.kind, edge.detail or "")
