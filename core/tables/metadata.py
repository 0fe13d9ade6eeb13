"""The one MetaData, its naming rule for constraints, and the column types used everywhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, MetaData, Text

from core.words import State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = BigInteger().with_variant(Integer, "sqlite")
"""A counting key; SQLite counts only INTEGER PRIMARY KEY."""

At = BigInteger
"""Microseconds since the epoch, UTC."""


def state_columns() -> list[Column[Any]]:
    """Return the columns by which a row takes part in the accounting identity."""
    return [
        Column("state", Text, nullable=False),
        Column("reason", Text, comment="why skipped or dead, or what it waits for"),
        Column("held_by", Text, comment="who or what holds it: a repair's key, a person"),
        Column("next_at", At, comment="when a waiting row is looked at again"),
    ]


def state_checks() -> list[CheckConstraint]:
    """Return the laws of those columns: no state without what it must say."""
    words = ", ".join(f"'{state}'" for state in State)
    return [
        CheckConstraint(f"state IN ({words})", name="state_known"),
        CheckConstraint("state <> 'waiting' OR next_at IS NOT NULL", name="waiting_has_time"),
        CheckConstraint("state <> 'held' OR held_by IS NOT NULL", name="held_has_holder"),
        CheckConstraint("state NOT IN ('skipped', 'dead') OR reason IS NOT NULL", name="ended_has_reason"),
    ]
