"""The pages of a field: where it comes from, its formula with live operands, what depends on it; as tables."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template, request

from core.definitions import live
from core.errors import NotFoundError
from gateway import listings
from gateway.pages.console import Console
from lineage import provenance, query

DEPTHS = (1, 2, 3, 5, 10)
EXAMPLES = 5


def add(made: Blueprint, console: Console) -> None:
    """Add the pages."""

    @made.get("/fields")
    def fields() -> str:
        with console.parts.db.read() as conn:
            return render_template("fields.html", entities=sorted(live(conn, "entity"), key=lambda one: one.name))

    @made.get("/fields/<path:name>")
    def field(name: str) -> str:
        depth = _depth(request.args.get("depth"))
        with console.parts.db.read() as conn:
            graph = query.fields(conn, name, depth=depth)
            etype, _, last = name.partition(".")
            newest = listings.values_of(conn, etype, last, EXAMPLES)
            told = _told(conn, newest[0]["master_id"], last) if newest else None
        return render_template(
            "field.html",
            name=name,
            spec=g.names.entities.get(etype, {}).get("fields", {}).get(last, {}),
            graph=graph,
            up=arrows(graph, -1),
            down=arrows(graph, 1),
            newest=newest,
            told=told,
            depth=depth,
            depths=DEPTHS,
        )


def arrows(graph: dict[str, Any], side: int) -> list[dict[str, Any]]:
    """
    Return the edges of one side (-1: where it comes from, 1: what depends on it), the nearest first.

    Edges that lead back are left out, and those of one definition between the same two nodes are one row.
    """
    levels = {node["id"]: node["level"] * side for node in graph["nodes"]}
    hidden = {node["id"]: node["hidden"].get("up" if side < 0 else "down", 0) for node in graph["nodes"]}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for edge in graph["edges"]:
        near, far = (edge["dst"], edge["src"]) if side < 0 else (edge["src"], edge["dst"])
        if not 0 <= levels[near] < levels[far]:
            continue
        key = (levels[far], far, near, edge["kind"], edge["by"]["name"])
        row = found.setdefault(
            key, {**edge, "far": far, "near": near, "distance": levels[far], "hidden": hidden[far]} | {"details": []}
        )
        row["details"].append(edge["detail"])
    return [found[key] for key in sorted(found)]


def _depth(asked: str | None) -> int:
    return int(asked) if asked in {str(one) for one in DEPTHS} else 3


def _told(conn: Any, master_id: str, field: str) -> dict[str, Any] | None:
    """Return the lineage of one present value; none if the field is no longer declared."""
    try:
        values: list[dict[str, Any]] = provenance.value(conn, master_id, field)["values"]
    except NotFoundError:
        return None
    return values[0] if values else None
