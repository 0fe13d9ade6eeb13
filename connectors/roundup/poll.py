"""
Polling issues by their activity, oldest first, so that a page can never skip one.

The cursor holds the newest activity seen and, for the overlap before it, which states were handed out
already. An issue that changes while we read moves to the end and comes again; one whose transaction was
committed late turns up inside the overlap; nothing is handed out twice in the same state. A page asks
for as many rows as are known plus those wanted: it always holds something new or is the last.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from connectors.kit.answers import Response
from connectors.roundup.issues import ASKED, POLLED, moment, written
from connectors.roundup.tracker import Tracker, TrackerFieldError
from core.clock import SECOND, from_datetime
from core.jsons import canonical, sha256
from core.words import Json, Micros, Page

_DAY = 86_400 * SECOND


def issues(tracker: Tracker, cursor: Json, limit: int, *, overlap_s: int, history_days: int, now: Micros) -> Page:
    """Read the next page of issues that are not yet handed out in their present state."""
    known: dict[str, list[Any]] = dict(cursor["seen"]) if cursor else {}
    newest: Micros | None = cursor["at"] if cursor else None
    since = now - history_days * _DAY if newest is None else newest - overlap_s * SECOND
    size = limit + len(known)
    query = {"@sort": "activity,id", "@page_size": size, "@verbose": 2, "activity": f"from {written(since)}"}
    rows, answer = _rows(tracker, query)
    fresh = []
    for row in rows:
        at, state = moment(row["activity"]) or 0, sha256(row)[:16]
        if known.get(row["id"], [0, ""])[1] != state:
            fresh.append(row)
        known[row["id"]] = [at, state]
        newest = at if newest is None else max(newest, at)
    newest = _not_ahead(newest, answer)
    if newest is not None:
        known = {number: kept for number, kept in known.items() if kept[0] >= newest - overlap_s * SECOND}
    body = canonical({POLLED: "issues", "issues": fresh})
    after = {"at": newest, "seen": known} if newest is not None else None
    return Page(body=body, cursor=after, more=len(rows) >= size, count=len(fresh))


def recent(
    tracker: Tracker, machine: str, limit: int, except_ref: str | None, timeout_s: float
) -> tuple[list[dict[str, Any]], int]:
    """Return the newest issues of a machine, and how many there are."""
    query = {"machine:": machine, "@sort": "-creation,-id", "@page_size": limit + (1 if except_ref else 0), "@verbose": 2}
    rows, answer = _rows(tracker, query, timeout_s)
    others = [row for row in rows if not except_ref or row.get("tieline_ref") != except_ref]
    return others[:limit], tracker.total(answer) - (len(rows) - len(others))


def _rows(tracker: Tracker, query: dict[str, Any], timeout_s: float | None = None) -> tuple[list[dict[str, Any]], Response]:
    """
    Ask for every declared property; a tracker that lacks one is asked without it.

    The answer tells one missing property at a time, and a tracker gains properties while we run: so it is
    found out on every call anew. A tracker that has all of them pays nothing.
    """
    asked = list(ASKED)
    while True:
        try:
            return tracker.list("issue", {**query, "@fields": ",".join(asked)}, timeout_s)
        except TrackerFieldError as error:
            if error.facts.get("field") not in asked:
                raise
            asked.remove(str(error.facts["field"]))


def _not_ahead(newest: Micros | None, answer: Response) -> Micros | None:
    """Hold the cursor back to the far side's own clock: an activity from its future must not hide what comes next."""
    try:
        there = from_datetime(parsedate_to_datetime(answer.headers["date"]))
    except (KeyError, TypeError, ValueError):
        return newest
    return None if newest is None else min(newest, there)
