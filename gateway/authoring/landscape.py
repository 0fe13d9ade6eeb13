"""What definitions are checked against: the specs that are or would be live, and the kinds behind connector names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from connectors.registry import connector_class, kind_names
from core.definitions import KINDS, Catalogue, Edge, Problem, Version, live
from core.tables import connector
from core.words import Json
from gateway.authoring import forms

PACK = "pack"
"""Headers of packs are kept like definitions: an export writes them, and their connector names stay known."""

Key = tuple[str, str]
"""Kind and name of a definition."""


@dataclass(slots=True)
class Checked:
    """What came of checking one definition: its problems, or the edges it draws."""

    problems: list[Problem] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def live_versions(conn: Connection) -> dict[Key, Version]:
    """Return every live definition and header."""
    return {(kind, one.name): one for kind in (*KINDS, PACK) for one in live(conn, kind)}


def registered(conn: Connection) -> dict[str, Any]:
    """Return the kind of every registered connector, by the connector's name."""
    rows = list(conn.execute(select(connector.c.name, connector.c.kind)))
    known = set(kind_names())
    return {name: connector_class(kind).kind for name, kind in rows if kind in known}


def promised(specs: Mapping[Key, Mapping[str, Json]]) -> dict[str, str]:
    """Return the connector names that packs speak of, with the kind each must have."""
    found: dict[str, str] = {}
    known = set(kind_names())
    for (kind, _), spec in specs.items():
        connectors = spec.get("connectors") if kind == PACK else None
        if isinstance(connectors, dict):
            found |= {name: kind for name, kind in connectors.items() if kind in known}
    return found


def live_catalogue(conn: Connection) -> Catalogue:
    """Return what is live, as checks read it."""
    return catalogue({key: one.spec for key, one in live_versions(conn).items()}, registered(conn))


def check(specs: Mapping[Key, Mapping[str, Json]], kinds: Mapping[str, Any]) -> dict[Key, Checked]:
    """
    Check every definition of a landscape against all of it.

    When an entity has a fault of form, only forms are checked: whatever refers to it would be wrong as well,
    and a hundred echoes hide the one mistake.
    """
    models: dict[Key, Any] = {}
    found = {key: Checked() for key in specs if key[0] != PACK}
    for key in found:
        model = forms.read(key[0], specs[key])
        if isinstance(model, list):
            found[key].problems = model
        else:
            models[key] = model
    if any(one.problems for (kind, _), one in found.items() if kind == "entity"):
        return found
    around = _catalogue({key: specs[key] for key in models}, _known(specs, kinds))
    for key, model in models.items():
        found[key].problems = forms.problems(model, around)
        if not found[key].problems:
            found[key].edges = forms.edges(model, around)
    return found


def _known(specs: Mapping[Key, Mapping[str, Json]], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kinds behind connector names: those promised by packs, and those registered."""
    return {name: connector_class(kind).kind for name, kind in promised(specs).items()} | dict(kinds)


def catalogue(specs: Mapping[Key, Mapping[str, Json]], kinds: Mapping[str, Any]) -> Catalogue:
    """Return what a definition of this landscape may refer to; headers of packs are no definitions."""
    return _catalogue({key: spec for key, spec in specs.items() if key[0] != PACK}, _known(specs, kinds))


def _catalogue(specs: Mapping[Key, Mapping[str, Json]], kinds: Mapping[str, Any]) -> Catalogue:
    by_kind: dict[str, dict[str, Mapping[str, Any]]] = {kind: {} for kind in KINDS}
    for (kind, name), spec in specs.items():
        by_kind[kind][name] = spec
    return Catalogue(
        entities=by_kind["entity"],
        kinds=kinds,
        recipes=by_kind["recipe"],
        tables=by_kind["code_table"],
        formulas=by_kind["formula"],
        mappings=by_kind["mapping"],
    )
