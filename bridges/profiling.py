"""
The profile of what each stream sends, kept beside the hot path: some records of a batch, one small write now and then.

Counting is in memory; a write comes along with a batch's own transaction when something new was seen, or after so many
records or seconds. A process that dies loses at most the counts of that span, never a drift: it is seen again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bridges.parsed import Item, Reading
from bridges.registered import ConnectorRow
from core.words import Micros
from mappings.catalogue import Catalogue
from mappings.profiles import LEARNED, DriftError, ModeOf, Tree, contracts, deviation, flush

SAMPLED = 10
"""Records of a batch that are counted at most, spread over it."""
FLUSH_RECORDS, FLUSH_S = 256, 15.0
"""After so many counted records, or so long, a stream's counts are written."""

_STRICTEST = ("evolve", "freeze", "quarantine")


@dataclass(slots=True)
class _Counting:
    """One stream of one connector in this process."""

    tree: Tree = field(default_factory=Tree)
    written_at: float = field(default_factory=time.monotonic)
    counted: int = 0
    total: int = 0
    receipt: str | None = None


class Profiler:
    """Counts the streams of one process. ``on=False`` counts nothing (to measure what it costs)."""

    def __init__(self, *, on: bool = True, flush_records: int = FLUSH_RECORDS) -> None:
        self._on, self._flush_records, self._batches = on, flush_records, 0
        self._streams: dict[tuple[int, str], _Counting] = {}

    def observe(self, connector: ConnectorRow, readings: Iterable[Reading]) -> None:
        """Count some records of a batch."""
        if not self._on:
            return
        records = {id(item.record): item for reading in readings for item in reading.items if not item.record.deleted}
        step = max(1, -(-len(records) // SAMPLED))
        self._batches += 1  # so that it is not always the same places of a page
        for item in list(records.values())[self._batches % step :: step]:
            mine = self._streams.setdefault((connector.id, item.record.stream), _Counting())
            fresh = mine.tree.fresh
            mine.tree.add(item.record.data)
            mine.counted += 1
            mine.total += 1
            if mine.receipt is None or mine.tree.fresh is not fresh:
                mine.receipt = item.delivery["receipt"]

    def flush(self, conn: Connection, connector: ConnectorRow, catalogue: Catalogue, now: Micros) -> list[tuple[int, str]]:
        """Write the streams of a connector that are due, in the caller's transaction; return them for ``settled``."""
        written: list[tuple[int, str]] = []
        for (connector_id, stream), mine in list(self._streams.items()):
            if connector_id != connector.id or not mine.counted or not self._is_due(mine):
                continue
            place = (connector.id, connector.name, stream)
            flush(conn, place, mine.tree, _mode_of(catalogue, connector, stream), now, receipt=mine.receipt)
            written.append((connector.id, stream))
        return written

    def _is_due(self, mine: _Counting) -> bool:
        if mine.tree.fresh or mine.total <= 2 * LEARNED:  # the beginning is written as it comes, so that learning ends
            return True
        return mine.counted >= self._flush_records or time.monotonic() - mine.written_at >= FLUSH_S

    def settled(self, written: Iterable[tuple[int, str]]) -> None:
        """Begin to count anew what was written and committed."""
        for key in written:
            mine = self._streams[key]
            mine.tree.forget()
            mine.counted, mine.receipt, mine.written_at = 0, None, time.monotonic()


def _mode_of(catalogue: Catalogue, connector: ConnectorRow, stream: str) -> ModeOf:
    """Return what says which contract mode counts for a path: the strictest of all mappings that read the stream."""
    found = [one.spec.contract for one in catalogue.mappings_for(connector.kind, connector.name, stream)]
    return lambda path: max((one.mode_of(path) for one in found), key=_STRICTEST.index, default="evolve")


def hold_back(conn: Connection, connector: ConnectorRow, items: Iterable[Item]) -> None:
    """Let records wait that do not keep the contract of a mapping in quarantine; the others cost nothing here."""
    strict = [item for item in items if item.error is None and item.mapping is not None and item.mapping.spec.contract.may_hold]
    if not strict:
        return
    allowed = contracts(conn, connector.id, {item.record.stream for item in strict})
    for item in strict:
        if item.record.deleted or item.record.stream not in allowed or item.mapping is None:
            continue
        found = deviation(item.record.data, allowed[item.record.stream], item.mapping.spec.contract.holds)
        if found is not None:
            item.error = _held(connector, item, *found)


def _held(connector: ConnectorRow, item: Item, path: str, word: str) -> DriftError:
    return DriftError(
        f"A record of {connector.name}/{item.record.stream} does not keep its contract: {path} is {word}.",
        why="The mapping's contract says quarantine: what comes in another form than before waits for a person.",
        fix="Look at `tieline drift`; accept it there or correct the source, then replay what is held.",
        path=path,
    )
