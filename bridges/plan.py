"""
From a fired bridge to action rows: targets, arguments, order, keys. Nothing is sent here.

All or nothing: when one step cannot be planned (a target that is not there, an argument that cannot be
computed, a connector that is not registered) the decision is an error with its reason, and no action is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridges.registered import Registered
from bridges.rules import Bridge, Step
from core.errors import SetupError, TielineError
from core.ids import new_id
from core.words import Json, Micros, State

SNAPSHOT = "snapshot"
"""The act of our own that assembles a snapshot."""

STEPS_MOST = 256


class PlanError(SetupError):
    """A bridge fired, but one of its steps cannot be planned."""

    code = "plan"
    title, title_zh = "A fired bridge cannot be carried out", "规则已触发但无法执行"


@dataclass(frozen=True, slots=True)
class Place:
    """An entity of the scope: its row and its master ID."""

    entity_id: int
    gid: str


@dataclass(frozen=True, slots=True)
class Firing:
    """One bridge that fired on one event, with everything its steps may refer to."""

    bridge: Bridge
    decision_id: str
    event_id: str
    seq: int
    values: Mapping[str, Json]
    places: Mapping[str, Place]
    now: Micros
    hops: int = 1
    """How many writes of our own lie behind its actions, they counted."""
    goes_first: bool = False
    """Whether it came by an urgent lane: then its actions go before the others too."""
    write_back: WriteBack | None = None
    existing: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    """Actions of an earlier handling of this event by key (a replay): they are not planned twice."""


@dataclass(slots=True)
class Planned:
    """The action rows, the fields of ours to set, actions that existed already, and notes for the decision's reader."""

    actions: list[dict[str, Any]] = field(default_factory=list)
    sets: list[tuple[str, Place, str, str]] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Mint = Callable[[str], Place]
"""Mints a master ID for an entity type."""
WriteBack = Callable[[str, Json, int, int], Json]
"""``(through, ours, entity, connector)``: what the connector should hold so that it reads as our value."""


def plan(firing: Firing, registered: Registered, mint: Mint) -> Planned:
    """Return the actions of a fired bridge, or raise PlanError or the expression's own error."""
    planned = Planned()
    made: dict[str, Place] = {}
    done: dict[str, dict[str, Json]] = {}
    bridge = firing.bridge
    for n, step in enumerate(bridge.steps):
        key = f"{bridge.name}/{firing.event_id}/{step.spec.id}"
        old = firing.existing.get(key)
        if old is not None:
            planned.again.append(old["id"])
            if step.spec.creates and old["target_id"] is not None:
                made[step.spec.id] = Place(old["target_id"], old["target_gid"])
            if old["state"] == State.DONE:
                done[step.spec.id] = brought_back(old["external_id"], old["outcome"] or {})
            continue
        if step.spec.creates:
            made[step.spec.id] = mint(step.spec.creates)
        row = _action(firing, step, key, n, registered, made)
        if step.spec.after and set(step.spec.after) <= done.keys():
            row |= {"state": State.WAITING.value, "held_by": None, "next_at": firing.now}
        row["arguments"] = {name: fill(one, done) for name, one in row["arguments"].items()}
        planned.actions.append(row)
        for left, right in step.spec.sets.items():
            alias, _, name = left.partition(".")
            if alias not in made and alias not in firing.places:
                planned.notes.append(f"{left} was not set: this event has no {alias}.")
                continue
            owner = _place(firing, made, alias, step)
            etype = step.spec.creates if alias == step.spec.id else bridge.scope[alias]
            planned.sets.append((str(etype), owner, name, _place(firing, made, right, step).gid))
    return planned


def _action(firing: Firing, step: Step, key: str, n: int, registered: Registered, made: Mapping[str, Place]) -> dict[str, Any]:
    """Return the row of one step: what is common to all, and what it does."""
    urgent = firing.bridge.is_urgent(firing.values)
    what = _snapshot(firing, step, made) if step.spec.snapshot is not None else _act(firing, step, registered, made)
    return {
        "id": new_id("act"),
        "key": key,
        "seq": firing.seq + n,
        "decision_id": firing.decision_id,
        "event_id": firing.event_id,
        "bridge": firing.bridge.name,
        "step": step.spec.id,
        "after": list(step.spec.after) or None,
        "urgent": urgent,
        "priority": 0 if urgent or firing.goes_first else 1,
        "hops": firing.hops,
        "attempts": 0,
        "fence": 0,
        "created_at": firing.now,
        "reason": None,
        "held_by": None,
        "next_at": None,
        **what,
    }


def _snapshot(firing: Firing, step: Step, made: Mapping[str, Place]) -> dict[str, Any]:
    """Return what a snapshot step does: about the bridge's subject, for the ticket that this firing makes or speaks of."""
    subject = firing.places[firing.bridge.spec.on.entity]
    ticket = next(iter(made.values()), firing.places.get("ticket"))
    return {
        "connector_id": None,
        "act": SNAPSHOT,
        "target_id": subject.entity_id,
        "order_key": f"{SNAPSHOT}:{subject.gid}",
        "arguments": {
            "recipe": step.spec.snapshot,
            "subject": subject.entity_id,
            "ticket": None if ticket is None else ticket.entity_id,
        },
        **_standing(step.spec.after, "ok", None, firing.now),
    }


def _act(firing: Firing, step: Step, registered: Registered, made: Mapping[str, Place]) -> dict[str, Any]:
    """Return what an act step does: in which connector, on which entity, with which arguments."""
    spec = step.spec
    connector = registered.find(str(spec.connector))
    if connector is None:
        raise PlanError(
            f"Step {spec.id} needs the connector {spec.connector!r}.",
            why="No connector of that name is registered.",
            fix=f"Register it with `tieline connectors add --name {spec.connector}`, then replay the event.",
        )
    arguments = step.arguments(firing.values)
    target = firing.places[firing.bridge.spec.on.entity]
    if spec.creates:
        target = made[spec.id]
        arguments["tieline_ref"] = target.gid
    elif spec.target is not None:
        target = _place(firing, made, spec.target, step)
        creating = any(one.spec.id == spec.target and one.spec.creates for one in firing.bridge.steps)
        arguments["id"] = {"$step": spec.target, "take": "external_id"} if creating else {"$entity": target.entity_id}
    arguments = {
        name: _said_there(firing, one, target, connector.id)
        if isinstance(one, dict) and "$back" in one
        else _bound(firing, made, one, step)
        for name, one in arguments.items()
    }
    _see_required(registered, step, arguments)
    return {
        "connector_id": connector.id,
        "act": spec.act,
        "target_id": target.entity_id,
        "order_key": f"{connector.name}:{target.gid}",
        "arguments": arguments,
        **_standing(spec.after, connector.state, connector.held_by, firing.now),
    }


def _see_required(registered: Registered, step: Step, arguments: Mapping[str, Json]) -> None:
    act = registered.kind_of(str(step.spec.connector)).act(str(step.spec.act))
    for one in act.arguments:
        if one.required and one.name not in arguments:
            raise PlanError(
                f"Step {step.spec.id} has nothing for the argument {one.name!r} that {act.name} needs.",
                why=f"{step.spec.arguments.get(one.name, 'Its field')} has no value.",
                fix="Ask for it in the condition with present(…), or give another value with ?: in the step.",
            )


def brought_back(external_id: str | None, outcome: Mapping[str, Json]) -> dict[str, Json]:
    """Return what later steps may take from a done one."""
    return {"external_id": external_id, "note": outcome.get("note"), **(outcome.get("fields") or {})}


def fill(argument: Json, done: Mapping[str, Mapping[str, Json]]) -> Json:
    """Replace what waits for a step by what that step brought back, if it is done."""
    if isinstance(argument, dict) and argument.get("$step") in done:
        return done[argument["$step"]].get(argument["take"])
    return argument


def _bound(firing: Firing, made: Mapping[str, Place], argument: Json, step: Step) -> Json:
    if isinstance(argument, dict) and "$id_of" in argument:
        return {"$entity": _place(firing, made, argument["$id_of"], step).entity_id}
    return argument


def _said_there(firing: Firing, argument: Mapping[str, Json], target: Place, connector_id: int) -> Json:
    """Return a value of ours as the connector says it, beside what it holds of the target now."""
    assert firing.write_back is not None, "whoever fires bridges knows the mappings"
    return firing.write_back(argument["through"], argument["$back"], target.entity_id, connector_id)


def _standing(after: tuple[str, ...], state: str, held_by: str | None, now: Micros) -> dict[str, Any]:
    """Say where a new action stands: due, behind an earlier step, or held with its connector."""
    if after:
        return {"state": State.HELD.value, "held_by": f"step:{','.join(after)}"}
    if state != "ok":
        return {"state": State.HELD.value, "held_by": held_by or "draft"}
    return {"state": State.WAITING.value, "next_at": now}


def _place(firing: Firing, made: Mapping[str, Place], name: str, step: Step) -> Place:
    found = made.get(name) or firing.places.get(name)
    if found is None:
        raise PlanError(
            f"Step {step.spec.id} speaks of {name!r}, which this event does not have.",
            why=f"The reference behind {name!r} is empty.",
            fix=f"Ask for it in the condition: present({firing.bridge.spec.join.get(name, name)}).",
        )
    return found


def refused(error: TielineError) -> str:
    """Return the reason of an error decision in one line."""
    return f"{error.code}: {error.what} {error.why}".strip()
