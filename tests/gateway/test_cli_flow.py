"""One alert's whole way, told by the command line: plan, apply, events, explain, actions, ids, replay, export."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.inbox import Inbox
from bridges.registered import Registered
from bridges.storing import Arrival
from connectors.memory.world import World, find_world
from connectors.registry import connector_class
from core.database import Database
from core.errors import RefusedError
from core.secrets import Vault
from gateway.cli import exits
from tests.gateway.cli_fixture import Run, tieline

__all__ = ["tieline"]  # a fixture

PACK = """
name: plant
title: {en: Plant, zh: 工厂}
connectors: {plant: memory}
"""
DEFINITIONS = """
kind: entity
name: alert
prefix: ALRT
title: {en: Alert, zh: 告警}
fields:
  title: {type: string}
  severity: {type: integer}
  ticket: {type: ref, to: ticket}
---
kind: entity
name: ticket
prefix: TICK
title: {en: Ticket, zh: 工单}
fields:
  title: {type: string}
---
kind: mapping
name: plant-alerts
from: {kind: memory, stream: alerts}
to: alert
fields:
  title: $.name
  severity: $.severity
---
kind: mapping
name: plant-tickets
from: {kind: memory, stream: tickets}
to: ticket
fields:
  title: $.title
---
kind: bridge
name: alert-to-ticket
on: {entity: alert, events: [created, changed]}
when: alert.severity >= 3
steps:
  - id: ticket
    connector: plant
    act: create_ticket
    creates: ticket
    sets: {alert.ticket: ticket}
    with: {title: alert.title}
"""


class Engine:
    """Handle and deliver in this process, on the same store as the commands."""

    def __init__(self, home: Path) -> None:
        self.db = Database(f"sqlite:///{home / 'tieline.db'}")
        self.registered = Registered(self.db, Vault(home / "secret.key"), connector_class)
        self.inbox = Inbox(self.db)

    def push(self, body: bytes) -> str:
        """Accept a body at the door of ``plant`` and work until nothing is due."""
        receipt = self.inbox.accept(Arrival(self.registered.row("plant").id, body)).receipt
        self.work()
        return receipt

    def work(self) -> None:
        """Handle, then deliver."""
        self.registered.refresh()
        Handler(self.db, self.registered).run()
        Deliverer(self.db, self.registered, {}, owner="test").run(budget_s=5)

    def close(self) -> None:
        """Give everything back."""
        self.inbox.close()
        self.registered.close()
        self.db.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a pack's folder."""
    made = tmp_path / "plant"
    made.mkdir()
    (made / "pack.yaml").write_text(PACK)
    (made / "definitions.yaml").write_text(DEFINITIONS)
    return made


@pytest.fixture
def world(tieline: Run, folder: Path) -> World:
    """Give the world behind the connector ``plant``, with the pack applied."""
    assert tieline("connectors", "add", "memory", "--name", "plant", "--set", "world=cli").exit_code == 0
    applied = tieline("apply", str(folder))
    assert applied.exit_code == 0, applied.output
    return find_world("cli")


@pytest.fixture
def engine(world: World, tmp_path: Path) -> Iterator[Engine]:
    """Give the engine."""
    made = Engine(tmp_path / "home")
    yield made
    made.close()


def said(tieline: Run, *words: str, code: int = 0) -> Any:
    """Return what a command says with --json."""
    found = tieline(*words, "--json")
    assert found.exit_code == code, found.output
    return orjson.loads(found.stdout)


def test_plan_says_what_would_change_and_changes_nothing(tieline: Run, folder: Path, tmp_path: Path) -> None:
    """A plan on a machine without a store lists what is new, and leaves no store behind."""
    planned = said(tieline, "plan", str(folder))
    assert {item["state"] for item in planned["items"]} == {"new"}
    assert not (tmp_path / "home").exists()
    assert "+ bridge alert-to-ticket" in tieline("plan", str(folder)).stdout


def test_a_misspelt_field_is_named_with_file_and_line(tieline: Run, folder: Path) -> None:
    """A mistake ends plan and apply with 1, names file, line and the near name, and publishes nothing."""
    path = folder / "definitions.yaml"
    path.write_text(DEFINITIONS.replace("when: alert.severity", "when: alert.sevrity"))
    line = 1 + path.read_text().splitlines().index("when: alert.sevrity >= 3")
    for words in (["plan"], ["apply", "--yes"]):
        found = tieline(words[0], str(folder), *words[1:])
        assert found.exit_code == exits.PROBLEM
        assert re.search(rf"definitions\.yaml:{line}: .*severity", found.stdout), found.stdout
    assert {item["state"] for item in said(tieline, "plan", str(folder), code=1)["items"]} == {"new"}


def test_an_applied_pack_plans_and_exports_as_unchanged(tieline: Run, world: World, folder: Path, tmp_path: Path) -> None:
    """Apply, then plan: nothing to do; export, then plan that folder: nothing to do; a change rolls back."""
    assert {item["state"] for item in said(tieline, "plan", str(folder))["items"]} == {"unchanged"}
    said(tieline, "export", str(tmp_path / "out"))
    assert {item["state"] for item in said(tieline, "plan", str(tmp_path / "out" / "plant"))["items"]} == {"unchanged"}
    (folder / "definitions.yaml").write_text(DEFINITIONS.replace("severity >= 3", "severity >= 4"))
    assert len(said(tieline, "apply", str(folder))["published"]) == 1
    assert said(tieline, "rollback", "bridge", "alert-to-ticket")["version"] == 1


def test_an_alert_is_followed_from_door_to_ticket(tieline: Run, world: World, engine: Engine) -> None:
    """Events, explain, actions and ids tell the same way, for people and for programs."""
    world.raise_alert("7001", name="Spindle hot", severity=4)
    receipt = engine.push(world.push("alerts", "7001"))
    event = said(tieline, "events", "--type", "alert.created")["items"][0]
    assert (event["external_id"], event["state"]) == ("7001", "done")
    master_id = event["master_id"]
    assert master_id in tieline("events").stdout
    told = tieline("explain", receipt)
    assert "bridge alert-to-ticket: fired" in told.stdout
    action = said(tieline, "actions", "--state", "done")["items"][0]
    assert (action["act"], action["external_id"]) == ("create_ticket", "1")
    assert "title = Spindle hot" in tieline("explain", action["id"]).stdout
    assert said(tieline, "ids", "resolve", "plant", "alert", "7001")["items"][0]["master_id"] == master_id
    assert said(tieline, "ids", "resolve", "plant", "alert", "7001", "nope", code=1)["items"][1]["master_id"] is None
    assert "Spindle hot" in tieline("ids", "show", master_id).stdout
    assert said(tieline, "doctor")["ok"]
    assert world.things["tickets"]["1"]["title"] == "Spindle hot"


def test_why_nothing_happened(tieline: Run, world: World, engine: Engine) -> None:
    """A bridge that did not fire shows the first false clause with both values."""
    world.raise_alert("7002", name="Door open", severity=2)
    receipt = engine.push(world.push("alerts", "7002"))
    told = tieline("explain", receipt).stdout
    assert "not fired" in told
    assert "alert.severity >= 3" in told
    assert "2 against 3" in told


def test_replay_is_dry_first_and_never_doubles(tieline: Run, world: World, engine: Engine) -> None:
    """Without --run nothing is touched; with it the same keys come again and have no second effect."""
    world.raise_alert("7001", name="Spindle hot", severity=4)
    receipt = engine.push(world.push("alerts", "7001"))
    dry = said(tieline, "replay", receipt)
    assert (dry["dry"], dry["deliveries"]) == (True, [receipt])
    assert "Dry run: 1 deliveries" in tieline("replay", "--since", "1h").stdout
    done = said(tieline, "replay", receipt, "--run", "--yes")
    assert (done["dry"], done["deliveries"]) == (False, [receipt])
    engine.work()
    assert len(world.things["tickets"]) == 1
    assert tieline("replay").exit_code == exits.REFUSED
    assert tieline("replay", "--since", "yesterday").exit_code == exits.USAGE
    assert tieline("replay", receipt, "--run", "--yes", "--wait", "1").exit_code == exits.PROBLEM  # no worker runs here


def test_a_dead_action_is_retried_or_skipped(tieline: Run, world: World, engine: Engine) -> None:
    """A refusal is dead with the foreign words; a person retries it, or skips it with a reason that is kept."""
    refusal = RefusedError("The plant refused.", why="It said: the valve is stuck.", fix="Free the valve.")
    for alert in ("7001", "7002"):
        world.script("act", fail=refusal)
        world.raise_alert(alert, name="Spindle hot", severity=4)
        engine.push(world.push("alerts", alert))
    first, second = (one["id"] for one in said(tieline, "actions", "--state", "dead")["items"])
    assert "the valve is stuck" in tieline("actions", "show", first).stdout
    assert said(tieline, "repairs", code=1)["items"]
    assert tieline("doctor").exit_code == exits.PROBLEM
    assert said(tieline, "actions", "retry", first)["state"] == "waiting"
    assert "no longer wanted" in said(tieline, "actions", "skip", second, "--why", "no longer wanted")["reason"]
    engine.work()
    assert said(tieline, "actions", "show", first)["state"] == "done"
    assert tieline("actions", "release", first).exit_code == exits.REFUSED
    assert tieline("actions", "skip", first).exit_code == exits.USAGE


def test_a_delivery_that_cannot_be_read_is_skipped_with_a_reason(tieline: Run, world: World, engine: Engine) -> None:
    """Until somebody decides, repairs and doctor stay red; the decision is kept, and they are green again."""
    receipt = engine.push(b'{"a": NaN}')
    assert said(tieline, "repairs", code=1)["items"]
    decided = said(tieline, "events", "skip", receipt, "--why", "a tester's body")

    assert decided["delivery"]["state"] == "skipped"
    assert "a tester's body" in decided["delivery"]["reason"]
    assert tieline("repairs").exit_code == 0
    assert tieline("events", "skip", receipt, "--why", "again").exit_code == exits.REFUSED
