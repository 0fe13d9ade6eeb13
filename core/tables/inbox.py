"""
Deliveries, events, and what was refused at the door.

``intake`` counts what was accepted in the same commit as the rows, so that the accounting identity
compares two independent things: what was promised and what is there.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata, state_checks, state_columns

intake = Table(
    "intake",
    metadata,
    Column("connector_id", ForeignKey("connector.id"), primary_key=True),
    Column("slot", Integer, primary_key=True, comment="one of 16, so that writers do not wait for one row"),
    Column("accepted", RowId, nullable=False, server_default=text("0")),
)

lane = Table(
    "lane",
    metadata,
    Column("connector_id", ForeignKey("connector.id"), primary_key=True),
    Column(
        "tries",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="batches begun without an end: a poison row kills workers",
    ),
    Column("trying_id", RowId, comment="the head of the batch that was begun"),
    Column("lease_owner", Text),
    Column("lease_until", At),
    Column("fence", RowId, nullable=False, server_default=text("0")),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", RowId, primary_key=True, comment="the order of acceptance"),
    Column("receipt", Text, nullable=False, unique=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("external_id", Text, nullable=False, comment="the sender's id, or sha256:… bucketed by the declared window"),
    Column("body_sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JsonText, nullable=False),
    Column("origin", Text, nullable=False),
    Column("stream", Text),
    Column("received_at", At, nullable=False),
    Column("seen", Integer, nullable=False, server_default=text("1")),
    *state_columns(),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("events", Integer, comment="how many events it was parsed into"),
    Column("unchanged", Integer, comment="polled records that said nothing new; they get no event row"),
    Column("handled_at", At),
    Column("replay_of", Text, comment="the receipt of the delivery that this one replays"),
    Column("error", JsonText),
    *state_checks(),
    Index("uq_delivery_connector_external", "connector_id", "external_id", unique=True),
    Index(
        "ix_delivery_due",
        "connector_id",
        "id",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_delivery_received_at", "received_at"),
    Index(
        "ix_delivery_ended",
        "handled_at",
        sqlite_where=text("state IN ('done', 'skipped')"),
        postgresql_where=text("state IN ('done', 'skipped')"),
    ),
)

refusal = Table(
    "refusal",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", At, nullable=False),
    Column("connector", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("size", Integer),
    Column("head", LargeBinary, comment="the first 256 bytes"),
    Column("remote", Text),
    Index("ix_refusal_at", "at"),
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False),
    Column("at", At, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JsonText, nullable=False),
    Column("seen", Integer, nullable=False, server_default=text("1")),
    Index("uq_conflict_delivery_body", "delivery_id", "body_sha256", unique=True),
)

event = Table(
    "event",
    metadata,
    Column("id", Text, primary_key=True, comment="evt_…: the CloudEvents id"),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False),
    Column("n", Integer, nullable=False, comment="position in its delivery"),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("stream", Text, nullable=False),
    Column("type", Text, nullable=False, comment="alert.created | alert.changed | alert.seen | record.unmapped"),
    Column("etype", Text),
    Column("external_id", Text, nullable=False),
    Column("entity_id", ForeignKey("entity.id")),
    Column("at", At, comment="the source's own time"),
    Column("handled_at", At, nullable=False),
    Column("changes", JsonText, comment="field -> [old, new]"),
    *state_columns(),
    Column("mapping_version_id", ForeignKey("definition_version.id")),
    Column("runs", Integer, nullable=False, server_default=text("0"), comment="how often it was replayed"),
    Column("hops", Integer, nullable=False, server_default=text("0"), comment="how many writes of our own lie behind it"),
    Column("cause", Text, comment="the action of ours that it follows from"),
    Column("error", JsonText),
    *state_checks(),
    Index("uq_event_delivery_n", "delivery_id", "n", unique=True),
    Index("ix_event_entity_id", "entity_id"),
    Index("ix_event_external", "connector_id", "etype", "external_id"),
)
