"""
Deliver: claim, act, verify by reading back, record the attempt.

No transaction is open while the far side is spoken to. Results are committed in groups, each checked
against its fence. Who moves next is decided by the error's family, in ``bridges.results``.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from bridges.claims import Claimed, claim, give_back, goes_first, renew
from bridges.hands import Hands
from bridges.passing import passes
from bridges.registered import Registered
from bridges.results import Result, UnexpectedError, settle
from bridges.traced import Tracer, place_of
from core.clock import Clock, SystemClock
from core.database import Database
from core.errors import SetupError, TielineError, TransientError
from core.traces.outgoing import carrying
from core.words import Json, Outcome, Verified

OwnAct = Callable[[str, Mapping[str, Json]], Outcome]
"""An act of our own (action id, arguments), such as assembling a snapshot; handed in by the composition root."""

log = logging.getLogger("tieline.engine")

CLAIM = 64
"""Actions claimed in one commit."""

GIVE_UP_S = 60
"""How long results wait for a database that is away, after the time is up; then their leases lapse."""

LINGER_S = 0.02
"""How long finished attempts wait for others, so that one commit serves many."""

EMPTY_S = 0.05
"""How long after a claim that found nothing the next one is tried while attempts are under way."""

VERIFY_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
"""Pauses between looks when the far side needs a moment (a close is a server task in Zabbix: 0.3 - 3 s)."""


class NoTargetError(SetupError):
    """The thing to act upon has no id in that connector."""

    code = "no-target"
    title, title_zh = "The target is not known in that system", "目标在该系统中没有对应编号"


class UnverifiedError(TransientError):
    """The far side accepted the write, but reading back does not show it."""

    code = "unverified"
    title, title_zh = "Reading back does not show what was written", "回读结果与写入不符"


class Deliverer:
    """Works off due actions. One per process; several processes may run it at once."""

    def __init__(
        self,
        db: Database,
        registered: Registered,
        own_acts: Mapping[str, OwnAct],
        *,
        owner: str,
        lease_s: int = 15,
        slots: int = 8,
        tracer: Tracer | None = None,
        clock: Clock | None = None,
        pause: Callable[[float], None] = time.sleep,
        spread: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311 - jitter, not a secret
    ) -> None:
        self._db, self._registered, self._own_acts = db, registered, own_acts
        self._owner, self._lease_s, self._slots, self._tracer = owner, lease_s, slots, tracer
        self._clock, self._pause, self._spread = clock or SystemClock(), pause, spread
        self._stopping = threading.Event()
        self._hands = Hands(slots, CLAIM)
        self._ended: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._again, self._nudged = 0.0, False
        self.progress = 0
        """Counts what was claimed, settled or renewed here: a watchdog asks whether it moves."""

    def run(self, *, budget_s: float = 60) -> int:
        """Work until nothing is due, or the time is up and what was begun is finished; return how many were tried."""
        tried, until, renewed = 0, time.monotonic() + budget_s, time.monotonic()
        self._again, self._nudged = 0.0, False
        hands, ended = self._hands, self._ended
        results: list[Result] = []
        with ThreadPoolExecutor(self._slots, thread_name_prefix="deliver") as pool:
            while True:
                now = time.monotonic()
                if self._stopping.is_set():
                    self._drop_unbegun()
                elif now >= self._again and now < until and ((urgent := self._is_urgent()) or hands.is_hungry()):
                    claimed = self._claim(hands.room(urgent=urgent))
                    self.progress += len(claimed)
                    tried += len(claimed)
                    hands.take(claimed)
                    self._again = 0.0 if claimed else now + EMPTY_S
                for _ in range(hands.could_begin()):
                    pool.submit(self._work)
                if not len(hands) and not results and ended.empty():
                    return tried
                results += self._collect(wait_s=0.0 if results else min(EMPTY_S, self._lease_s / 3))
                results = self._settle(results, give_up=time.monotonic() > until + GIVE_UP_S)
                if len(hands) and time.monotonic() - renewed > self._lease_s / 3:
                    self._renew(hands.everything())
                    self.progress += 1
                    renewed = time.monotonic()

    def _work(self) -> None:
        """Attempt one action after the other for as long as one may begin; runs in several threads."""
        while (one := self._hands.begin()) is not None:
            self._db.after_writers()
            began = time.monotonic()
            result = self.attempt(one)
            self._ended.put(result)
            self._hands.end(one, time.monotonic() - began)

    def _collect(self, *, wait_s: float) -> list[Result]:
        """Return the results that have come, waiting a moment for more, so that one commit serves many."""
        found: list[Result] = []
        until = time.monotonic() + wait_s
        while len(found) < CLAIM:
            try:
                result = self._ended.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if result is None:  # nudged: there is something new to claim
                self._again, self._nudged = 0.0, True
                break
            found.append(result)
            if len(found) == 1:
                until = time.monotonic() + LINGER_S
            if not len(self._hands):
                until = 0.0
        return found

    def _is_urgent(self) -> bool:
        """Say whether something new goes first: then it is claimed although enough is claimed already."""
        if not self._nudged:
            return False
        self._nudged = False
        with self._db.read() as conn:
            return goes_first(conn, self._db.now(conn))

    def nudge(self) -> None:
        """Have a run that is under way look for due actions at once."""
        if len(self._hands):
            self._ended.put(None)

    def stop(self) -> None:
        """Claim nothing more: what is at the far side is finished, what is not begun is given back."""
        self._stopping.set()

    def _claim(self, room: Mapping[int | None, int]) -> list[Claimed]:
        try:
            claimed = claim(self._db, self._owner, limit=CLAIM, lease_s=self._lease_s, room=room)
        except Exception as error:
            if not passes(error):
                raise
            log.info("Nothing is claimed now: %s", error)
            return []  # the sweeper looks again
        return self._tracer.placed(claimed) if self._tracer is not None and claimed else claimed

    def _settle(self, results: list[Result], *, give_up: bool) -> list[Result]:
        """Write results; return those that could not be written because of an error that passes: they are kept."""
        if not results:
            return []
        try:
            settle(self._db, self._owner, results, spread=self._spread)
            self.progress += len(results)
            if self._tracer is not None:
                self._tracer.attempted(results)
        except Exception as error:
            if give_up or not passes(error):
                raise
            log.warning("%s results wait for the database: %s", len(results), error)
            self._pause(0.5)
            return results
        return []

    def _renew(self, held: list[Claimed]) -> None:
        try:
            renew(self._db, self._owner, held, lease_s=self._lease_s)
        except Exception as error:
            if not passes(error):
                raise
            log.warning("Leases could not be renewed: %s", error)

    def _drop_unbegun(self) -> None:
        """Give back what no thread has begun."""
        if unbegun := self._hands.drop():
            give_back(self._db, self._owner, unbegun)

    def attempt(self, claimed: Claimed) -> Result:
        """Try one action; whatever goes wrong becomes a result, never an exception."""
        started = self._clock.now()
        outcome: Outcome | None = None
        verified: Verified | None = None
        error: TielineError | None = None
        try:
            if claimed.traced is None:
                outcome, verified = self._act(claimed)
            else:
                outcome, verified = carrying(place_of(claimed).header(), self._act, claimed)
        except TielineError as known:
            error = known
        except Exception as unknown:
            error = UnexpectedError(
                f"The act {claimed.act} failed in a way that nobody foresaw.",
                why=self._registered.masked(claimed.connector_id, f"{type(unknown).__name__}: {unknown}"),
                fix="It is tried again; if it stays, report it with this text.",
            )
        return Result(claimed, outcome, verified, error, started, self._clock.now())

    def _act(self, claimed: Claimed) -> tuple[Outcome, Verified | None]:
        if claimed.missing:
            raise NoTargetError(
                f"The act {claimed.act} has no id for {', '.join(claimed.missing)}.",
                why="The entity it names has never been seen in that connector.",
                fix="Link its id there with the crosswalk, then retry the action.",
            )
        if claimed.connector_id is None:
            return self._own_acts[claimed.act](claimed.id, claimed.arguments), None
        connector = self._registered.open(claimed.connector_id)
        outcome = connector.act(claimed.act, claimed.arguments, key=claimed.key)
        verified = self._read_back(claimed, outcome)
        return outcome, verified

    def _read_back(self, claimed: Claimed, outcome: Outcome) -> Verified | None:
        assert claimed.connector_id is not None
        connector = self._registered.open(claimed.connector_id)
        for pause_s in (*VERIFY_PAUSES_S, None):
            try:
                verified = connector.verify(claimed.act, claimed.arguments, outcome)
            except NotImplementedError:
                return None  # nothing to read there; the attempt says so
            if verified.held:
                return verified
            if verified.final or pause_s is None:
                raise UnverifiedError(
                    f"{claimed.act} was accepted, but the system does not show it.",
                    why=verified.why or f"It shows {verified.seen}.",
                    fix="It is tried again; the same key has one effect.",
                )
            self._pause(pause_s)
        raise AssertionError("unreachable")
