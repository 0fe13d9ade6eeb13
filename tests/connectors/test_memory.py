"""The in-memory twin keeps every law, and its bad days are as scripted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from connectors.kit import lawbook
from connectors.kit.lawbook import Landscape
from connectors.kit.laws import ConnectorLaws
from connectors.memory.connector import Memory
from connectors.memory.kind import MemorySettings
from connectors.memory.parse import read_body
from connectors.memory.world import World, end_world, find_world, too_late
from core.errors import (
    CredentialsError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    TielineError,
    TransientError,
    UnreachableError,
)

ALERT = {"id": "7001", "name": "Spindle hot", "severity": 4, "status": "problem", "acknowledged": False}
REST = {"manual_close": True, "notes": [], "at": "2026-01-01T00:00:00Z"}


def _bad_day(world: World, word: str) -> None:
    why, fix = f"It said: {lawbook.FOREIGN}.", "Free the valve."
    if word == "silent":
        for call in ("check", "poll", "lookup", "act"):
            world.script(call, fail=too_late("scripted"), times=20)
        return
    errors: dict[str, TielineError] = {
        "unauthorised": CredentialsError("No.", why=why, fix=fix),
        "forbidden": PermissionDeniedError("No.", why=why, fix=fix),
        "busy": RateLimitedError("No.", retry_after=lawbook.WAIT_S, why=why, fix=fix),
        "down": TransientError("No.", why=why),
        "refused": RefusedError("No.", why=why, fix=fix),
    }
    for call in ("check", "poll", "lookup", "act"):
        world.script(call, fail=errors[word], times=20)


class TestMemory(ConnectorLaws):
    connector = Memory
    acts = {  # noqa: RUF012 - the laws declare it as a ClassVar
        "create_ticket": {"title": "Spindle hot", "machine": "M-17", "tieline_ref": "TICK-2026-000001", "text": "see note"},
        "update_ticket": {"id": "1", "status": "resolved"},
        "add_message": {"id": "1", "text": "the note"},
        "acknowledge": {"id": "7001", "message": "seen"},
        "close_problem": {"id": "7001", "message": "done"},
    }
    lookups = {  # noqa: RUF012 - the laws declare it as a ClassVar
        "cpu_mean": {"machine": "M-17", "hours": 1},
        "stock": {"code": "P-1"},
        "recent_tickets": {"machine": "M-17", "limit": 3},
    }
    pushed = (orjson.dumps({"alert": {**ALERT, **REST}}),)
    unknown_word = orjson.dumps({"alert": {**ALERT, **REST, "status": "on fire"}})

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        """Give a world with two alerts, two tickets, figures, and a token."""
        end_world("law")
        world = find_world("law")
        world.token = "t0ken-of-the-law"
        world.raise_alert("7001", name="Spindle hot", severity=4, machine="M-17", part="P-1")
        world.raise_alert("7002", name="漏油", severity=2)
        world.open_ticket("Spindle hot", machine="M-17")
        world.open_ticket("Ölwechsel", machine="M-18")
        world.figures["cpu_mean", "M-17"] = {"mean": 71.5, "samples": 60, "unit": "%"}
        settings = {"world": "law", "token": "t0ken-of-the-law"}
        yield Landscape(settings, trouble=lambda word: _bad_day(world, word), calm=world.calm, writes=lambda: world.writes)
        end_world("law")


@pytest.fixture
def world() -> Iterator[World]:
    """Give a fresh world."""
    end_world("test")
    yield find_world("test")
    end_world("test")


@pytest.fixture
def memory(world: World) -> Memory:
    """Give a connector in that world."""
    return Memory("m", MemorySettings(world="test"))


def test_a_lie_is_executed_and_told_again_it_is_found(world: World, memory: Memory) -> None:
    """An act whose answer was lost has happened; the same key finds it, and nothing is written twice."""
    world.script("act", lie=True)
    with pytest.raises(UnreachableError):
        memory.act("create_ticket", {"title": "x"}, key="k")
    again = memory.act("create_ticket", {"title": "x"}, key="k")
    assert (again.repeated, again.external_id, world.writes) == (True, "1", 1)


def test_scripted_failures_are_used_up_in_order(world: World, memory: Memory) -> None:
    """The next n calls fail as scripted, then all is well; one act by name can fail alone."""
    world.script("act", fail=TransientError("No.", why="Maintenance."), times=2)
    world.script("add_message", fail=RefusedError("No.", why="Locked.", fix="Unlock."))
    for _ in range(2):
        with pytest.raises(TransientError):
            memory.act("create_ticket", {"title": "x"}, key="k")
    assert memory.act("create_ticket", {"title": "x"}, key="k").repeated is False
    with pytest.raises(RefusedError):
        memory.act("add_message", {"id": "1", "text": "t"}, key="k2")


def test_a_slow_lookup_ends_at_the_callers_timeout(world: World, memory: Memory) -> None:
    """A lookup slower than the caller can wait ends in time; a slow one within it answers late."""
    world.figures["stock", "P-1"] = {"quantity": 3, "unit": "piece"}
    world.script("lookup", slow_s=5)
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        memory.lookup("stock", {"code": "P-1"}, timeout_s=0.1)
    world.script("lookup", slow_s=0.1)
    assert memory.lookup("stock", {"code": "P-1"}, timeout_s=2).values["quantity"] == 3
    assert 0.2 <= time.monotonic() - began < 2


def test_an_alert_that_forbids_manual_close_is_acknowledged_and_says_so(world: World, memory: Memory) -> None:
    """Closing what must not be closed degrades to a note, and the outcome says it."""
    world.raise_alert("1", name="x", manual_close=False)
    outcome = memory.act("close_problem", {"id": "1", "message": "fixed"}, key="k")
    seen = world.get("alerts", "1")
    assert outcome.degraded
    assert (seen["status"], seen["acknowledged"]) == ("problem", True)
    assert "forbids manual close" in str(outcome.note)
    assert memory.verify("close_problem", {"id": "1", "message": "fixed"}, outcome).held


def test_a_write_that_a_person_undid_is_not_held(world: World, memory: Memory) -> None:
    """Reading back compares with what is there now."""
    world.open_ticket("x")
    outcome = memory.act("update_ticket", {"id": "1", "status": "closed"}, key="k")
    world.change("tickets", "1", status="open")
    verified = memory.verify("update_ticket", {"id": "1", "status": "closed"}, outcome)
    assert not verified.held
    assert "status is 'open'" in verified.why


def test_a_push_and_a_poll_tell_the_same(world: World, memory: Memory) -> None:
    """The pushed body of a ticket and its polled page give one and the same record, master ID and version included."""
    memory.act("create_ticket", {"title": "x", "tieline_ref": "TICK-2026-000001"}, key="k")
    page = memory.poll("tickets", None)
    polled, pushed = read_body(page.body), read_body(world.push("tickets", "1"))
    assert polled == pushed
    assert (polled[0].hint, polled[0].actor, polled[0].version) == ("TICK-2026-000001", "tieline", "1")


def test_the_cursor_gives_each_change_once(world: World, memory: Memory) -> None:
    """After a page only what changed since comes again, oldest first."""
    for n in range(5):
        world.raise_alert(str(n), name="x")
    first = memory.poll("alerts", None, 3)
    world.change("alerts", "0", status="resolved")
    second = memory.poll("alerts", first.cursor, 10)
    assert (first.count, first.more, second.count, second.more) == (3, True, 3, False)
    assert [one["id"] for one in orjson.loads(second.body)["records"]] == ["3", "4", "0"]
    assert memory.poll("alerts", second.cursor).count == 0


@pytest.mark.parametrize("missing", ["ticket.create", "alert.close"])
def test_check_names_the_missing_permission(world: World, memory: Memory, missing: str) -> None:
    """Each permission is a step of its own; the missing one is named with its fix, and the act says the same."""
    world.missing_permissions.add(missing)
    failed = [step for step in memory.check().steps if not step.ok]
    assert [step.name for step in failed] == [f"permission:{missing}"]
    assert missing in failed[0].fix
