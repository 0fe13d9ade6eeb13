"""Drift: what each stream sends, path by path, and where that changed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from core.errors import NotFoundError
from core.tables import connector, drift, profile
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Claim, Paged, Query, Time, moment, time
from mappings import profiles

subject = Subject("drift", "What streams send, path by path, and where that changed")


class Drift(Answer):
    """One change of form: a new path, one that vanished, another type, a jump of nulls."""

    id: int
    connector: str
    stream: str
    path: str
    kind: Literal["new_path", "vanished", "type_changed", "null_rate"]
    mode: Literal["evolve", "freeze", "quarantine"] = Field(description="of the mapping's contract when it was seen")
    before: Any
    after: Any
    receipt: str | None = Field(description="a delivery that shows it")
    at: Time
    closed_at: Time | None
    closed_by: str | None = Field(description="who accepted it; evolve: nobody had to; source: it went back")


class Drifts(Answer):
    """A page, the newest first."""

    items: list[Drift]
    next: str | None


class Which(Paged):
    """Which drifts."""

    connector: str | None = None
    open: Claim | None = Field(None, description="true: only those that a person still has to accept")


class OfStream(Query):
    """Of which connector, and of which of its streams."""

    connector: str
    stream: str | None = None


class Path(Answer):
    """What stands at one path; counts are of sampled records."""

    stream: str
    path: str
    types: dict[str, int] = Field(description="type -> how many values had it")
    accepted: list[str] | None = Field(description="types that the contract allows; null: the path is not accepted")
    form: str | None = Field(description="what a value looks like, without a character of it")
    records: int
    share: float = Field(description="of the stream's records, in which it stands")
    null_rate: float
    first_seen: Time
    last_seen: Time
    gone_at: Time | None


class Profile(Answer):
    """The profile of a connector's streams."""

    connector: str
    items: list[Path]


class Acceptance(Body):
    """Nothing has to be said."""


@subject.get("/drift")
def list_drift(call: Call, query: Which) -> Drifts:
    """List where a source sent another form than before."""
    columns = [drift.c[name] for name in (*_SAID, *_TIMES)]
    asked = select(*columns, connector.c.name.label("connector")).join(connector, connector.c.id == drift.c.connector_id)
    if query.connector is not None:
        asked = asked.where(connector.c.name == query.connector)
    if query.open is not None:
        asked = asked.where(drift.c.closed_at.is_(None) if query.open else drift.c.closed_at.is_not(None))
    with call.parts.db.read() as conn:
        rows, after = turn_of(query).read(conn, asked, drift.c.id)
    return Drifts(items=[Drift(**row) for row in rows], next=next_of(after))


@subject.get("/profiles", also=(404,))
def get_profile(call: Call, query: OfStream) -> Profile:
    """Show what a connector really sends: types, share of nulls, form, first and last seen of every path."""
    row = call.parts.registered.row(query.connector)
    asked = (
        select(profile).where(profile.c.connector_id == row.id).order_by(profile.c.stream, profile.c.first_seen, profile.c.path)
    )
    if query.stream is not None:
        asked = asked.where(profile.c.stream == query.stream)
    with call.parts.db.read() as conn:
        rows = list(conn.execute(asked).mappings())
    records = {one["stream"]: one["here"] for one in rows if one["path"] == "$"}
    return Profile(connector=row.name, items=[_path(one, records[one["stream"]]) for one in rows if one["path"] != "$"])


@subject.post("/drift/<drift_id>/accept", scope="definitions:write")
def accept_drift(call: Call, drift_id: str, body: Acceptance) -> Drift:
    """Take a change as the new form: its repair closes; what it held goes on when it is replayed."""
    if not drift_id.isascii() or not drift_id.isdigit() or len(drift_id) > 18:
        raise NotFoundError(f"There is no drift {drift_id!r}.", why="A drift has a number.", fix="See GET /api/v1/drift.")
    with call.parts.db.write() as conn:
        row = profiles.accept(conn, int(drift_id), by=call.caller.name, now=call.parts.db.now(conn))
    told = {name: row[name] for name in (*_SAID, "connector")}
    return Drift(**told, at=moment(row["at"]), closed_at=time(row["closed_at"]))


_SAID = ("id", "stream", "path", "kind", "mode", "before", "after", "receipt", "closed_by")
_TIMES = ("at", "closed_at")


def _path(row: Any, records: int) -> Path:
    values = sum(row["types"].values())
    return Path(
        stream=row["stream"],
        path=row["path"],
        types=row["types"],
        accepted=row["accepted"],
        form=row["form"],
        records=row["here"],
        share=round(row["here"] / records, 4) if records else 0.0,
        null_rate=round(row["types"].get("null", 0) / values, 4) if values else 0.0,
        first_seen=moment(row["first_seen"]),
        last_seen=moment(row["last_seen"]),
        gone_at=time(row["gone_at"]),
    )
