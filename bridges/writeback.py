"""A value of ours as a connector says it: through the mapping that reads it, beside what the connector holds now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from core.errors import DefinitionError, TielineError
from core.tables import observation
from core.words import Json
from mappings.catalogue import Catalogue
from mappings.reverse import put
from mappings.translate.paths import MISSING
from mappings.values import Known


class Held(NamedTuple):
    """What is known of the thing that is written to; ``new`` are observations that this batch has not stored yet."""

    known: Known
    connector_id: int
    new: Sequence[Mapping[str, Any]]


def write_back(conn: Connection, catalogue: Catalogue, through: str, ours: Json, held: Held) -> Json:
    """Return what the connector should hold so that its mapping reads our value; ReverseError when nothing would."""
    name, _, field = through.partition(".")
    mapping = catalogue.mapping(name)
    if isinstance(mapping, TielineError):
        raise mapping
    if field not in mapping.plans:
        raise DefinitionError(
            f"The mapping {name} has no field {field!r}.",
            why="It had one when the bridge was published.",
            fix="Correct the bridge, or give the mapping its field back.",
        )
    return put(mapping.plans[field], ours, _raw(conn, field, held))


def _raw(conn: Connection, field: str, held: Held) -> Json:
    """Return the connector's own words for a field as they were last observed; MISSING when it said nothing."""
    known = held.known.get(field)
    claims = () if known is None else (known, *known.losers)
    newest = next((one.observation_id for one in claims if one.connector_id == held.connector_id), None)
    if newest is None:
        return MISSING
    for row in reversed(held.new):
        if row["id"] == newest:
            return MISSING if row["raw"] is None else row["raw"]
    raw = conn.execute(select(observation.c.raw).where(observation.c.id == newest)).scalar()
    return MISSING if raw is None else raw
