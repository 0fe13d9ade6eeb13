"""
The live edges as a graph in memory: a cache with the number of the generation it was built from.

The only file that knows networkx. Nodes are whole numbers and all edges share one (empty) attribute
object, because a million edges are looked at and few are shown; what an edge says is read from its row.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from core.definitions import generation
from core.tables import lineage_edge

UP, DOWN = "up", "down"
_FREEZE_FROM = 50_000
_LOOK_AT_CLOCK_EVERY = 256
_SHARED: dict[str, Any] = {}


@cache
def _plain() -> Any:
    """
    Return a kind of directed graph whose edges carry nothing of their own.

    The library is loaded at the first question: its ten megabytes are no business of a process that is never asked.
    """
    import networkx as nx

    class Plain(nx.DiGraph):  # type: ignore[type-arg]
        edge_attr_dict_factory = staticmethod(lambda: _SHARED)

    return Plain


@dataclass(slots=True)
class Walk:
    """What a walk in one direction saw: nodes with their distance, edges among them, and what it left out."""

    direction: str
    levels: dict[str, int] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """(source, target) of every edge between shown nodes that the walk can see."""
    hidden: dict[str, int] = field(default_factory=dict)
    """Node -> how many of its neighbours in this direction are not shown."""
    stopped: list[str] = field(default_factory=list)
    """Why it did not go on: depth, nodes, time."""


class FieldGraph:
    """The graph of one generation; it never changes after it was built."""

    def __init__(self, pairs: Iterable[tuple[str, str]], number: int = 0) -> None:
        self.generation = number
        self._ids: dict[str, int] = {}
        self._graph = _plain()()
        was_on = gc.isenabled()
        gc.disable()  # the collector would walk the growing graph again and again: four times slower
        try:
            self._graph.add_edges_from((self._id(src), self._id(dst)) for src, dst in pairs)
        finally:
            if was_on:
                gc.enable()
        self._names = list(self._ids)
        if len(self._ids) > _FREEZE_FROM:
            gc.freeze()  # and one later collection of a large graph would stop the process for a second

    def _id(self, name: str) -> int:
        return self._ids.setdefault(name, len(self._ids))

    def __contains__(self, name: str) -> bool:
        return name in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def edges(self) -> int:
        """How many edges there are."""
        return int(self._graph.number_of_edges())

    def names(self) -> Iterator[str]:
        """Yield every node's name."""
        return iter(self._names)

    def degree(self, name: str, direction: str) -> int:
        """Return how many neighbours a node has in one direction."""
        if name not in self._ids:
            return 0
        node = self._ids[name]
        return int(self._graph.in_degree(node) if direction == UP else self._graph.out_degree(node))

    def walk(self, start: str, direction: str, *, depth: int, cap: int, budget_s: float) -> Walk:
        """
        Walk level by level in one direction, to a depth, a number of nodes and a time; count what is left out.

        Up and down are never mixed in one walk, or the siblings of every node would leak in.
        """
        found = Walk(direction)
        if start not in self._ids:
            found.levels[start] = 0
            return found
        levels = self._levels(self._ids[start], direction, depth, cap, time.monotonic() + budget_s, found.stopped)
        found.levels = {self._names[node]: level for node, level in levels.items()}
        for node in levels:
            near = self._next(node, direction)
            shown = near.keys() & levels.keys()
            name = self._names[node]
            for other in shown:
                pair = (self._names[other], name) if direction == UP else (name, self._names[other])
                found.pairs.append(pair)
            if len(near) > len(shown):
                found.hidden[name] = len(near) - len(shown)
        if found.hidden and not found.stopped:
            found.stopped.append("depth")
        return found

    def _next(self, node: int, direction: str) -> dict[int, Any]:
        # the plain dictionaries: a view around each of them would double the cost of a walk
        both: Any = self._graph
        found: dict[int, Any] = (both._pred if direction == UP else both._succ)[node]
        return found

    def _levels(self, start: int, direction: str, depth: int, cap: int, until: float, stopped: list[str]) -> dict[int, int]:
        levels, frontier, seen = {start: 0}, [start], 0
        for level in range(1, depth + 1):
            found: list[int] = []
            for node in frontier:
                for other in self._next(node, direction):
                    seen += 1
                    if seen % _LOOK_AT_CLOCK_EVERY == 0 and time.monotonic() > until:
                        stopped.append("time")
                        return levels
                    if other in levels:
                        continue
                    if len(levels) >= cap:
                        stopped.append("nodes")
                        return levels
                    levels[other] = level
                    found.append(other)
            if not found:
                break
            frontier = found
        return levels


_kept: WeakKeyDictionary[Engine, FieldGraph] = WeakKeyDictionary()
_building = threading.Lock()


def load(conn: Connection) -> FieldGraph:
    """Return the graph of the present generation; built once per process and generation, never by the clock."""
    number = generation(conn)
    kept = _kept.get(conn.engine)
    if kept is None or kept.generation != number:
        with _building:
            kept = _kept.get(conn.engine)
            if kept is None or kept.generation != number:
                rows = conn.execute(select(lineage_edge.c.src, lineage_edge.c.dst).where(lineage_edge.c.valid_to.is_(None)))
                kept = FieldGraph(((src, dst) for src, dst in rows), number)
                _kept[conn.engine] = kept
    return kept
