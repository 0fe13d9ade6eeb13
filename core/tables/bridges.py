"""Decisions, actions, attempts, and the ledger of what we wrote (echo recognition)."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata, state_checks, state_columns

decision = Table(
    "decision",
    metadata,
    Column("id", Text, primary_key=True, comment="dec_…"),
    Column("event_id", ForeignKey("event.id"), nullable=False),
    Column("bridge", Text, nullable=False),
    Column("version_id", ForeignKey("definition_version.id"), nullable=False),
    Column("verdict", Text, nullable=False),
    Column("clause", Text, comment="the first false clause, as its author wrote it"),
    Column("left", JsonText),
    Column("right", JsonText),
    Column("reason", Text),
    Column("inputs", JsonText, comment="the values the condition read"),
    Column("actions", Integer, nullable=False, server_default=text("0"), comment="how many actions it added"),
    Column("at", At, nullable=False),
    Column("run", Integer, nullable=False, server_default=text("0"), comment="0: the first handling; replays count up"),
    UniqueConstraint("event_id", "bridge", "run"),
    Index("ix_decision_bridge", "bridge", "at"),
)

action = Table(
    "action",
    metadata,
    Column("id", Text, primary_key=True, comment="act_…"),
    Column("key", Text, nullable=False, unique=True, comment="bridge/event/step: doing it twice does it once"),
    Column("seq", BigInteger, nullable=False, comment="order of creation within an order_key"),
    Column("decision_id", ForeignKey("decision.id"), nullable=False),
    Column("event_id", ForeignKey("event.id"), nullable=False),
    Column("bridge", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("connector_id", ForeignKey("connector.id"), comment="NULL: an act of our own, such as snapshot"),
    Column("act", Text, nullable=False),
    Column("target_id", ForeignKey("entity.id"), comment="the entity acted upon, or created"),
    Column("order_key", Text, nullable=False, comment="connector and entity: strictly one after the other"),
    Column("arguments", JsonText, nullable=False, comment="resolved; later steps may still hold {step: …}"),
    Column("after", JsonText, comment="steps of the same decision that must be done first"),
    Column("urgent", Boolean, nullable=False, server_default=text("false")),
    *state_columns(),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", Text),
    Column("lease_until", At),
    Column("fence", RowId, nullable=False, server_default=text("0")),
    Column("created_at", At, nullable=False),
    Column("ended_at", At),
    Column("external_id", Text, comment="what the far side called the result"),
    Column("outcome", JsonText),
    Column("error", JsonText),
    *state_checks(),
    Index("ix_action_due", "next_at", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
    Index(
        "ix_action_open_order",
        "order_key",
        "seq",
        sqlite_where=text("state NOT IN ('done', 'skipped')"),
        postgresql_where=text("state NOT IN ('done', 'skipped')"),
    ),
    Index("ix_action_decision_id", "decision_id"),
    Index("ix_action_event_id", "event_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("action_id", ForeignKey("action.id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("fence", RowId, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", At, nullable=False),
    Column("ended_at", At, nullable=False),
    Column("outcome", Text, nullable=False, comment="done | failed | unverified | lost"),
    Column("family", Text),
    Column("code", Text),
    Column("detail", JsonText, comment="the error's sentences, or request and response, redacted"),
    Index("ix_attempt_action_id", "action_id"),
)

written = Table(
    "written",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("etype", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("action_id", ForeignKey("action.id"), nullable=False),
    Column("version", Text, comment="the far side's version after our write"),
    Column("fields", JsonText, nullable=False, comment="what the far side held after our write"),
    Column("at", At, nullable=False),
    Index("ix_written_entity", "connector_id", "etype", "external_id"),
)
