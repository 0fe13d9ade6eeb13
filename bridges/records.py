"""
The records a stream really sent, newest first: what a mapping is tried on, compared on and drafted from.

They are read from the deliveries that are kept, the archive included, by the kind's own ``parse``; nothing is
written and nobody is asked. What cannot be read is counted, not an error: it has its own dead letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from bridges import archive
from bridges.parsed import records_of
from bridges.registered import ConnectorRow, Registered
from core.database import Database
from core.errors import NotFoundError, TielineError
from core.tables import archive as archive_table
from core.tables import delivery, event
from core.words import Micros, Record

MOST = 10_000
"""Records that are looked at in one step at most."""

_CHUNK = 50


@dataclass(frozen=True, slots=True)
class Which:
    """Which records: of a stream of a kind, of one connector or of all of that kind, so many, or those of a window."""

    kind: str
    stream: str
    connector: str | None = None
    last: int = MOST
    since: Micros | None = None
    until: Micros | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as it was sent, with the delivery that brought it."""

    receipt: str
    connector: str
    received_at: Micros
    record: Record


@dataclass(slots=True)
class Found:
    """The records, newest first, and how many deliveries could not be read."""

    sent: list[Sent] = field(default_factory=list)
    unreadable: int = 0
    more: bool = False
    """True when there are more of them than were looked at."""


def find(db: Database, registered: Registered, which: Which) -> Found:
    """Return the newest records of a stream that are kept."""
    found = Found()
    wanted = min(which.last, MOST)
    for connector in _connectors(registered, which):
        mine = Found()
        with db.read() as conn:
            for row in _deliveries(conn, connector, which):
                if len(mine.sent) >= wanted:
                    mine.more = True
                    break
                _read(row, connector, registered, which, mine)
        found.sent += mine.sent
        found.unreadable += mine.unreadable
        found.more = found.more or mine.more
    found.sent.sort(key=lambda one: -one.received_at)
    found.more = found.more or len(found.sent) > wanted
    del found.sent[wanted:]
    return found


def of_event(db: Database, registered: Registered, public_id: str, stream: str | None = None) -> Sent:
    """Return the record of one event (``evt_…``), or the first one of a delivery (``rcp_…``)."""
    with db.read() as conn:
        source = archive.Source.of(conn, public_id)
        events = source.rows(event, "id", [public_id]) if public_id.startswith("evt_") else []
        column, value = ("id", events[0]["delivery_id"]) if events else ("receipt", public_id)
        rows = source.rows(delivery, column, [value])
    if not rows:
        raise NotFoundError(
            f"There is no event or delivery {public_id!r}.", why="Its row is not there.", fix="See `tieline events list`."
        )
    row = rows[0]
    connector = registered.row(row["connector_id"])
    records = records_of(row, connector, registered)
    named = [one for one in records if not events or one.external_id == events[0]["external_id"]]
    fitting = [one for one in named if stream in (None, one.stream)]
    if not fitting:
        streams = ", ".join(sorted({one.stream for one in records})) or "none"
        raise NotFoundError(
            f"{public_id} holds no record of the stream {stream!r}.",
            why=f"It holds records of: {streams}.",
            fix="Name another.",
        )
    return Sent(row["receipt"], connector.name, row["received_at"], fitting[0])


def _connectors(registered: Registered, which: Which) -> list[ConnectorRow]:
    if which.connector is not None:
        return [registered.row(which.connector)]
    return [row for row in registered.all() if row.kind == which.kind]


def _read(row: Mapping[Any, Any], connector: ConnectorRow, registered: Registered, which: Which, found: Found) -> None:
    try:
        records = records_of(row, connector, registered)
    except TielineError:
        found.unreadable += 1
        return
    found.sent += [
        Sent(row["receipt"], connector.name, row["received_at"], one)
        for one in reversed(records)
        if one.stream == which.stream and not one.deleted
    ]


def _deliveries(conn: Connection, connector: ConnectorRow, which: Which) -> Iterator[Mapping[Any, Any]]:
    """Yield the deliveries that may hold them, the newest first, a few bodies in memory at a time."""
    query = select(delivery.c.id).where(
        delivery.c.connector_id == connector.id,
        delivery.c.stream.is_(None) | (delivery.c.stream == which.stream),
        delivery.c.replay_of.is_(None),
    )
    old = select(archive_table.c.day, archive_table.c.delivery_id).where(archive_table.c.connector_id == connector.id)
    if which.since is not None:
        query = query.where(delivery.c.received_at >= which.since)
        old = old.where(archive_table.c.received_at >= which.since, archive_table.c.day >= which.since // archive.DAY)
    if which.until is not None:
        query = query.where(delivery.c.received_at < which.until)
        old = old.where(archive_table.c.received_at < which.until)
    ids = list(conn.execute(query.order_by(delivery.c.id.desc()).limit(MOST)).scalars())
    for start in range(0, len(ids), _CHUNK):
        chunk = delivery.c.id.in_(ids[start : start + _CHUNK])
        yield from conn.execute(select(delivery).where(chunk).order_by(delivery.c.id.desc())).mappings()
    places = conn.execute(old.order_by(archive_table.c.delivery_id.desc()).limit(MOST)).all()
    for day, delivery_id in places:
        here = (archive_table.c.day == day) & (archive_table.c.delivery_id == delivery_id)
        bundle = conn.execute(select(archive_table.c.bundle).where(here)).scalar_one()
        [row] = archive.opened(bundle)["delivery"]
        if row["stream"] in (None, which.stream) and row["replay_of"] is None:
            yield row
