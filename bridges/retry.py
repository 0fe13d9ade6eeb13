"""When an action is tried again. Pure: randomness and time come from the caller."""

from __future__ import annotations

from core.clock import SECOND
from core.errors import TielineError, TransientError
from core.words import Micros

SCHEDULE_S = (0, 5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before attempt 1, 2, …: 12 attempts over about 76 hours (the table of Standard Webhooks, begun sooner)."""

URGENT_S = (0, 2, 5, 15, 60)
"""Seconds before the first urgent attempts; from then on every minute, for as long as the schedule above."""

ESCALATE_AFTER_S = 120
"""An urgent action that is not done by then opens a repair: another channel must carry it."""

JITTER = 0.2
LONGEST_WISH_S = 86_400.0
URGENT_ATTEMPTS = sum(SCHEDULE_S) // 60


def wait_before(error: TielineError, attempts: int, *, urgent: bool = False, spread: float = 0.0) -> Micros | None:
    """
    Say how long to wait after the given number of failed attempts; None means give up.

    Only a transient error is tried again. The other system's own wish (Retry-After) wins when it is
    longer than our sum, up to a day, because only it knows when its door opens. ``spread`` in
    [-1, 1] moves the wait by up to 20 %, so that a thousand failures do not come back at once.

    >>> slow = TransientError("Zabbix did not answer.", why="Timeout after 10 s.")
    >>> [wait_before(slow, n) // 1_000_000 for n in (1, 2, 3)]
    [5, 30, 120]
    >>> wait_before(slow, 12) is None
    True
    >>> wait_before(TransientError("Slow down.", why="429.", retry_after=90), 1) // 1_000_000
    90
    """
    if not isinstance(error, TransientError):
        return None
    table, most = (URGENT_S, URGENT_ATTEMPTS) if urgent else (SCHEDULE_S, len(SCHEDULE_S))
    if attempts >= most:
        return None
    wait_s = table[min(attempts, len(table) - 1)] * (1 + JITTER * spread)
    if error.retry_after is not None:
        wait_s = max(wait_s, min(error.retry_after, LONGEST_WISH_S))
    return round(wait_s * SECOND)
