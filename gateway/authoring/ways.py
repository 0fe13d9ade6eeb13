"""Which fields of a plan's mappings can be written back: tried while planning, kept with the version that is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from core.bulk import insert_many
from core.definitions import Catalogue
from core.tables import field_way
from core.words import Json
from mappings import specs
from mappings.models import MappingSpec
from mappings.reverse import FieldWay, ways


def tried(spec: Mapping[str, Json], catalogue: Catalogue) -> list[FieldWay]:
    """Return the way of every field of a mapping that has no other problem."""
    model = specs.read("mapping", dict(spec))
    if not isinstance(model, MappingSpec):
        return []
    mapping = specs.compiled(model, catalogue)
    return [] if isinstance(mapping, list) else list(ways(mapping).values())


def told(name: str, found: Iterable[FieldWay]) -> list[str]:
    """Say of each field whose law fails what the counterexample is; what has no way back by its nature needs no word."""
    return [
        f"mapping {name}: {one.field} is {'written back all the same' if one.accepted else 'one-way'}. {one.told}"
        for one in found
        if one.law
    ]


def keep(conn: Connection, version_id: int, found: Iterable[FieldWay]) -> None:
    """Keep the ways with the version of the mapping; what was kept before of the same version is replaced."""
    conn.execute(delete(field_way).where(field_way.c.version_id == version_id))
    insert_many(conn, field_way, [{"version_id": version_id, **one.as_dict()} for one in found])


def kept(conn: Connection, version_id: int) -> list[dict[str, Any]]:
    """Return what was found when a version was published."""
    query = select(field_way).where(field_way.c.version_id == version_id).order_by(field_way.c.field)
    return [dict(row) for row in conn.execute(query).mappings()]
