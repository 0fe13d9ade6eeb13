"""
What is known of an entity now: the winning value of every field, and what changes when something new is said.

Values are kept per (home entity, field, connector) and never moved by a merge; the winner is computed on
reading, over all members of the component. A present value beats null, null beats an invalid one; then a steward's
pin, then what the entity's ``survive`` says (else its order of ``sources``), then the newest time. So a source that
knows nothing cannot erase what another knows, and a source's own null does replace its own earlier value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, Row, bindparam, select

from core.ids import new_id
from core.jsons import same
from core.tables import connector, entity, value, value_pin
from core.words import FieldState, Json, Micros
from mappings.translate import Translated

OWN = 0
"""The connector id of what a formula computed or a bridge set."""

OWN_NAME = "tieline"
"""How ``sources`` names it."""

CHUNK = 500


class Trust(Protocol):
    """Whoever knows whose word counts: the catalogue."""

    def rank(self, etype: str, name: str, source: str) -> int: ...

    def survivorship(self, etype: str, name: str) -> str: ...


class Current(NamedTuple):
    """
    One field's value today and who says so. ``losers`` are the other claims, the next best first.

    ``entity_id`` is the member of the component (the home entity) that holds the claim; ``rank`` is the place of
    its source in the entity's ``sources``: the lower wins, and a pinned claim is below all (the newest pin the lowest).
    ``merit`` is what ``survive`` counts (length, fields of the record), as a negative number: the lower wins.
    """

    value: Json
    state: FieldState
    observation_id: str
    connector_id: int
    source_at: Micros | None
    observed_at: Micros
    entity_id: int
    rank: int = 0
    losers: tuple[Current, ...] = ()
    merit: int = 0

    @property
    def order(self) -> tuple[int, int, int, int, str]:
        """Return what claims are sorted by; the smallest wins."""
        newest = self.observed_at if self.source_at is None else self.source_at
        return (_CLAIMS[self.state], self.rank, self.merit, -newest, self.observation_id)


_CLAIMS = {FieldState.PRESENT: 0, FieldState.NULL: 1, FieldState.INVALID: 2, FieldState.MISSING: 3}

Known = Mapping[str, Current]
"""Everything known of one entity, by field."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who says it, about which home entity, when, and by which event: what every new observation carries."""

    connector_id: int
    connector: str
    etype: str
    home_id: int
    observed_at: Micros
    source_at: Micros | None = None
    version_id: int | None = None
    event_id: str | None = None
    delivery_id: int | None = None


@dataclass(slots=True)
class Differences:
    """
    What is new: changed winners ``{field: [old, new]}``, the rows to write, and what is known afterwards.

    ``observations`` and ``values`` are rows of the two tables; ``values`` are to be upserted by their key
    (entity_id, field, connector_id).
    """

    changes: dict[str, list[Json]] = field(default_factory=dict)
    observations: list[dict[str, Json]] = field(default_factory=list)
    values: list[dict[str, Json]] = field(default_factory=list)
    after: dict[str, Current] = field(default_factory=dict)

    def add(self, later: Differences) -> None:
        """Append what a later step found (a formula after a mapping)."""
        for name, (old, new) in later.changes.items():
            self.changes[name] = [self.changes.get(name, [old])[0], new]
        self.observations += later.observations
        self.values += later.values
        self.after = later.after


def elect(claims: Iterable[Current]) -> Current:
    """Return the winning claim, with the others as its losers."""
    best, *others = sorted(claims, key=_order)
    losers = tuple(others)
    return best if best.losers == losers else best._replace(losers=losers)


def _order(claim: Current) -> tuple[int, int, int, int, str]:
    return claim.order


_MEMBERS = (
    select(
        entity.c.survivor_id, entity.c.etype, value, connector.c.name.label("source"), value_pin.c.made_at.label("pinned_at")
    )
    .select_from(
        entity.join(value, value.c.entity_id == entity.c.id)
        .outerjoin(connector, connector.c.id == value.c.connector_id)
        .outerjoin(
            value_pin,
            (value_pin.c.entity_id == value.c.entity_id)
            & (value_pin.c.field == value.c.field)
            & (value_pin.c.connector_id == value.c.connector_id),
        )
    )
    .where(entity.c.survivor_id.in_(bindparam("ids", expanding=True)))
)


def current_values(conn: Connection, entity_ids: Iterable[int], trust: Trust) -> dict[int, dict[str, Current]]:
    """
    Return what is known of each entity (given as survivors), one query per 500 of them.

    An entity of which nothing is known is there with an empty dict. ``trust`` is the catalogue.
    """
    wanted = list(dict.fromkeys(entity_ids))
    claims: dict[int, dict[str, list[Current]]] = {one: {} for one in wanted}
    types: dict[int, str] = {}
    for start in range(0, len(wanted), CHUNK):
        for row in conn.execute(_MEMBERS, {"ids": wanted[start : start + CHUNK]}):
            claims[row.survivor_id].setdefault(row.field, []).append(_claim(row, trust))
            types[row.survivor_id] = row.etype
    for one, etype in types.items():
        _count_fullness(claims[one], etype, trust)
    return {one: {name: elect(said) for name, said in fields.items()} for one, fields in claims.items()}


def _count_fullness(fields: dict[str, list[Current]], etype: str, trust: Trust) -> None:
    """Give the claims of fields that survive by ``most_complete`` how much their records say."""
    asked = [name for name in fields if trust.survivorship(etype, name) == "most_complete"]
    if not asked:
        return
    present = FieldState.PRESENT
    full = Counter((one.entity_id, one.connector_id) for said in fields.values() for one in said if one.state is present)
    for name in asked:
        fields[name] = [one._replace(merit=-full[one.entity_id, one.connector_id]) for one in fields[name]]


def _standing(etype: str, name: str, source: str, said: Json, trust: Trust) -> tuple[int, int]:
    """Return rank and merit of a claim; where something else than the order of sources decides, all ranks are equal."""
    how = trust.survivorship(etype, name)
    rank = trust.rank(etype, name, source) if how == "sources" else 0
    return rank, -len(str(said)) if how == "longest" and said is not None else 0


def _claim(row: Row[tuple[object, ...]], trust: Trust) -> Current:
    source = OWN_NAME if row.connector_id == OWN else str(row.source)
    rank, merit = _standing(row.etype, row.field, source, row.value, trust)
    return Current(
        row.value,
        FieldState(row.state),
        row.observation_id,
        row.connector_id,
        row.source_at,
        row.observed_at,
        row.entity_id,
        rank if row.pinned_at is None else -row.pinned_at,
        merit=merit,
    )


def seen(known: Current | None) -> Json:
    """Return what readers see of a field: the value of a present winner, else None."""
    return known.value if known is not None and known.state is FieldState.PRESENT else None


def differences(current: Known, translated: Mapping[str, Translated], stamp: Stamp, trust: Trust) -> Differences:
    """
    Say what is new in a translated record. Pure.

    A claim is stored when its source says something else than before, or when its newer time makes it
    win over another source's value; saying the same again stores nothing. ``changes`` compares the
    winning value before and after.
    """
    found = Differences(after=dict(current))
    full = sum(said.state is FieldState.PRESENT for said in translated.values())
    for name, field_value in translated.items():
        before = current.get(name)
        if before is None:  # nobody has said anything yet: it wins, whoever it is
            claim = _new_claim(name, field_value, stamp, trust, None, full)
            observation, row = _rows(name, field_value, claim, stamp)
            found.observations.append(observation)
            found.values.append(row)
            found.after[name] = claim
            if (said := seen(claim)) is not None:
                found.changes[name] = [None, said]
            continue
        claims = (before, *before.losers)
        own = next((one for one in claims if one.connector_id == stamp.connector_id and one.entity_id == stamp.home_id), None)
        again = own is not None and own.state is field_value.state and same(own.value, field_value.value)
        if again and own is before:
            continue  # it wins already
        claim = _new_claim(name, field_value, stamp, trust, own, full)
        after = elect([claim, *(one for one in claims if one is not own)])
        if again and same(seen(before), seen(after)):
            continue
        observation, row = _rows(name, field_value, claim, stamp)
        found.observations.append(observation)
        found.values.append(row)
        found.after[name] = after
        if not same(seen(before), seen(after)):
            found.changes[name] = [seen(before), seen(after)]
    return found


def _new_claim(name: str, said: Translated, stamp: Stamp, trust: Trust, own: Current | None, full: int) -> Current:
    source = OWN_NAME if stamp.connector_id == OWN else stamp.connector
    rank, merit = _standing(stamp.etype, name, source, said.value, trust)
    if trust.survivorship(stamp.etype, name) == "most_complete":
        merit = -full if own is None else min(own.merit, -full)
    return Current(
        said.value,
        said.state,
        new_id("obs"),
        stamp.connector_id,
        stamp.source_at,
        stamp.observed_at,
        stamp.home_id,
        rank if own is None else own.rank,
        merit=merit,
    )


def _rows(name: str, said: Translated, claim: Current, stamp: Stamp) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the observation and the value row of a claim."""
    observation = {
        "id": claim.observation_id,
        "entity_id": stamp.home_id,
        "field": name,
        "connector_id": None if stamp.connector_id == OWN else stamp.connector_id,
        "state": claim.state.value,
        "value": claim.value,
        "raw": said.raw,
        "path": said.path,
        "source_at": stamp.source_at,
        "observed_at": stamp.observed_at,
        "version_id": stamp.version_id,
        "event_id": stamp.event_id,
        "delivery_id": stamp.delivery_id,
        "inputs": None,
    }
    value_row = {
        "entity_id": stamp.home_id,
        "field": name,
        "connector_id": stamp.connector_id,
        "observation_id": claim.observation_id,
        "state": claim.state.value,
        "value": claim.value,
        "source_at": stamp.source_at,
        "observed_at": stamp.observed_at,
    }
    return observation, value_row


def own_value(said: Json, why: str) -> Translated:
    """Return a value that Tieline itself sets (a bridge's ``sets``), to be stamped with connector OWN."""
    state = FieldState.NULL if said is None else FieldState.PRESENT
    return Translated(state, said, said, why)


def explain(known: Current) -> list[dict[str, Json]]:
    """Return the winner and every loser of a field with what decided, for the page that answers 'why this value?'."""
    claims: Sequence[Current] = (known, *known.losers)
    return [
        {
            "value": one.value,
            "state": one.state.value,
            "observation": one.observation_id,
            "connector_id": one.connector_id,
            "source_at": one.source_at,
            "observed_at": one.observed_at,
            "rank": one.rank,
            "wins": n == 0,
        }
        for n, one in enumerate(claims)
    ]
