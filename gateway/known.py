"""What is known of an entity, as people read it: every field's value, its source, its age, and who else said what."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import Connection, select

from core.tables import connector, definition, definition_version, delivery, observation
from gateway.shapes import Answer, Time, moment, time
from mappings import catalogue, golden, values


class Claim(Answer):
    """What one source says of a field, and where it said so."""

    value: Any
    state: str
    source: str
    source_at: Time | None = Field(description="the source's own time")
    observed_at: Time
    observation: str
    raw: Any = Field(description="as the source wrote it")
    path: str | None = Field(description="where in the record, or the formula")
    definition: str | None = Field(description="the mapping or formula, with its version")
    receipt: str | None = Field(description="the delivery it came with")
    event_id: str | None


class Known(Claim):
    """The winning value of a field, why it won, and the claims that lost."""

    others: list[Claim]
    decided_by: str = Field(description="what decided: only, state, pin, sources, longest, most_complete, newest or equal")
    why: dict[str, str] = Field(description="by language: en, zh")


def known_of(conn: Connection, entity_id: int, etype: str) -> dict[str, Known]:
    """Return the fields of an entity in the order of its definition, then the rest by name."""
    live = catalogue.load(conn)
    found = values.current_values(conn, [entity_id], live)[entity_id]
    places = _places(conn, [one.observation_id for current in found.values() for one in (current, *current.losers)])
    names = {row.id: row.name for row in conn.execute(select(connector.c.id, connector.c.name))}
    names[values.OWN] = values.OWN_NAME
    declared = list(live.entities[etype].fields) if etype in live.entities else []
    order = [one for one in declared if one in found] + sorted(set(found) - set(declared))
    return {field: _known(found[field], names, places, live.survivorship(etype, field)) for field in order}


def _known(current: values.Current, names: dict[int, str], places: dict[str, dict[str, Any]], survives_by: str) -> Known:
    others = [Claim(**_claim(one, names, places)) for one in current.losers]
    mine = _claim(current, names, places)
    why = golden.why(current, survives_by, mine["source"], others[0].source if others else None)
    return Known(**mine, others=others, decided_by=why.rule, why={"en": why.en, "zh": why.zh})


def _claim(current: values.Current, names: dict[int, str], places: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "value": current.value,
        "state": current.state.value,
        "source": names.get(current.connector_id, str(current.connector_id)),
        "source_at": time(current.source_at),
        "observed_at": moment(current.observed_at),
        "observation": current.observation_id,
        **places.get(current.observation_id, _NOWHERE),
    }


_NOWHERE: dict[str, Any] = dict.fromkeys(("raw", "path", "definition", "receipt", "event_id"))


def _places(conn: Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return where each observation was read: path, definition, delivery."""
    query = (
        select(
            observation.c.id,
            observation.c.raw,
            observation.c.path,
            observation.c.event_id,
            definition.c.name,
            definition_version.c.n,
            delivery.c.receipt,
        )
        .outerjoin(definition_version, definition_version.c.id == observation.c.version_id)
        .outerjoin(definition, definition.c.id == definition_version.c.definition_id)
        .outerjoin(delivery, delivery.c.id == observation.c.delivery_id)
        .where(observation.c.id.in_(ids))
    )
    return {
        row["id"]: {
            "raw": row["raw"],
            "path": row["path"],
            "definition": f"{row['name']} v{row['n']}" if row["name"] else None,
            "receipt": row["receipt"],
            "event_id": row["event_id"],
        }
        for row in conn.execute(query).mappings()
    }
