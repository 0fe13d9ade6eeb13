"""Where a field comes from and what it touches: a bounded answer that says what it leaves out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from core.definitions import live, near
from core.errors import InputError, NotFoundError
from lineage import edges, graph
from lineage.graph import DOWN, UP, FieldGraph, Walk

DIRECTIONS = {"up": (UP,), "down": (DOWN,), "both": (UP, DOWN)}
MOST_NODES = 2_000
DEEPEST = 50


def fields(
    conn: Connection, field: str, *, direction: str = "both", depth: int = 3, nodes: int = 500, budget_ms: int = 200
) -> dict[str, Any]:
    """
    Return the part of the graph around a field (``alert.severity``) or any node (``bridge:alert-to-ticket``).

    ``nodes`` is the most that each direction shows, ``budget_ms`` the longest each walk takes. Every node says how many
    of its neighbours are hidden, ``stopped`` why the walk ended, ``graph_version`` which definitions it is true for.
    """
    if direction not in DIRECTIONS:
        raise InputError(f"There is no direction {direction!r}.", why="Known: up, down, both.", fix="Use one of these.")
    start = field if ":" in field else f"field:{field}"
    known = graph.load(conn)
    if start not in known:
        _known_field(conn, start, known)
    cap, depth = max(1, min(nodes, MOST_NODES)), max(1, min(depth, DEEPEST))
    walks = [known.walk(start, one, depth=depth, cap=cap, budget_s=budget_ms / 1000) for one in DIRECTIONS[direction]]
    shown = {name for walk in walks for name in walk.levels}
    pairs = {pair for walk in walks for pair in walk.pairs}
    drawn = [one.as_dict() for one in edges.between(conn, shown) if (one.edge.src, one.edge.dst) in pairs]
    return {
        "field": field,
        "node": start,
        "direction": direction,
        "depth": depth,
        "graph_version": known.generation,
        "nodes": [_node(name, walks, known) for name in sorted(shown, key=lambda name: (_level(name, walks), name))],
        "edges": drawn,
        "hidden": sum(count for walk in walks for count in walk.hidden.values()),
        "stopped": {walk.direction: walk.stopped for walk in walks},
        "truncated": any(walk.hidden for walk in walks),
        "coverage": {"nodes": len(known), "edges": known.edges, "note": _note(start, direction, known)},
    }


def _node(name: str, walks: list[Walk], known: FieldGraph) -> dict[str, Any]:
    kind, _, rest = name.partition(":")
    return {
        "id": name,
        "type": kind,
        "name": rest,
        "level": _level(name, walks),
        "hidden": {walk.direction: walk.hidden.get(name, 0) for walk in walks if name in walk.levels},
        "neighbours": {one: known.degree(name, one) for one in (UP, DOWN)},
    }


def _level(name: str, walks: list[Walk]) -> int:
    """Return the signed distance: upstream is negative; in a circle the shorter way counts."""
    found = [(-1 if walk.direction == UP else 1) * walk.levels[name] for walk in walks if name in walk.levels]
    return min(found, key=abs)


def _note(start: str, direction: str, known: FieldGraph) -> str:
    """Say what an empty answer means, so that nobody reads "not covered" as "no impact"."""
    missing = [one for one in DIRECTIONS[direction] if known.degree(start, one) == 0]
    words = {UP: "no live definition writes it", DOWN: "no live definition reads it"}
    return "; ".join(words[one] for one in missing) or "every edge comes from a live definition"


def _known_field(conn: Connection, start: str, known: FieldGraph) -> None:
    """Accept a declared field without edges; refuse a name nobody knows, with the nearest."""
    declared = {f"field:{one.name}.{name}" for one in live(conn, "entity") for name in one.spec.get("fields", {})}
    if start in declared:
        return
    names = declared | set(known.names())
    guess = near(start, names) or near(start.removeprefix("field:"), names)
    raise NotFoundError(
        f"There is no field or node {start.removeprefix('field:')!r}.",
        why=f"{len(declared)} fields are declared, {len(known)} nodes are in the graph.",
        fix=f"Did you mean {guess.removeprefix('field:')!r}?" if guess else "Name it as entity.field, such as alert.severity.",
    )
