"""
The engine as a state machine: whatever happens in whatever order, nothing is lost and the books balance after every step.

Hypothesis chooses: deliveries (new, the same again, another body under a known id), handlers and workers that crash before
or after their commit, far sides that fail, lie or refuse, leases that lapse, stale workers, holds, releases, retries, skips,
replays, time, archiving and pruning. Beside the rows stands a small model: which ids were promised, which leases run, and what
the far side did. ``test_machine`` runs it at random, ``test_machine_faults`` sees that it would notice faults of the engine.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from bridges import replay, retention
from bridges.accounting import balance
from bridges.actions import retry, skip
from bridges.claims import Claimed, claim
from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.holds import hold, release
from bridges.polls import Poller
from bridges.registered import Registered
from bridges.replay import Choice
from bridges.results import Result, settle
from connectors.memory.world import end_world, find_world
from connectors.registry import connector_class
from core.clock import SECOND, FixedClock
from core.database import Database
from core.errors import ConflictError, CredentialsError, RefusedError, TransientError
from core.ids import new_id
from core.secrets import Vault
from core.tables import action, connector, delivery
from core.words import State
from tests.bridges.plant import ENTITIES, MAPPINGS, STATES_BRIDGE, Plant, publish_all

LEASE_S = 15
THINGS = st.sampled_from(["7001", "7002", "7003"])
PICK = st.integers(0, 999)
"""Which of those that are there; the first ones come first when an example is shrunk."""
FAULTS = {
    "transient": TransientError("Slow.", why="Timeout."),
    "refused": RefusedError("No.", why="It says no.", fix="Ask."),
    "credentials": CredentialsError("Expired.", why="Old.", fix="Renew."),
}
POLICY = retention.Policy(live_days=1, archive_days=3, dedupe_days=400)


class Engine(RuleBasedStateMachine):
    """The engine over real rows, with two workers."""

    new_url: ClassVar[Callable[[], str]]
    drop: ClassVar[Callable[[str], None]] = staticmethod(lambda _url: None)

    @initialize()
    def begin(self) -> None:
        """Start with empty rows, two systems and one bridge that acts on every state."""
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.url = type(self).new_url()
        self.clock = FixedClock()
        self.db = Database(self.url, clock=self.clock)
        self.registered = Registered(self.db, Vault(self.folder / "secret.key"), connector_class)
        worlds, ids = {}, {}
        for name in ("monitoring", "tickets"):
            world = new_id("w")
            ids[name] = self._add(name, world)
            worlds[name] = find_world(world)
            worlds[name].clock = self.clock
        self.world_names = [str(row["settings"]["world"]) for row in self._rows(connector)]
        publish_all(self.db, [*ENTITIES, *MAPPINGS, STATES_BRIDGE])
        deliverer = Deliverer(
            self.db, self.registered, {}, owner="w0", clock=self.clock, pause=lambda _: None, spread=lambda: 0.0
        )
        handler, poller = Handler(self.db, self.registered, owner="h0"), Poller(self.db, self.registered, owner="p0")
        self.plant = Plant(self.db, self.clock, self.registered, handler, deliverer, poller, worlds, ids)
        self.second = Handler(self.db, self.registered, owner="h1")
        self.n = 0
        self.promised: dict[str, bytes] = {}
        self.hands: dict[str, list[Claimed]] = {"w0": [], "w1": []}
        self.acted: list[Result] = []
        self.owners: dict[str, str] = {}
        self.leased: dict[str, int] = {}
        self.unreadable: set[str] = set()

    def _add(self, name: str, world: str) -> int:
        with self.db.write() as conn:
            now = self.db.now(conn)
            row = {"name": name, "kind": "memory", "settings": {"world": world}, "state": "ok", "breaker_failures": 0,
                   "created_at": now, "updated_at": now}  # fmt: skip
            made = conn.execute(connector.insert().values(row)).inserted_primary_key
            assert made is not None
            return int(made[0])

    def _rows(self, table: Any, *where: Any) -> list[Any]:
        with self.db.read() as conn:
            return list(conn.execute(select(table).where(*where)).mappings())

    def teardown(self) -> None:
        """Mend everything, let it drain, and see that all has come to an end that says why."""
        if not hasattr(self, "plant"):
            return
        try:
            self.drain()
        finally:
            self.end()

    def end(self) -> None:
        """Leave nothing behind."""
        self.registered.close()
        self.db.close()
        for name in self.world_names:
            end_world(name)
        type(self).drop(self.url)
        shutil.rmtree(self.folder, ignore_errors=True)

    def look(self) -> None:
        """See that everything holds that must hold after every step."""
        self.books_balance()
        self.promise_is_kept()
        self.done_is_done()
        self.dead_letters_stay()

    def drain(self) -> None:
        """Mend everything and let all that waits come to its end."""
        for world in self.plant.worlds.values():
            world.calm()
        self.let_go()
        for _ in range(14):  # as often as anything is tried
            self.clock.move(90_000)  # every lease lapses, every retry is due, every breaker closes
            self.plant.work()
        self.look()
        assert self._rows(delivery, delivery.c.state.in_([State.WAITING, State.HELD])) == [], "a delivery was left"
        dead = {(row["order_key"], row["seq"]) for row in self._rows(action, action.c.state == State.DEAD)}
        for row in self._rows(action, action.c.state == State.WAITING):  # a person has to decide about a dead one first
            told = {name: row[name] for name in ("step", "order_key", "seq", "next_at", "lease_until", "attempts", "reason")}
            assert any(key == row["order_key"] and seq < row["seq"] for key, seq in dead), f"an action was left: {told}"
        held = [(row["step"], row["held_by"], row["reason"]) for row in self._rows(action, action.c.state == State.HELD)]
        assert [one for one in held if not str(one[1]).startswith("dead:")] == [], "an action was left held"

    # what arrives

    @rule(thing=THINGS, severity=st.integers(1, 5))
    def push(self, thing: str, severity: int) -> None:
        """A system tells a new state of a thing."""
        self.n += 1
        seen = self.plant.monitoring.raise_alert(thing, name=f"state {self.n}", severity=severity, machine="press-07")
        key = f"id-{self.n}"
        self.plant.push("monitoring", {"alert": seen}, key)
        self.promised[key] = self._rows(delivery, delivery.c.external_id == key)[0]["body"]

    @precondition(lambda self: self.promised)
    @rule(pick=PICK)
    def push_again(self, pick: int) -> None:
        """The same comes again: it is known, also long after it was archived or pruned."""
        key = _picked(sorted(self.promised), pick)
        before = balance(self.db).accepted
        self.plant.push("monitoring", self.promised[key], key)
        assert balance(self.db).accepted == before, "what is known was accepted again"

    @rule()
    def push_nonsense(self) -> None:
        """A body that nobody can read is accepted and becomes a dead letter, never lost."""
        self.n += 1
        self.plant.push("monitoring", b"{not json", f"bad-{self.n}")
        self.unreadable.add(f"bad-{self.n}")

    # who works

    @rule(second=st.booleans())
    def handle(self, second: bool) -> None:
        """One of two handlers works off what waits."""
        (self.second if second else self.plant.handler).run()

    @rule(owner=st.sampled_from(["w0", "w1"]), limit=st.integers(1, 8))
    def take(self, owner: str, limit: int) -> None:
        """A worker claims; nobody else may have the same at that time."""
        claimed = claim(self.db, owner, limit=limit, lease_s=LEASE_S)
        now = self.clock.now()
        for one in claimed:
            assert one.target_id is not None
            assert self.leased.get(one.id, 0) < now, "somebody else's lease had not lapsed"
            self.leased[one.id] = now + LEASE_S * SECOND
        self.hands[owner] += claimed

    @precondition(lambda self: any(self.hands.values()))
    @rule(pick=PICK, fault=st.sampled_from(["none", "none", "none", "lie", *FAULTS]))
    def attempt(self, pick: int, fault: str) -> None:
        """A worker tries what it holds; the far side does it, fails, refuses, or does it and says that it failed."""
        owner = _picked(sorted(name for name, held in self.hands.items() if held), pick)
        one = self.hands[owner].pop(0)
        world = self.plant.worlds[self.registered.row(one.connector_id or 0).name]
        if fault in FAULTS:
            world.script("act", fail=FAULTS[fault])
        result = self.plant.deliverer.attempt(one)
        if fault == "lie" and result.error is None:
            result = Result(one, None, None, FAULTS["transient"], result.started_at, result.ended_at)
        world.calm()
        self.owners[one.id] = owner
        self.acted.append(result)

    @precondition(lambda self: self.acted)
    @rule(pick=PICK)
    def settle_one(self, pick: int) -> None:
        """A result is written, in time or long after somebody else took over."""
        result = self.acted.pop(pick % len(self.acted))
        before = self._rows(action, action.c.id == result.claimed.id)
        settle(self.db, self.owners[result.claimed.id], [result], spread=lambda: 0.0)
        if before and before[0]["fence"] != result.claimed.fence:
            after = self._rows(action, action.c.id == result.claimed.id)
            assert after == before, "a stale worker changed what was taken over"
        else:
            self.leased.pop(result.claimed.id, None)

    @rule()
    def crash(self) -> None:
        """All workers die with what they hold and what they had not written."""
        self.hands = {name: [] for name in self.hands}
        self.acted.clear()

    @rule(seconds=st.sampled_from([1, 16, 60, 700, 8_000, 90_000, 200_000]))
    def pass_time(self, seconds: int) -> None:
        """Time passes: leases lapse, retries fall due, what has ended grows old."""
        self.clock.move(seconds)

    # what people do

    @rule(name=st.sampled_from(["monitoring", "tickets"]))
    def hold_by_hand(self, name: str) -> None:
        """A person holds a connector."""
        with self.db.write() as conn:
            hold(conn, self.plant.ids[name], by="person:x", now=self.db.now(conn))
        self.registered.refresh()

    @rule()
    def let_go(self) -> None:
        """Everything that is held goes on."""
        for row in self._rows(connector, connector.c.state != "ok"):
            with self.db.write() as conn:
                release(conn, row["id"], now=self.db.now(conn))
        self.registered.refresh()

    @precondition(lambda self: self._rows(action, action.c.state == State.DEAD))
    @rule(again=st.booleans())
    def decide(self, again: bool) -> None:
        """A person retries a dead action, or skips it with a reason."""
        dead = self._rows(action, action.c.state == State.DEAD)[0]["id"]
        with self.db.write() as conn:
            if again:
                retry(conn, dead, by="person:li", now=self.db.now(conn))
            else:
                try:
                    skip(conn, dead, by="x", reason="not needed", now=self.db.now(conn))
                except ConflictError:
                    return

    @precondition(lambda self: self._rows(delivery, delivery.c.state != State.WAITING))
    @rule(pick=PICK, dry=st.booleans())
    def replay_one(self, pick: int, dry: bool) -> None:
        """A delivery is replayed, or would be: the dry run leaves no trace."""
        receipt = _picked([row["receipt"] for row in self._rows(delivery, delivery.c.state != State.WAITING)], pick)
        if dry:
            before = (self._rows(delivery), self._rows(action))
            replay.plan(self.db, self.registered, Choice(id=receipt))
            assert (self._rows(delivery), self._rows(action)) == before, "a dry run left a trace"
        else:
            replay.run(self.db, Choice(id=receipt), by="test")

    @rule()
    def keep_and_forget(self) -> None:
        """What has ended for long is archived, and what was archived for long is pruned."""
        retention.run(self.db, POLICY, pause=lambda _: None)

    # what must hold after every step

    @invariant()
    def books_balance(self) -> None:
        """The accounting identity."""
        if hasattr(self, "plant"):
            problems = balance(self.db).problems
            assert problems == [], problems

    @invariant()
    def promise_is_kept(self) -> None:
        """Of each thing the far side's states came in order, each effect once, under the key it was asked for."""
        if not hasattr(self, "plant"):
            return
        for world in self.plant.worlds.values():
            assert world.writes == len(world.effects), "one key had two effects"
        told: dict[str, int] = {}
        for outcome in self.plant.monitoring.effects.values():
            thing, notes = str(outcome.fields["id"]), outcome.fields["notes"]
            number = int(str(notes[-1]).removeprefix("state "))
            assert number > told.get(thing, 0), f"{thing} was told {notes[-1]} after state {told[thing]}"
            told[thing] = number

    @invariant()
    def done_is_done(self) -> None:
        """What is done in our rows was done at the far side, under that key."""
        if not hasattr(self, "plant"):
            return
        for row in self._rows(action, action.c.state == State.DONE):
            world = self.plant.worlds[self.registered.row(row["connector_id"]).name]
            assert row["key"] in world.effects, f"{row['key']} is done, and nothing happened there"

    @invariant()
    def dead_letters_stay(self) -> None:
        """What nobody could read is at hand until a person decides about it, however old it is."""
        if hasattr(self, "plant"):
            here = {row["external_id"] for row in self._rows(delivery, delivery.c.external_id.like("bad-%"))}
            assert here == self.unreadable, "dead letters stay"


def _picked(those: list[str], pick: int) -> str:
    return those[pick % len(those)]
