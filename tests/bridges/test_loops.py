"""
Loop guards: two systems that answer each other for ever are stopped, and nothing is dropped by that.

Two in-memory systems hold the same work; bridges carry its title to the other one. Each system has a rule of its own that
adds a mark to every title it is given, so what comes back is never what we wrote: no echo is recognised.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import event as listening

from bridges import explain, replay
from bridges.accounting import balance
from bridges.actions import release
from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.holds import hold
from bridges.holds import release as release_connector
from bridges.loops import WINDOW_S, Guards, forget, let_go_on
from bridges.polls import Poller
from bridges.registered import Registered
from connectors.memory.world import find_world
from core.clock import FixedClock
from core.database import Database
from core.ids import new_id
from core.repairs import open_keys
from core.tables import spent
from tests.bridges.conftest import AddConnector
from tests.bridges.plant import TITLE, Plant, publish_all

MARKS = {"left": "?", "right": "!"}


def _entity(name: str, prefix: str, other: str) -> dict[str, Any]:
    fields = {"title": {"type": "string"}, "status": {"type": "string"}, other: {"type": "ref", "to": other}}
    return {"kind": "entity", "name": name, "prefix": prefix, "title": TITLE, "fields": fields}


def _mapping(name: str, connector: str) -> dict[str, Any]:
    origin = {"kind": "memory", "connector": connector, "stream": "tickets"}
    fields = {"title": "$.title", "status": "$.status"}
    return {"kind": "mapping", "name": f"{connector}-{name}", "from": origin, "to": name, "fields": fields}


def _carry(name: str, other: str, connector: str) -> dict[str, Any]:
    step = {"id": "tell", "connector": connector, "act": "update_ticket", "target": other, "with": {"title": f"{name}.title"}}
    return {
        "kind": "bridge",
        "name": f"{name}-to-{other}",
        "on": {"entity": name, "events": ["changed"], "fields": ["title"]},
        "join": {other: f"{name}.{other}"},
        "when": f"present({name}.{other})",
        "steps": [step],
    }


OPEN: dict[str, Any] = {
    "kind": "bridge",
    "name": "job-opens-ticket",
    "on": {"entity": "job", "events": ["created"]},
    "when": "present(job.title)",
    "steps": [
        {
            "id": "ticket",
            "connector": "right",
            "act": "create_ticket",
            "creates": "ticket",
            "sets": {"job.ticket": "ticket", "ticket.job": "job"},
            "with": {"title": "job.title"},
        }
    ],
}
DEFINITIONS = [
    _entity("job", "JOB", "ticket"),
    _entity("ticket", "TICK", "job"),
    _mapping("job", "left"),
    _mapping("ticket", "right"),
    OPEN,
    _carry("job", "ticket", "right"),
    _carry("ticket", "job", "left"),
]


class PingPong(Plant):
    """Two systems that answer each other."""

    actor: str | None = None
    """Under whose name their own rules act; None: under that of whoever wrote last."""

    marked = 0

    def look(self, guards: Guards) -> None:
        """Work from now on under these guards."""
        self.handler = Handler(self.db, self.registered, owner="test-handler", guards=guards)

    def begin(self) -> None:
        """Let somebody open a job on the left, and see its ticket on the right."""
        self.worlds["left"].open_ticket("Oil", actor="li")
        self.tell("left")
        self.work()
        self.tell("right")
        self.work()

    def tell(self, name: str) -> None:
        """Push everything of one system as it is now."""
        for id_ in self.worlds[name].things["tickets"]:
            self.push(name, self.worlds[name].push("tickets", id_))

    def answer(self, rounds: int) -> int:
        """Let both systems mark what they were given and tell of it, round after round; return how many writes that made."""
        before = self.writes
        for _ in range(rounds):
            for name, mark in MARKS.items():
                world = self.worlds[name]
                for id_, thing in list(world.things["tickets"].items()):
                    if not str(thing["title"]).endswith(mark):
                        actor = thing["actor"] if self.actor is None else self.actor
                        self.marked += 1
                        world.change("tickets", id_, title=f"Oil {self.marked}{mark}", actor=actor)
                        self.push(name, world.push("tickets", id_))
                self.work()
                self.clock.move(1)
        return self.writes - before

    @property
    def writes(self) -> int:
        """How many effects there were in both systems."""
        return sum(world.writes for world in self.worlds.values())

    def repairs(self) -> set[str]:
        """Return the keys of the open repairs of loop guards."""
        with self.db.read() as conn:
            return open_keys(conn, "loop:") | open_keys(conn, "write-budget:")

    def held(self) -> list[Any]:
        """Return the held actions."""
        return [row for row in self.actions if row["state"] == "held"]


@pytest.fixture
def pair(db: Database, clock: FixedClock, registered: Registered, add_connector: AddConnector) -> PingPong:
    """Give the two systems with one job on the left and its ticket on the right."""
    ids, worlds = {}, {}
    for name in MARKS:
        world = f"{name}-{new_id('w')}"
        ids[name], worlds[name] = add_connector(name, world=world), find_world(world)
        worlds[name].clock = clock
    publish_all(db, DEFINITIONS)
    deliverer = Deliverer(db, registered, {}, owner="d", clock=clock, pause=lambda _: None, spread=lambda: 0.0)
    poller = Poller(db, registered, owner="p")
    made = PingPong(db, clock, registered, Handler(db, registered, owner="h"), deliverer, poller, worlds, ids)
    made.begin()
    return made


def test_without_a_guard_it_never_ends(pair: PingPong) -> None:
    """Each of fifteen rounds makes the next one: what the guards are for."""
    pair.look(Guards(hops=0, writes=0))
    assert pair.answer(15) >= 29
    assert pair.answer(5) == 10


def test_hops_end_it(pair: PingPong) -> None:
    """After as many writes in a row as the setting allows the event is held: who, why, and what to do are said."""
    pair.look(Guards(hops=8, writes=0))
    before = pair.writes
    pair.answer(12)
    assert pair.answer(3) == 0
    chain = [row["hops"] for row in pair.actions[1:]]  # the first one opened the ticket
    assert chain == list(range(1, 9)), "each write of the chain knows how many are behind it"
    assert pair.writes - before == 8
    [event] = [row for row in pair.events if row["state"] == "held"]
    assert (event["hops"], event["cause"]) == (8, pair.actions[-1]["id"])
    assert event["held_by"] in {f"repair:{key}" for key in pair.repairs()}
    assert event["changes"], "what happened there is known all the same"
    with pair.db.read() as conn:
        trail = explain.event(conn, event["id"])
    told = "\n".join(trail["summary"])
    assert "8 in a row" in told
    assert f"follows from our own write {event['cause']}, the 8th in a row" in told
    assert f"tieline replay {event['id']}" in trail["events"][0]["repair"]["fix"]
    assert balance(pair.db).problems == []


def test_a_person_decides_about_the_chain(pair: PingPong) -> None:
    """A release of the connector does not let the chain go on; a replay begins it anew, once; a mended bridge ends it."""
    pair.look(Guards(hops=4, writes=0))
    pair.answer(10)
    [event] = [row for row in pair.events if row["state"] == "held"]
    [receipt] = [row["receipt"] for row in pair.deliveries if row["state"] == "held"]
    with pair.db.write() as conn:
        for connector_id in pair.ids.values():
            hold(conn, connector_id, by="person:li", now=pair.clock.now())
            release_connector(conn, connector_id, now=pair.clock.now())
    pair.registered.refresh()
    before = pair.writes
    pair.work()
    assert pair.writes == before
    assert [row["state"] for row in pair.events if row["id"] == event["id"]] == ["held"]
    planned = replay.plan(pair.db, pair.registered, replay.Choice(id=event["id"]))
    assert len(planned.actions) == 1
    replay.run(pair.db, replay.Choice(id=event["id"]), by="person:li")
    pair.work()
    assert pair.writes == before + 1
    assert pair.repairs() == set()
    assert pair.answer(10) == 3, "the chain was begun anew, and ends where it ended before"
    assert [row["state"] for row in pair.deliveries if row["receipt"] == receipt] == ["done"]
    assert balance(pair.db).problems == []


def test_what_people_say_is_no_hop(pair: PingPong) -> None:
    """However fast two people answer each other through us: where the system names them, nothing is held."""
    pair.look(Guards(hops=3, writes=0))
    pair.actor = "li"
    assert pair.answer(8) >= 15
    assert pair.repairs() == set()


def test_a_late_change_is_no_hop(pair: PingPong) -> None:
    """A change long after our write does not follow from it."""
    pair.look(Guards(hops=3, writes=0))
    for _ in range(5):
        assert pair.answer(1) > 0
        pair.clock.move(120)
    assert pair.repairs() == set()


def test_the_budget_holds_what_is_beyond_it(pair: PingPong) -> None:
    """A loop under another name is slowed to the budget: held with reason and next time, in order, and never dropped."""
    pair.look(guards := Guards(hops=8, writes=5))
    pair.actor = "rules"
    made = pair.answer(30)
    assert made == 10, "five a bridge"
    assert pair.repairs() == {"write-budget:job-to-ticket"}
    [row] = pair.held()
    assert row["held_by"].startswith("budget:job-to-ticket:JOB-2026-")
    assert pair.clock.now() < row["next_at"] <= pair.clock.now() + WINDOW_S * 1_000_000
    assert "more than 5 writes in 10 minutes" in row["reason"]
    assert let_go_on(pair.db, guards) == 0, "its time has not come"
    pair.clock.move(WINDOW_S)
    assert let_go_on(pair.db, guards) == 1
    assert pair.repairs() == set()
    assert pair.answer(30) == 10
    assert balance(pair.db).problems == []
    assert {row["state"] for row in pair.actions} == {"done", "held"}


def test_what_is_held_goes_on_in_order_as_much_in_each_window(pair: PingPong) -> None:
    """Twelve changes by a script under a budget of five: five at once, five later, two after that, in their order."""
    pair.look(guards := Guards(hops=8, writes=5))
    left = pair.worlds["left"]
    for n in range(12):
        left.change("tickets", "1", title=f"state {n}", actor="script")
        pair.tell("left")
        pair.work()

    def told() -> str:
        return str(pair.worlds["right"].get("tickets", "1")["title"])

    assert told() == "state 4"
    assert len(pair.held()) == 7
    with pair.db.write() as conn:
        hold(conn, pair.ids["right"], by="person:li", now=pair.clock.now())
        release_connector(conn, pair.ids["right"], now=pair.clock.now())
    assert len(pair.held()) == 7, "a release of the connector is not one of the budget"
    seen = []
    for _ in range(3):
        pair.clock.move(WINDOW_S)
        let_go_on(pair.db, guards)
        pair.work()
        seen.append((told(), len(pair.held())))
    assert seen == [("state 9", 2), ("state 11", 0), ("state 11", 0)]
    assert pair.repairs() == set()
    pair.clock.move(WINDOW_S)
    assert forget(pair.db, pause=lambda _: None) == 1
    assert pair.rows(spent) == []


def test_two_healers_give_a_window_away_once(pair: PingPong) -> None:
    """Several workers heal at the same time: what is freed is freed once, and no more than a window allows."""
    pair.look(guards := Guards(hops=8, writes=5))
    left = pair.worlds["left"]
    for n in range(15):
        left.change("tickets", "1", title=f"state {n}", actor="script")
        pair.tell("left")
    pair.work()
    pair.clock.move(WINDOW_S)
    freed: list[int] = []
    healers = [threading.Thread(target=lambda: freed.append(let_go_on(pair.db, guards))) for _ in range(4)]
    for one in healers:
        one.start()
    for one in healers:
        one.join()
    assert sorted(freed) == [0, 0, 0, 5]
    assert [row["n"] for row in pair.rows(spent)] == [5]
    pair.work()
    assert pair.worlds["right"].get("tickets", "1")["title"] == "state 9"


def test_a_person_lets_one_go_on(pair: PingPong) -> None:
    """A single held action can be released before its time."""
    pair.look(Guards(hops=8, writes=5))
    pair.actor = "rules"
    pair.answer(30)
    [row] = pair.held()
    with pair.db.write() as conn:
        release(conn, row["id"], now=pair.clock.now())
    before = pair.writes
    pair.work()
    assert pair.writes == before + 1


@pytest.mark.parametrize("count", [5, 30])
def test_the_guards_cost_two_statements_a_batch(pair: PingPong, count: int) -> None:
    """However many events of a batch make bridges act again, the budget is read once and written once."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "spent" in statement:
            seen.append(statement.split()[0])

    for n in range(count):
        left = pair.worlds["left"].change("tickets", "1", title=f"state {n}", actor="script")
        pair.push("left", {"ticket": left})
    listening.listen(pair.db.engine, "before_cursor_execute", note)
    try:
        pair.handler.run()
    finally:
        listening.remove(pair.db.engine, "before_cursor_execute", note)
    assert seen == ["SELECT", "INSERT"]
    assert [row["n"] for row in pair.rows(spent)] == [count]


def test_new_things_spend_nothing(pair: PingPong) -> None:
    """The first event of a thing is not counted: where each thing comes once, no window is written."""
    for n in range(8):
        pair.push("left", {"ticket": {**pair.worlds["left"].open_ticket(f"Job {n}", actor="li")}})
    pair.work()
    assert pair.rows(spent) == []
