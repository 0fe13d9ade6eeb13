"""What an operator watches, read from the rows with a few bounded queries: never one that grows with the history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from sqlalchemy import Connection, case, func, select, text

from bridges.counting import counts
from bridges.progress import oldest_unclaimed
from bridges.retention import behind_s
from core.clock import SECOND
from core.tables import action, attempt, connector, delivery, intake, late_facet, repair, stream
from core.words import Micros

MINUTE_S = 60
MOST = 2_000
"""Rows looked at for a quantile, at most."""
OWN_NAME = "tieline"
"""Stands for a connector where the act is our own."""
Row = tuple[tuple[str, ...], float]
Lasted = tuple[int | None, float]
"""(connector, seconds)"""


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
    accepted: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)
    held_actions: list[Row] = field(default_factory=list)
    breakers: list[Row] = field(default_factory=list)
    failures: list[Row] = field(default_factory=list)
    overdue: list[Row] = field(default_factory=list)
    poll_failures: list[Row] = field(default_factory=list)
    behind_s: float = 0.0


def read(conn: Connection, now: Micros, live_days: int) -> Figures:
    """Return what is to be seen now."""
    rows = conn.execute(select(connector.c.id, connector.c.name, connector.c.state, connector.c.breaker_failures,
                               connector.c.breaker_open_until).order_by(connector.c.name)).all()  # fmt: skip
    names: dict[int | None, str] = {row.id: str(row.name) for row in rows}
    found = Figures(unclaimed=oldest_unclaimed(conn, now))
    for row in rows:
        found.connectors[row.state] = found.connectors.get(row.state, 0) + 1
        found.breakers.append(((row.name,), float((row.breaker_open_until or 0) > now)))
        found.failures.append(((row.name,), row.breaker_failures))
        found.held.append(((row.name,), float(row.state == "held")))
    by_code = select(repair.c.code, func.count()).where(repair.c.closed_at.is_(None)).group_by(repair.c.code)
    found.to_mend = [((row[0],), row[1]) for row in conn.execute(by_code.order_by(repair.c.code))]
    found.repairs = sum(count for _, count in found.to_mend)
    found.late = conn.execute(select(func.count()).where(late_facet.c.state == text("'waiting'"))).scalar_one()
    waits = select(delivery.c.connector_id, func.count()).where(delivery.c.state == text("'waiting'"))
    found.deliveries = [((names[row[0]],), row[1]) for row in conn.execute(waits.group_by(delivery.c.connector_id))]
    lane = case((action.c.priority == 0, "urgent"), else_="normal")
    due = select(action.c.connector_id, lane, func.count()).where(action.c.state == text("'waiting'"))
    found.actions = [
        ((names.get(row[0], OWN_NAME), row[1]), row[2]) for row in conn.execute(due.group_by(action.c.connector_id, lane))
    ]
    found.lag = [
        *_quantiles("accepted_to_handled", _handled(conn, now), names),
        *_quantiles("created_to_done", _done(conn, now), names),
    ]
    promised = select(intake.c.connector_id, func.sum(intake.c.accepted)).group_by(intake.c.connector_id)
    found.accepted = [((names[row[0]],), int(row[1])) for row in conn.execute(promised)]
    found.attempts = [((names.get(one, OWN_NAME), *how), n) for (one, *how), n in counts(conn).items()]
    found.held_actions = _held(conn, names)
    _polls(conn, now, found)
    found.behind_s = behind_s(conn, now, live_days)
    return found


def _polls(conn: Connection, now: Micros, found: Figures) -> None:
    late = select(connector.c.name, stream.c.name, stream.c.next_at, stream.c.failures, stream.c.last_error)
    late = late.join(connector, connector.c.id == stream.c.connector_id).where(stream.c.enabled)
    for row in conn.execute(late):
        found.overdue.append(((row[0], row[1]), max(0.0, (now - row[2]) / SECOND)))
        found.poll_failures.append(((row[0], row[1], (row[4] or {}).get("code", "")), row[3]))


def _held(conn: Connection, names: Mapping[int | None, str]) -> list[Row]:
    """Count held actions by whom they wait for: the word before the colon, such as step, repair, person or budget."""
    held = text("action.state = 'held' AND action.state NOT IN ('done', 'skipped')")  # the second half names the index
    query = select(action.c.connector_id, action.c.held_by, func.count()).where(held)
    found: Counter[tuple[str, str]] = Counter()
    for connector_id, held_by, n in conn.execute(query.group_by(action.c.connector_id, action.c.held_by)):
        found[names.get(connector_id, OWN_NAME), (held_by or "").partition(":")[0]] += n
    return list(found.items())


def _handled(conn: Connection, now: Micros) -> list[Lasted]:
    query = (
        select(delivery.c.connector_id, delivery.c.handled_at - delivery.c.received_at)
        .where(text("delivery.state IN ('done', 'skipped')"), delivery.c.handled_at > now - MINUTE_S * SECOND)
        .order_by(delivery.c.handled_at.desc())
        .limit(MOST)
    )
    return [(row[0], int(row[1]) / SECOND) for row in conn.execute(query)]


def _done(conn: Connection, now: Micros) -> list[Lasted]:
    latest = (
        select(attempt.c.action_id, attempt.c.ended_at, attempt.c.outcome).order_by(attempt.c.id.desc()).limit(MOST).subquery()
    )
    query = (
        select(action.c.connector_id, latest.c.ended_at - action.c.created_at)
        .join(action, action.c.id == latest.c.action_id)
        .where(latest.c.outcome == "done", latest.c.ended_at > now - MINUTE_S * SECOND)
    )
    return [(row[0], int(row[1]) / SECOND) for row in conn.execute(query)]


def _quantiles(step: str, spans: Iterable[Lasted], names: Mapping[int | None, str]) -> list[Row]:
    """
    Return the median and the 99th percentile of each connector.

    >>> _quantiles("x", [(1, 9.0), (1, 1.0), (1, 2.0), (None, 4.0)], {1: "a"})[:2]
    [(('x', 'a', 'p50'), 2.0), (('x', 'a', 'p99'), 9.0)]
    """
    ranked: dict[str, list[float]] = {}
    for connector_id, seconds in sorted(spans, key=itemgetter(1)):
        ranked.setdefault(names.get(connector_id, OWN_NAME), []).append(seconds)
    return [
        ((step, name, f"p{part * 100:.0f}"), one[min(len(one) - 1, int(part * len(one)))])
        for name, one in ranked.items()
        for part in (0.5, 0.99)
    ]
