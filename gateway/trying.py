"""
Trying a registered connector: a bounded read that shows everything, and an act that sends nothing unless it is confirmed.

Nothing is stored: the cursor of the stream stays where it is, no delivery is made, no event follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.contract import Field
from connectors.kit.shapes import shaped
from connectors.kit.watching import watch
from core.clock import to_rfc3339
from core.errors import TielineError
from core.ids import new_id
from core.words import Delivery, Json, Origin, Record
from gateway.parts import Parts

MOST_RECORDS = 20
"""A look, not an export."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a read showed."""

    requests: list[dict[str, Json]]
    records: list[dict[str, Json]] = field(default_factory=list)
    values: dict[str, Json] | None = None
    cursor_before: Json = None
    cursor_after: Json = None
    more: bool = False
    schema: list[dict[str, Json]] = field(default_factory=list)
    error: dict[str, Json] | None = None


def read(parts: Parts, name: str, what: str, inputs: Mapping[str, Json], cursor: Json, limit: int) -> Tried:
    """Read one page of a stream, or one lookup; a failure is an answer too, with everything that was seen on the way."""
    kind = parts.registered.kind_of(name)
    instance = parts.registered.open(name)
    lookups = {one.name: one for one in kind.lookups}
    with watch() as seen:
        try:
            if what in lookups:
                shaped(dict(inputs), lookups[what].inputs, f"input of {what}")
                found = instance.lookup(what, inputs, timeout_s=20)
                return Tried(_shown(seen), values=found.values, schema=inferred([found.values], lookups[what].outputs))
            stream = kind.stream(what)
            page = instance.poll(what, cursor, min(limit, MOST_RECORDS))
            delivery = Delivery(new_id("try"), name, page.body, {}, instance.clock.now(), Origin.POLL, what)
            records = instance.parse(delivery, parts.registered.settings(parts.registered.row(name)))[:MOST_RECORDS]
        except TielineError as error:
            return Tried(_shown(seen), cursor_before=cursor, error=error.as_dict())
    told = [_record(one) for one in records]
    fields = inferred([one.data for one in records], stream.fields)
    return Tried(_shown(seen), told, None, cursor, page.cursor, page.more, fields)


@dataclass(frozen=True, slots=True)
class TriedAct:
    """What an act would send, or did."""

    requests: list[dict[str, Json]]
    sent: bool
    outcome: dict[str, Json] | None = None
    verified: dict[str, Json] | None = None
    note: str | None = None
    error: dict[str, Json] | None = None


def act(parts: Parts, name: str, what: str, arguments: Mapping[str, Json], *, confirm: bool) -> TriedAct:
    """Show what an act would send; with ``confirm`` it is really done, once, and read back."""
    kind = parts.registered.kind_of(name)
    offered = kind.act(what)
    shaped(dict(arguments), offered.arguments, f"arguments of {what}")
    instance = parts.registered.open(name)
    key = new_id("try")
    if not confirm:
        wanted = instance.preview(what, arguments, key=key)
        note = None if wanted is not None else "This kind cannot show its requests beforehand; the arguments are good."
        return TriedAct(wanted or [], sent=False, note=note)
    with watch() as seen:
        try:
            outcome = instance.act(what, arguments, key=key)
            verified = instance.verify(what, arguments, outcome)
        except TielineError as error:
            return TriedAct(_shown(seen), sent=True, error=error.as_dict())
    told = ("external_id", "version", "fields", "note", "degraded", "repeated")
    return TriedAct(
        _shown(seen),
        sent=True,
        outcome={one: getattr(outcome, one) for one in told},
        verified={"held": verified.held, "why": verified.why, "seen": verified.seen},
    )


def _shown(seen: list[Any]) -> list[dict[str, Json]]:
    return [one.as_dict() for one in seen]


def _record(one: Record) -> dict[str, Json]:
    return {
        "stream": one.stream,
        "external_id": one.external_id,
        "data": one.data,
        "at": to_rfc3339(one.at),
        "version": one.version,
        "actor": one.actor,
        "hint": one.hint,
        "deleted": one.deleted,
    }


def inferred(rows: list[dict[str, Json]], declared: tuple[Field, ...]) -> list[dict[str, Json]]:
    """
    Say of each declared field what was really seen: how often it was there, and as what.

    >>> from connectors.kit.contract import FieldType
    >>> inferred([{"a": 1}, {"a": None}], (Field("a", FieldType.INTEGER),))
    [{'name': 'a', 'declared': 'integer', 'seen': ['int', 'null'], 'present': 2, 'of': 2}]
    """
    found = []
    for one in declared:
        values = [value for row in rows for value in _at(row, one.name)]
        sorts = sorted({"null" if value is None else type(value).__name__ for value in values})
        found.append({"name": one.name, "declared": one.type.value, "seen": sorts, "present": len(values), "of": len(rows)})
    return found


def _at(row: Json, name: str) -> list[Json]:
    for part in name.split("."):
        if not isinstance(row, dict) or part not in row:
            return []
        row = row[part]
    return [row]
