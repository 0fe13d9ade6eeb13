"""
What a worker has in its hands: actions that it claimed, begun or not, and which one it begins next.

One far side never gets all hands: a system that answers slowly would otherwise stop what goes to all others. Of
what is not begun, urgent ones come first. How much is claimed ahead follows from how fast a far side answers, so
that an urgent action never waits behind a long row of slow ones that are claimed already.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from bridges.claims import Claimed

SLOW_S = 0.05
"""A far side that takes longer on average gets few actions claimed ahead."""
NEWEST = 0.2
"""How much the newest attempt counts in that average."""


class Hands:
    """The claimed actions of one worker; its threads take from here what they begin, and say when it has ended."""

    def __init__(self, slots: int, ahead: int) -> None:
        self.slots, self.ahead = slots, ahead
        self._lock = threading.Lock()
        self.each = max(1, slots * 3 // 4)
        """How many attempts go to one far side at the same time, at most."""
        self._begun: dict[str, Claimed] = {}
        self._waiting: list[Claimed] = []
        self._at: Counter[int | None] = Counter()
        self._took_s: dict[int | None, float] = {}

    def __len__(self) -> int:
        return len(self._begun) + len(self._waiting)

    def everything(self) -> list[Claimed]:
        """Return all that is held: its leases are renewed together."""
        with self._lock:
            return [*self._begun.values(), *self._waiting]

    def take(self, claimed: Iterable[Claimed]) -> None:
        """Hold more; urgent ones go before those that are not begun yet."""
        with self._lock:
            self._waiting = sorted([*self._waiting, *claimed], key=lambda one: not one.urgent)

    def room(self, *, urgent: bool = False) -> dict[int | None, int]:
        """Return how many more may be claimed for each connector of which something is held; urgent ones always find some."""
        held = Counter(one.connector_id for one in self.everything())
        least = self.slots if urgent else 0
        return {one: max(least, self._most(one) - n) for one, n in held.items()}

    def is_hungry(self) -> bool:
        """Say whether more should be claimed: next to nothing waits here that will be begun soon."""
        with self._lock:
            soon = sum(self._took_s.get(one.connector_id, 0.0) < SLOW_S for one in self._waiting)
            return soon < self.slots

    def _most(self, connector_id: int | None) -> int:
        return self.ahead if self._took_s.get(connector_id, 0.0) < SLOW_S else 2 * self.each

    def could_begin(self) -> int:
        """Return how many attempts could begin now."""
        with self._lock:
            wanted = Counter(one.connector_id for one in self._waiting)
            free = sum(min(n, self.each - self._at[one]) for one, n in wanted.items())
            return max(0, min(free, self.slots - len(self._begun)))

    def begin(self) -> Claimed | None:
        """Take the first that may begin: a slot is free, and its far side has not its share of attempts already."""
        with self._lock:
            if len(self._begun) >= self.slots:
                return None
            for place, one in enumerate(self._waiting):
                if self._at[one.connector_id] < self.each:
                    del self._waiting[place]
                    self._begun[one.id] = one
                    self._at[one.connector_id] += 1
                    return one
            return None

    def end(self, claimed: Claimed, took_s: float) -> None:
        """Let go of one whose attempt has ended."""
        with self._lock:
            del self._begun[claimed.id]
            self._at[claimed.connector_id] -= 1
            known = self._took_s.get(claimed.connector_id, took_s)
            self._took_s[claimed.connector_id] = known + NEWEST * (took_s - known)

    def drop(self) -> list[Claimed]:
        """Let go of everything that is not begun and return it."""
        with self._lock:
            dropped, self._waiting = self._waiting, []
            return dropped
