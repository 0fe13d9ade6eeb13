"""
What the engine did, told as spans: delivery -> event -> decision -> action -> each attempt.

Spans are made from the rows, after the commit and in another thread: what was rolled back is never told, and the engine
does nothing for them but hand over what it has in its hands anyway. Their ids follow from the rows' ids, so a worker that
attempts an action puts it beneath what another process told of its decision. They hold ids, names, states and codes;
never what a body, a field or a far side says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import text

from bridges.batch import Batch
from bridges.claims import Claimed
from bridges.registered import ConnectorRow, Registered
from bridges.results import Result
from core.clock import SECOND
from core.database import Database
from core.jsons import dumps, loads
from core.traces.spans import Place, Span, SpanKind, Traces, attempt_span, span_of
from core.words import Micros, Origin, State, Verdict

log = logging.getLogger("tieline.traces")

UNTOLD = "What was done could not be told as a trace."

About = dict[str, str | int | bool]
OWN = "tieline"
"""What stands for a connector in an act of our own."""

_ORIGINS = {
    dialect: text(
        "SELECT decision.id, decision.run, delivery.receipt, delivery.headers FROM decision"  # noqa: S608 - fixed words
        " JOIN event ON event.id = decision.event_id JOIN delivery ON delivery.id = event.delivery_id"
        f" WHERE decision.id {among}"
    )
    for dialect, among in (
        ("sqlite", "IN (SELECT value FROM json_each(:ids))"),
        ("postgresql", "= ANY(CAST(:ids AS text[]))"),
    )
}
"""From which delivery a decision stems; headers come as text, because few of them name a trace."""


@dataclass(frozen=True, slots=True)
class Began:
    """When something began, by the database's time, and how long it has been going on."""

    at: Micros
    monotonic: float = field(default_factory=time.monotonic)

    def ended(self) -> Micros:
        """Return the time now: one clock says when, the other how long."""
        return self.at + round((time.monotonic() - self.monotonic) * SECOND)


@dataclass(frozen=True, slots=True)
class Came:
    """What a trace tells of one delivery; its body is not held any longer for that."""

    receipt: str
    traceparent: str | None
    origin: str
    began: Micros
    attempts: int
    is_replay: bool
    outcome: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Handling:
    """One committed batch, and when it was read and committed."""

    connector: str
    began: Micros
    ended: Micros
    came: list[Came]
    events: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    actions: list[dict[str, Any]]


class Tracer:
    """Tells what one process handles and attempts. Nothing that goes wrong with that ever costs the work it is about."""

    def __init__(self, db: Database, registered: Registered, traces: Traces) -> None:
        self._db, self._registered, self._traces = db, registered, traces

    def close(self) -> None:
        """Have sent what waits to be told, for a few seconds at most."""
        self._traces.close()

    def handled(self, row: ConnectorRow, deliveries: Iterable[Mapping[Any, Any]], batch: Batch, began: Began) -> None:
        """Have a committed batch told."""
        try:
            self._handled(row, deliveries, batch, began)
        except Exception:
            log.warning(UNTOLD, exc_info=True)

    def placed(self, claimed: list[Claimed]) -> list[Claimed]:
        """Say where in which trace each claimed action stands; what a lost worker left open is told."""
        try:
            return self._placed(claimed)
        except Exception:  # the database may be away just now; the work itself finds out by its own means
            log.warning(UNTOLD, exc_info=True)
            return claimed

    def attempted(self, results: list[Result]) -> None:
        """Have ended attempts told."""
        told = [one for one in results if _is_told(one.claimed)]
        if told:
            self._traces.later(lambda: [_attempt(one, self._name(one.claimed.connector_id)) for one in told])

    def _handled(self, row: ConnectorRow, deliveries: Iterable[Mapping[Any, Any]], batch: Batch, began: Began) -> None:
        outcomes = dict(batch.outcomes)
        came = [_came(one, outcomes[one["receipt"]]) for one in deliveries if one["receipt"] in outcomes]
        handling = Handling(
            row.name, began.at, began.ended(), came, batch.rows.events, batch.rows.decisions, batch.rows.actions
        )
        self._traces.later(partial(_handled, handling, self._traces, self._name))

    def _placed(self, claimed: list[Claimed]) -> list[Claimed]:
        ids: Any = list({one.decision_id for one in claimed})
        dialect = self._db.dialect
        with self._db.read() as conn:
            rows = {row.id: row for row in conn.execute(_ORIGINS[dialect], {"ids": dumps(ids) if dialect == "sqlite" else ids})}
        roots: dict[str, Place] = {}
        placed = []
        for one in claimed:
            row = rows.get(one.decision_id)
            if row is None:
                placed.append(one)
                continue
            if one.decision_id not in roots:
                named = loads(row.headers).get("traceparent") if "traceparent" in row.headers else None
                roots[one.decision_id], _ = self._traces.root(row.receipt, row.run, named)
            placed.append(replace(one, traced=roots[one.decision_id].beneath(span_of(one.id))))
        lost = [(one, one.lost) for one in placed if one.lost is not None and _is_told(one)]
        if lost:
            self._traces.later(lambda: [_lost(one, row, self._name(one.connector_id)) for one, row in lost])
        return placed

    def _name(self, connector_id: int | None) -> str:
        found = None if connector_id is None else self._registered.find(connector_id)
        return OWN if found is None else found.name


def place_of(claimed: Claimed) -> Place:
    """Return where the span of this attempt stands: what its calls carry."""
    assert claimed.traced is not None
    return claimed.traced.beneath(attempt_span(claimed.id, claimed.attempts, claimed.fence))


def _is_told(claimed: Claimed) -> bool:
    return claimed.traced is not None and claimed.traced.sampled


def _came(row: Mapping[Any, Any], outcome: Mapping[str, Any]) -> Came:
    is_replay = row["handled_at"] is not None
    began = row["next_at"] if is_replay else row["received_at"]
    return Came(row["receipt"], row["headers"].get("traceparent"), row["origin"], began, row["attempts"], is_replay, outcome)


def _handled(handling: Handling, traces: Traces, name: Any) -> Iterator[Span]:
    by_delivery: dict[int, list[dict[str, Any]]] = {}
    for row in handling.events:
        by_delivery.setdefault(row["delivery_id"], []).append(row)
    places: dict[str, Place] = {}
    for came in handling.came:
        events = by_delivery.get(came.outcome["id"], [])
        run = max((row["runs"] for row in events), default=0)
        root, sender = traces.root(came.receipt, run, came.traceparent)
        if root.sampled:
            yield _delivery(handling, came, root, sender, traces, run)
        for row in events:
            above = root if row["runs"] == run else traces.root(came.receipt, row["runs"], came.traceparent)[0]
            places[row["id"]] = place = above.beneath(span_of(row["id"], row["runs"]))
            if place.sampled:
                yield _event(handling, row, place, above)
    for row in handling.decisions:
        above = places[row["event_id"]]
        places[row["id"]] = place = above.beneath(span_of(row["id"]))
        if place.sampled:
            yield _decision(handling, row, place, above)
    for row in handling.actions:
        above = places[row["decision_id"]]
        if above.sampled:
            yield _action(handling, row, above.beneath(span_of(row["id"])), above, name(row["connector_id"]))


def _delivery(handling: Handling, came: Came, root: Place, sender: Place | None, traces: Traces, run: int) -> Span:
    first: Place | None = None
    if came.is_replay:
        first, _ = traces.root(came.receipt, 0, came.traceparent)
        if run == 0:  # nothing was made of it before: it goes on in its own trace, beside what failed
            root, sender = first.beneath(span_of(came.receipt, came.attempts)), first
    pushed = came.origin == Origin.PUSH and not came.is_replay
    state = str(came.outcome["state"])
    return Span(
        root,
        sender,
        f"{'replay' if came.is_replay else 'delivery'} {handling.connector}",
        came.began,
        handling.ended,
        SpanKind.SERVER if pushed else SpanKind.CONSUMER,
        {
            "tieline.receipt": came.receipt,
            "tieline.connector": handling.connector,
            "tieline.origin": came.origin,
            "tieline.state": state,
        },
        _code(came.outcome) if state == State.DEAD else None,
        first,
    )


def _event(handling: Handling, row: Mapping[str, Any], place: Place, above: Place) -> Span:
    about: About = {"tieline.event": row["id"], "tieline.type": row["type"], "tieline.state": str(row["state"])}
    if row["runs"]:
        about["tieline.run"] = row["runs"]
    failed = row["state"] in (State.DEAD, State.HELD)
    return Span(
        place, above, f"event {row['type']}", handling.began, handling.ended, about=about, error=_code(row) if failed else None
    )


def _decision(handling: Handling, row: Mapping[str, Any], place: Place, above: Place) -> Span:
    about: About = {"tieline.decision": row["id"], "tieline.bridge": row["bridge"], "tieline.verdict": row["verdict"]}
    if row["clause"]:
        about["tieline.clause"] = row["clause"]
    error = "error" if row["verdict"] == Verdict.ERROR else None
    return Span(place, above, f"decision {row['bridge']}", handling.began, handling.ended, about=about, error=error)


def _action(handling: Handling, row: Mapping[str, Any], place: Place, above: Place, connector: str) -> Span:
    about: About = {
        "tieline.action": row["id"],
        "tieline.connector": connector,
        "tieline.act": row["act"],
    }
    if row["urgent"]:
        about["tieline.urgent"] = True
    return Span(place, above, f"action {row['bridge']}/{row['step']}", handling.began, handling.ended, about=about)


def _attempt(one: Result, connector: str) -> Span:
    about = _about(one.claimed, connector)
    about["tieline.outcome"] = "done" if one.error is None else "failed"
    if one.error is not None:
        about |= {"error.type": one.error.code, "tieline.family": one.error.family}
    elif one.outcome is not None and one.outcome.repeated:
        about["tieline.repeated"] = True
    return _tried(one.claimed, about, one.started_at, one.ended_at, connector, None if one.error is None else one.error.code)


def _lost(claimed: Claimed, row: Mapping[str, Any], connector: str) -> Span:
    """Tell the attempt of a worker that did not come back: nobody else can."""
    before = replace(claimed, attempts=row["n"], fence=row["fence"])
    about = _about(before, connector)
    about |= {"tieline.worker": row["worker"], "tieline.outcome": row["outcome"], "error.type": row["code"]}
    return _tried(before, about, row["started_at"], row["ended_at"], connector, row["code"])


def _about(claimed: Claimed, connector: str) -> About:
    return {
        "tieline.action": claimed.id,
        "tieline.connector": connector,
        "tieline.act": claimed.act,
        "tieline.attempt": claimed.attempts,
    }


def _tried(claimed: Claimed, about: About, began: Micros, ended: Micros, connector: str, error: str | None) -> Span:
    kind = SpanKind.INTERNAL if claimed.connector_id is None else SpanKind.CLIENT
    return Span(place_of(claimed), claimed.traced, f"{connector} {claimed.act}", began, ended, kind, about, error)


def _code(row: Mapping[str, Any]) -> str:
    return str((row["error"] or {}).get("code", row["state"]))
