"""What an operator watches, read from the rows with a few bounded queries: never one that grows with the history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, case, func, select, text

from bridges.progress import oldest_unclaimed
from core.clock import SECOND
from core.tables import action, attempt, connector, delivery, late_facet, repair, stream
from core.words import Micros

LATELY_S, MINUTE_S = 300, 60
MOST = 2_000
"""Rows looked at for a quantile or a recent count, at most."""
DAY_S = 86_400
Row = tuple[tuple[str, ...], float]


@dataclass(slots=True)
class Figures:
    """One look; a row is (labels, value)."""

    connectors: dict[str, float] = field(default_factory=dict)
    repairs: float = 0
    to_mend: list[Row] = field(default_factory=list)
    late: float = 0
    deliveries: list[Row] = field(default_factory=list)
    actions: list[Row] = field(default_factory=list)
    unclaimed: dict[str, float] = field(default_factory=dict)
    lag: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    breakers: list[Row] = field(default_factory=list)
    failures: list[Row] = field(default_factory=list)
    overdue: list[Row] = field(default_factory=list)
    behind_s: float = 0.0


def read(conn: Connection, now: Micros, live_days: int = 7) -> Figures:
    """Return what is to be seen now."""
    rows = conn.execute(select(connector.c.id, connector.c.name, connector.c.state, connector.c.breaker_failures,
                               connector.c.breaker_open_until).order_by(connector.c.name)).all()  # fmt: skip
    names = {row.id: str(row.name) for row in rows}
    found = Figures(unclaimed=oldest_unclaimed(conn, now))
    for row in rows:
        found.connectors[row.state] = found.connectors.get(row.state, 0) + 1
        found.breakers.append(((row.name,), float((row.breaker_open_until or 0) > now)))
        found.failures.append(((row.name,), row.breaker_failures))
    by_code = select(repair.c.code, func.count()).where(repair.c.closed_at.is_(None)).group_by(repair.c.code)
    found.to_mend = [((row[0],), row[1]) for row in conn.execute(by_code.order_by(repair.c.code))]
    found.repairs = sum(count for _, count in found.to_mend)
    found.late = conn.execute(select(func.count()).where(late_facet.c.state == text("'waiting'"))).scalar_one()
    waits = select(delivery.c.connector_id, func.count()).where(delivery.c.state == text("'waiting'"))
    found.deliveries = [((names[row[0]],), row[1]) for row in conn.execute(waits.group_by(delivery.c.connector_id))]
    lane = case((action.c.priority == 0, "urgent"), else_="normal")
    due = select(action.c.connector_id, lane, func.count()).where(action.c.state == text("'waiting'"))
    found.actions = [
        ((names.get(row[0], "tieline"), row[1]), row[2]) for row in conn.execute(due.group_by(action.c.connector_id, lane))
    ]
    found.lag = [*_quantiles("accepted_to_handled", _handled(conn, now)), *_quantiles("created_to_done", _done(conn, now))]
    found.attempts = _attempts(conn, now, names)
    late = select(connector.c.name, stream.c.name, stream.c.next_at).join(connector, connector.c.id == stream.c.connector_id)
    found.overdue = [
        ((row[0], row[1]), max(0.0, (now - row[2]) / SECOND)) for row in conn.execute(late.where(stream.c.enabled))
    ]
    oldest = select(func.min(delivery.c.handled_at)).where(text("delivery.state IN ('done', 'skipped')"))
    ended = conn.execute(oldest).scalar_one()
    found.behind_s = 0.0 if ended is None else max(0.0, (now - ended) / SECOND - live_days * DAY_S)
    return found


def _handled(conn: Connection, now: Micros) -> list[float]:
    query = (
        select(delivery.c.handled_at - delivery.c.received_at)
        .where(text("delivery.state IN ('done', 'skipped')"), delivery.c.handled_at > now - MINUTE_S * SECOND)
        .order_by(delivery.c.handled_at.desc())
        .limit(MOST)
    )
    return [int(one) / SECOND for one in conn.execute(query).scalars()]


def _done(conn: Connection, now: Micros) -> list[float]:
    latest = (
        select(attempt.c.action_id, attempt.c.ended_at, attempt.c.outcome).order_by(attempt.c.id.desc()).limit(MOST).subquery()
    )
    query = (
        select(latest.c.ended_at - action.c.created_at)
        .join(action, action.c.id == latest.c.action_id)
        .where(latest.c.outcome == "done", latest.c.ended_at > now - MINUTE_S * SECOND)
    )
    return [int(one) / SECOND for one in conn.execute(query).scalars()]


def _attempts(conn: Connection, now: Micros, names: dict[int, str]) -> list[Row]:
    latest = select(attempt).order_by(attempt.c.id.desc()).limit(MOST).subquery()
    query = (
        select(action.c.connector_id, latest.c.outcome, latest.c.code, func.count())
        .join(action, action.c.id == latest.c.action_id)
        .where(latest.c.ended_at > now - LATELY_S * SECOND, latest.c.outcome != "decided")
        .group_by(action.c.connector_id, latest.c.outcome, latest.c.code)
    )
    return [((names.get(row[0], "tieline"), row[1], row[2] or ""), row[3]) for row in conn.execute(query)]


def _quantiles(step: str, seconds: Iterable[float]) -> list[Row]:
    """
    Return the median and the 99th percentile.

    >>> _quantiles("x", [1.0, 2.0, 9.0])
    [(('x', 'p50'), 2.0), (('x', 'p99'), 9.0)]
    """
    ranked = sorted(seconds)
    return [
        ((step, f"p{part * 100:.0f}"), ranked[min(len(ranked) - 1, int(part * len(ranked)))]) for part in (0.5, 0.99) if ranked
    ]
