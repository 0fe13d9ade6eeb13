"""
Assemble a snapshot: read what we know, ask all far sides at once, freeze at the deadline.

No transaction is open while they are asked. A facet that is late or failing is frozen as such; nobody
waits for it. If it arrives within the grace, a new snapshot is frozen that names the first as its parent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from core.database import Database
from core.ids import new_id
from snapshots.reads import OpenConnector, Reads
from snapshots.store import Snapshot, freeze, freeze_completed, frozen, is_open
from snapshots.subject import Subject, known
from snapshots.words import Answer, Status

GRACE_S = 20.0
"""How long late facets are still waited for, behind the ticket's back."""

Later = Callable[[Callable[[], Snapshot | None]], object]
_log = logging.getLogger("tieline.snapshots")


def _in_thread(complete: Callable[[], Snapshot | None]) -> None:
    """Complete in the background; if the process ends first, the facets stay late."""

    def run() -> None:
        try:
            complete()
        except Exception:
            _log.exception("A late facet arrived, but its snapshot could not be frozen.")

    threading.Thread(target=run, name="late-facets", daemon=True).start()


def assemble(
    db: Database, snapshot_id: str, open_connector: OpenConnector, *, grace_s: float = GRACE_S, later: Later = _in_thread
) -> Snapshot:
    """
    Return the frozen snapshot; one that is frozen already is returned as it is, and nobody is asked.

    ``later`` is given the waiting for late facets; by default it runs in a thread of its own.
    """
    began = time.monotonic()
    with db.read() as conn:
        if not is_open(conn, snapshot_id):
            return frozen(conn, snapshot_id)
        subject = known(conn, db, snapshot_id)
    reads = Reads(subject.questions, open_connector, began=began, started_at=subject.read_at, grace_s=grace_s)
    answers = reads.wait()
    late = reads.pending
    with db.write() as conn:
        first = freeze(conn, subject, answers, db.now(conn))
    if late:
        later(lambda: _complete(db, subject, reads, answers, grace_s))
    return first


def _complete(db: Database, subject: Subject, reads: Reads, answers: dict[str, Answer], grace_s: float) -> Snapshot | None:
    """Freeze what arrived late as a child of the first snapshot; None when nothing came but errors."""
    arrived = reads.more(grace_s)
    if not any(answer.status in (Status.OK, Status.ABSENT) for answer in arrived.values()):
        return None
    with db.write() as conn:
        return freeze_completed(conn, subject, new_id("snap"), answers | arrived, db.now(conn))
