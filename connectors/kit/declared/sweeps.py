"""
Reading a stream page by page: what the cursor holds, what the next page is asked with, and what must not happen.

The cursor is saved with every page. ``mark`` is the latest time that a whole sweep has seen; a sweep reads what is not
older than the mark less an overlap, page after page, and only its end moves the mark: records at equal times are not
lost, and a sweep that breaks off goes on where it stood. A page that leads to itself stops with a clear error.

Counted pages (offset, page number) shift when a record changes while they are read. So where records come sorted by
their time, the next page begins at the time of the last record, and pages are counted only among equal times. There
a record that changes away would still shift the others, so such a stretch is read again until it is seen twice alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.declared.decoding import Rows, moment_of
from connectors.kit.declared.judging import Got
from connectors.kit.declared.manifest import Stream
from connectors.kit.declared.paths import path
from connectors.kit.declared.predicates import every
from core.clock import SECOND
from core.words import Json, Micros

MOST_PAGES = 100_000
_DAY_S = 86_400
_NAMES = ("mark", "high", "place", "size", "pages", "read", "from_", "tied", "again", "tries")
MOST_TRIES = 6


@dataclass(frozen=True, slots=True)
class Sweep:
    """Where a stream stands: its mark, and inside a sweep the highest time so far and the next page."""

    mark: Micros | None = None
    high: Micros | None = None
    place: Json = None  #: offset, page number, cursor, link or last id of the next page; None: a sweep begins
    size: int = 0
    pages: int = 0
    read: int = 0
    from_: Micros | None = None  #: where this sweep goes on by time, exactly
    tied: int = 0  #: records read so far at that very time
    again: int | None = None  #: how many there were when this stretch was read before
    tries: int = 0

    @classmethod
    def of(cls, cursor: Json) -> Sweep:
        """Read a stored cursor; what is not one begins anew."""
        if not isinstance(cursor, dict):
            return cls()
        return cls(**{name: cursor[name] for name in _NAMES if name in cursor})

    def stored(self) -> dict[str, Json] | None:
        """Return the cursor as it is stored; nothing where there is nothing to remember."""
        found = {name: getattr(self, name) for name in _NAMES}
        return {name: one for name, one in found.items() if one is not None and (one or name == "place")} or None

    def asked(self, stream: Stream, limit: int, now: Micros) -> dict[str, Any]:
        """Return the values of the slots of this page."""
        paging = stream.paging
        size = self.size or min(limit, paging.size if paging else limit)
        scope: dict[str, Any] = {"limit": size, "since": self.since(stream, now)}
        if paging is None:
            return scope
        if paging.by == "offset":
            scope["offset"] = self.place or 0
        elif paging.by == "page":
            scope["page"] = paging.first if self.place is None else self.place
        elif paging.by == "last":
            scope["last"] = self.place
        else:
            scope["next"] = self.place
        return scope

    def since(self, stream: Stream, now: Micros) -> Micros | None:
        """Return from when on this sweep reads."""
        spec = stream.since
        if spec is None:
            return None
        if self.from_ is not None:
            return self.from_
        if self.mark is None:
            return None if spec.first_days is None else now - spec.first_days * _DAY_S * SECOND
        return max(self.mark - spec.overlap_s * SECOND, 0)


def after(sweep: Sweep, stream: Stream, got: Got, rows: Rows, settings: Mapping[str, Any], limit: int) -> tuple[Sweep, bool]:
    """Return where the stream stands after a page, and whether another page waits."""
    size = sweep.size or min(limit, stream.paging.size if stream.paging else limit)
    last = _highest(stream, rows, settings)
    high = max((one for one in (sweep.high, last) if one is not None), default=None)
    read, pages = sweep.read + len(rows), sweep.pages + 1
    place = _next(stream, sweep, got, rows, size, read)
    tied = sweep.tied + _at(stream, rows, sweep.from_, settings)
    if _was_counted(sweep, place, last) and sweep.again != tied and sweep.tries < MOST_TRIES:
        anew = replace(sweep, high=high, place=_first(stream), pages=pages, read=read)
        return replace(anew, tied=0, again=tied, tries=sweep.tries + 1), True
    if place is None:
        marks = [one for one in (sweep.mark, high) if one is not None]
        return Sweep(mark=max(marks, default=None)), False
    then = replace(sweep, high=high, place=place, size=size, pages=pages, read=read, tied=tied)
    if _goes_on_by_time(stream, sweep, last):
        then = replace(then, place=_first(stream), from_=last, tied=0, again=None, tries=0)
    if (then.place, then.from_) == (sweep.place, sweep.from_) or pages > MOST_PAGES:
        raise UnreadableAnswerError(
            f"The pages of {got.answer.place} go in a circle.",
            why=f"The next page is the one that was just read ({str(place)[:80]!r}), or there are more than {MOST_PAGES}.",
            fix="It is tried again; if it stays, compare the system's paging with the manifest.",
        )
    return then, True


def _highest(stream: Stream, rows: Rows, settings: Mapping[str, Any]) -> Micros | None:
    if stream.since is None:
        return None
    times = [moment_of(stream.since, row, settings, "the record's time") for row in rows]
    return max((one for one in times if one is not None), default=None)


def _was_counted(sweep: Sweep, place: Json, last: Micros | None) -> bool:
    """Say whether a stretch of equal times ends here that took more than one counted page."""
    if sweep.from_ is None or not sweep.place:
        return False
    return place is None or (last is not None and last > sweep.from_)


def _at(stream: Stream, rows: Rows, at: Micros | None, settings: Mapping[str, Any]) -> int:
    if at is None or stream.since is None:
        return 0
    return sum(moment_of(stream.since, row, settings, "the record's time") == at for row in rows)


def _first(stream: Stream) -> Json:
    """Return the place of a first page: nothing, or zero where records are counted."""
    return 0 if stream.paging is not None and stream.paging.by == "offset" else None


def _goes_on_by_time(stream: Stream, sweep: Sweep, last: Micros | None) -> bool:
    spec, paging = stream.since, stream.paging
    if spec is None or not spec.sorted or paging is None or paging.by not in ("offset", "page") or last is None:
        return False
    return sweep.from_ is None or last > sweep.from_


def _next(stream: Stream, sweep: Sweep, got: Got, rows: Rows, size: int, read: int) -> Json:
    """Return the place of the next page, or None where there is none."""
    paging = stream.paging
    if paging is None or (paging.most is not None and read >= paging.most):
        return None
    if paging.more and not every(paging.more)(got.answer.status, got.body, ""):
        return None
    if paging.by in ("cursor", "link"):
        place = _linked(got) if paging.next == "header:link" else _told(got, paging.next or "$")
        return place if place not in (None, "", False) else None
    if not rows or (not paging.more and len(rows) < size):
        return None
    if paging.by == "offset":
        return (sweep.place or 0) + len(rows)
    if paging.by == "page":
        return (paging.first if sweep.place is None else sweep.place) + 1
    return path(stream.id)(rows[-1])


def _told(got: Got, where: str) -> Json:
    if where.startswith("header:"):
        return got.answer.headers.get(where.removeprefix("header:").lower())
    return path(where)(got.body)


def _linked(got: Got) -> str | None:
    """Return the address of rel="next" of a Link header."""
    for part in got.answer.headers.get("link", "").split(","):
        address, _, told = part.partition(";")
        if 'rel="next"' in told.replace(" ", "") or "rel=next" in told.replace(" ", ""):
            return address.strip().strip("<>")
    return None
