"""
Assemble a snapshot: read what we know, ask all far sides at once, freeze at the deadline.

No transaction is open while they are asked. A facet that is late or failing is frozen as such; nobody
waits for it. If it arrives within the grace, a new snapshot is frozen that names the first as its parent.
"""

from __future__ import annotations

import time

from core.clock import SECOND
from core.database import Database
from snapshots.late import GRACE_S, Late, add
from snapshots.reads import OpenConnector, Reads
from snapshots.store import Snapshot, freeze, frozen, is_open
from snapshots.subject import known


def assemble(db: Database, snapshot_id: str, open_connector: OpenConnector, late: Late | None = None) -> Snapshot:
    """
    Return the frozen snapshot; one that is frozen already is returned as it is, and nobody is asked.

    ``late`` waits on for late facets in this process; without it a worker asks for them again.
    """
    began = time.monotonic()
    with db.read() as conn:
        if not is_open(conn, snapshot_id):
            return frozen(conn, snapshot_id)
        subject = known(conn, db, snapshot_id)
    grace_s = GRACE_S if late is None else late.grace_s
    reads = Reads(subject.questions, open_connector, began=began, started_at=subject.read_at, grace_s=grace_s)
    answers = reads.wait()
    due = {one.name: subject.read_at + round(one.wait_s * SECOND) for one in subject.questions if one.name in reads.pending}
    taken = None
    with db.write() as conn:
        now = db.now(conn)
        if freeze(conn, subject, answers, now) and due:
            taken = add(conn, snapshot_id, due, now, grace_s=grace_s, owner=None if late is None else late.owner)
        first = frozen(conn, snapshot_id)
    if taken is not None and late is not None:
        late.wait_for(taken, reads)
    return first
