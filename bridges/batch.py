"""
One batch on its way: items become observations, events, decisions and actions, in memory.

Order is the order of acceptance. What an item learns is known to the next one. Nothing is written
here; ``bridges.writes`` writes the whole batch with a few statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from bridges.echoes import Key, echo_of
from bridges.kept import Kept
from bridges.loops import USUAL, Cause, Guards, Spending, asked_again, cause_of, is_stopped, stop
from bridges.moves import Move
from bridges.parsed import Item
from bridges.plan import Firing, Place, Planned, plan, refused
from bridges.registered import Registered
from bridges.rules import Bridge, Rules
from bridges.writeback import Held, write_back
from core.clock import to_rfc3339
from core.database import Database
from core.errors import SetupError, TielineError
from core.ids import derived_id, new_id
from core.repairs import close_repair, open_keys, open_repair
from core.words import Json, Micros, Origin, State, Verdict
from mappings.catalogue import Catalogue
from mappings.formulas import recompute
from mappings.identity import UnknownShapeError, current, mint
from mappings.scope import Loaded, Scope, Want, build_scope, load_scopes
from mappings.values import OWN, OWN_NAME, Differences, Stamp, differences, own_value

_HANDLED = (State.DONE, State.SKIPPED)


@dataclass(slots=True)
class Rows:
    """Everything a batch will write."""

    events: list[dict[str, Any]] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    values: dict[tuple[int, str, int], dict[str, Any]] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    applied: dict[int, dict[str, Any]] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    unchanged: dict[int, int] = field(default_factory=dict)

    def add(self, found: Differences) -> None:
        """Keep the rows of what is new; of several values under one key the last counts."""
        self.observations += found.observations
        self.values.update({(row["entity_id"], row["field"], row["connector_id"]): row for row in found.values})


@dataclass(slots=True)
class Batch:
    """The working memory of one transaction."""

    db: Database
    conn: Connection
    registered: Registered
    catalogue: Catalogue
    rules: Rules
    now: Micros
    ledger: Mapping[Key, list[Mapping[Any, Any]]]
    earlier: Mapping[tuple[int, int], Mapping[Any, Any]] = field(default_factory=dict)
    """Events of these deliveries from an earlier handling (a replay), by (delivery id, n)."""
    acted: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    """Actions of those events by key."""
    goes_first: bool = False
    guards: Guards = USUAL
    kept: Kept = field(init=False)
    rows: Rows = field(default_factory=Rows)
    loaded: Loaded = field(default_factory=Loaded)
    writing: dict[tuple[int, int], tuple[str, int]] = field(default_factory=dict)
    spending: list[Spending] = field(default_factory=list)
    outcomes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What became of each delivery, by receipt."""
    _at: dict[int, Micros | None] = field(default_factory=dict)
    _taken: dict[int, int] = field(default_factory=dict)
    _open: set[str] | None = None

    def __post_init__(self) -> None:
        self.kept = Kept(self.db, self.conn)

    def apply(self, item: Item) -> None:
        """Handle one item: an error, a stale state, an echo, nothing new, or an event on which bridges decide."""
        old = self.earlier.get((item.delivery["id"], item.n))
        event = self._event(item, old)
        if item.move is not None:
            self._moved(item.move, event)
            return
        if item.error is not None:
            self._ended_by(item.error, item, event)
            self.rows.events.append(event)
            return
        if old is not None and old["entity_id"] is not None and (old["state"] in _HANDLED or is_stopped(old)):
            self._decide_again(item, event, old)
            return
        assert item.resolved is not None
        assert item.mapping is not None
        event |= {"entity_id": item.resolved.entity_id, "etype": item.mapping.to}
        if item.record.deleted:
            gone = "gone from its source; what is known of it stays"
            self.rows.events.append(event | {"type": f"{item.mapping.to}.gone", "state": State.SKIPPED.value, "reason": gone})
            return
        stale = self._stale(item)
        if stale is not None:
            self.rows.events.append(event | {"type": f"{item.mapping.to}.seen", "state": State.SKIPPED.value, "reason": stale})
            return
        self._learn(item, event)

    def _moved(self, move: Move, event: dict[str, Any]) -> None:
        """Let the bridges decide on a merge or unmerge, about whoever answers for that master ID today."""
        who = current(self.conn, [move.gid])[move.gid]
        self.kept.take(shared={who.entity_id})
        load_scopes(self.conn, self.catalogue, [Want(move.etype, who.entity_id, {})], self.loaded)
        event |= {"type": f"{move.etype}.{move.happened}", "etype": move.etype, "entity_id": who.entity_id}
        event["changes"] = {"master_id": [move.before, move.after]}
        self.rows.events.append(event)
        self._decide(event, move.etype, who.entity_id, move.happened, event["delivery_id"])

    def _learn(self, item: Item, event: dict[str, Any]) -> None:
        """Store what is new in a record and let the bridges decide, unless it is an echo or says nothing new."""
        assert item.resolved is not None
        assert item.mapping is not None
        etype, entity_id = item.mapping.to, item.resolved.entity_id
        known = self.loaded.current.get(entity_id, {})
        created = not known
        self._mind_references(item)
        found, paths = self._differences(item, event["id"])
        self._apply_stamp(item)
        if not found.changes and not created:
            self._unchanged(item, event, found)
            return
        key = (item.connector.id, etype, item.record.external_id)
        echo = echo_of(
            item.record,
            paths,
            self.ledger.get(key, ()),
            self.registered.own_user(item.connector),
            writing=(item.connector.id, entity_id) in self.writing,
        )
        happened = "created" if created else "changed"
        event |= {"type": f"{etype}.{happened}", "changes": found.changes, "state": State.DONE.value}
        self.rows.events.append(event)
        self.rows.add(found)
        if echo is not None:
            event |= {"state": State.SKIPPED.value, "reason": f"echo of {echo}"}
            return
        if cause := self._cause(item, entity_id, paths):
            event |= {"hops": cause.hops, "cause": cause.action_id}
        self._decide(event, etype, entity_id, happened, item.delivery["id"])

    def _cause(self, item: Item, entity_id: int, paths: list[str]) -> Cause | None:
        """Return the write of our own that a change follows from."""
        assert item.mapping is not None
        writes = self.ledger.get((item.connector.id, item.mapping.to, item.record.external_id), ())
        held = self.writing.get((item.connector.id, entity_id))
        if not writes:
            return None
        user, in_hand = self.registered.own_user(item.connector), None if held is None else Cause(*held)
        return cause_of(item.record, item.delivery["received_at"], paths, writes, user, in_hand)

    def _apply_stamp(self, item: Item) -> None:
        """Note which state of the source is applied now; a record without a time leaves the time that is known."""
        assert item.resolved is not None
        place, known = item.resolved.crosswalk_id, item.resolved
        at = item.record.at if item.record.at is not None else self._at.get(place, known.applied_at)
        self._at[place] = at
        if place in self.rows.applied or (at, item.record.version) != (known.applied_at, known.applied_version):
            self.rows.applied[place] = {"applied_at": at, "applied_version": item.record.version}

    def _differences(self, item: Item, event_id: str) -> tuple[Differences, list[str]]:
        """Compare a record with what is known, formulas included; return the difference and the paths that made it."""
        assert item.resolved is not None
        assert item.mapping is not None
        etype, entity_id = item.mapping.to, item.resolved.entity_id
        stamp = Stamp(
            connector_id=item.connector.id,
            connector=item.connector.name,
            etype=etype,
            home_id=item.resolved.home_id,
            observed_at=self.now,
            source_at=item.record.at,
            version_id=item.mapping.version_id,
            event_id=event_id,
            delivery_id=item.delivery["id"],
        )
        found = differences(self.loaded.current.get(entity_id, {}), item.fields, stamp, self.catalogue)
        paths = [item.fields[name].path for name in found.changes if name in item.fields]
        if found.changes:
            found.add(recompute(self.catalogue, etype, found.after, found.changes.keys(), stamp))
        self.loaded.current[entity_id] = found.after
        return found, paths

    def _unchanged(self, item: Item, event: dict[str, Any], found: Differences) -> None:
        if item.delivery["origin"] == Origin.POLL and not found.observations:
            self.rows.unchanged[item.delivery["id"]] = self.rows.unchanged.get(item.delivery["id"], 0) + 1
            return
        assert item.mapping is not None
        self.rows.events.append(
            event | {"type": f"{item.mapping.to}.seen", "state": State.SKIPPED.value, "reason": "unchanged"}
        )
        self.rows.add(found)

    def _event(self, item: Item, old: Mapping[Any, Any] | None) -> dict[str, Any]:
        return {
            "id": old["id"] if old is not None else derived_id("evt", item.delivery["receipt"], item.n),
            "delivery_id": item.delivery["id"],
            "n": item.n,
            "connector_id": item.connector.id,
            "stream": item.record.stream,
            "type": f"{item.mapping.to}.refused" if item.mapping else "record.unmapped",
            "etype": item.mapping.to if item.mapping else None,
            "external_id": item.record.external_id,
            "entity_id": None,
            "at": item.record.at,
            "handled_at": self.now,
            "changes": None,
            "state": State.DONE.value,
            "reason": None,
            "held_by": None,
            "next_at": None,
            "mapping_version_id": item.mapping.version_id if item.mapping else None,
            "runs": old["runs"] + 1 if old is not None else 0,
            "hops": 0,
            "cause": None,
            "error": {"fields": item.troubles} if item.troubles else None,
        }

    def _ended_by(self, error: TielineError, item: Item, event: dict[str, Any]) -> None:
        """A person can mend a setup error, so the event is held by its repair; input that cannot be used is dead."""
        event["error"] = error.as_dict()
        if not isinstance(error, SetupError):
            event |= {"state": State.DEAD.value, "reason": refused(error)}
            open_repair(self.conn, f"event:{event['id']}", error, connector=item.connector.name, now=self.now)
            return
        place = item.record.stream if item.mapping is None else item.mapping.to
        key = f"{error.code}:{item.connector.name}:{place}"
        event |= {"state": State.HELD.value, "held_by": f"repair:{key}", "reason": refused(error)}
        open_repair(self.conn, key, error, connector=item.connector.name, now=self.now)

    def _mind_references(self, item: Item) -> None:
        """The event goes on without a reference whose id has a strange form, but a person is told; a good replay ends that."""
        for etype, error in item.strange.items():
            key = f"{UnknownShapeError.code}:{item.connector.name}:{etype}"
            if error is not None:
                open_repair(self.conn, key, error, connector=item.connector.name, now=self.now)
            elif item.delivery["handled_at"] is not None:
                close_repair(self.conn, key, now=self.now)

    def _stale(self, item: Item) -> str | None:
        assert item.resolved is not None
        applied = self._at.get(item.resolved.crosswalk_id, item.resolved.applied_at)
        if item.record.at is None or applied is None or item.record.at >= applied:
            return None
        return f"stale: it tells of {to_rfc3339(item.record.at)}, applied is {to_rfc3339(applied)}"

    def _decide(self, event: dict[str, Any], etype: str, entity_id: int, happened: str, delivery_id: int) -> None:
        candidates = self.rules.candidates(etype, happened)
        if not candidates:
            return
        changed = frozenset(event["changes"] or ())
        for bridge in candidates:
            scope = self._scope(bridge, etype, entity_id)
            judgement = bridge.judge(changed, scope.values)
            decision: dict[str, Any] = {
                "id": new_id("dec"),
                "event_id": event["id"],
                "bridge": bridge.name,
                "version_id": bridge.version_id,
                "verdict": judgement.verdict.value,
                "clause": judgement.clause,
                "left": judgement.left,
                "right": judgement.right,
                "reason": judgement.reason,
                "inputs": {name: scope.values.get(name) for name, _ in bridge.condition.inputs},
                "actions": 0,
                "run": event["runs"],
                "at": self.now,
            }
            if judgement.verdict is Verdict.FIRED:
                self._fire(bridge, event, decision, scope, self._seq(delivery_id, len(bridge.steps)))
            self.rows.decisions.append(decision)

    def _seq(self, delivery_id: int, steps: int) -> int:
        """Return the place of a firing's first action: after everything of earlier deliveries, and of this one so far."""
        taken = self._taken.get(delivery_id, 0)
        self._taken[delivery_id] = taken + steps
        return (delivery_id << 20) + taken

    def _scope(self, bridge: Bridge, etype: str, entity_id: int) -> Scope:
        if bridge.spec.join:
            load_scopes(self.conn, self.catalogue, [Want(etype, entity_id, bridge.spec.join)], self.loaded)
        scope = build_scope(self.catalogue, etype, entity_id, self.loaded, bridge.spec.join)
        if loose := self.kept.missing(scope.entities.values()):  # joined by what this very batch has learned
            self.kept.take(shared=loose)
            for one in loose:
                self.loaded.current.pop(one, None)
            return self._scope(bridge, etype, entity_id)
        return scope

    def _fire(self, bridge: Bridge, event: dict[str, Any], decision: dict[str, Any], scope: Scope, seq: int) -> None:
        subject, gid = event["entity_id"], scope.gids[bridge.spec.on.entity]
        if self.guards.hops and event["hops"] >= self.guards.hops:
            connector = self.registered.row(event["connector_id"]).name
            decision["reason"] = stop(self.conn, event, gid, connector, self.now)
            return
        firing = Firing(
            bridge=bridge,
            decision_id=decision["id"],
            event_id=decision["event_id"],
            seq=seq,
            values=scope.values,
            places={alias: Place(entity_id, scope.gids[alias]) for alias, entity_id in scope.entities.items()},
            now=self.now,
            hops=event["hops"] + 1,
            goes_first=self.goes_first,
            write_back=self._write_back,
            existing=self.acted,
        )
        try:
            planned = plan(firing, self.registered, self._mint)
        except TielineError as error:
            decision |= {"verdict": Verdict.ERROR.value, "reason": refused(error)}
            open_repair(self.conn, f"bridge:{bridge.name}", error, connector=None, now=self.now)
            self._repairs().add(f"bridge:{bridge.name}")
            return
        if f"bridge:{bridge.name}" in self._repairs():
            close_repair(self.conn, f"bridge:{bridge.name}", now=self.now)
            self._repairs().discard(f"bridge:{bridge.name}")
        decision["actions"] = len(planned.actions) + len(planned.again)
        decision["reason"] = " ".join(planned.notes) or decision["reason"]
        if planned.actions and event["type"].endswith(".changed"):
            self.spending.append(Spending(bridge.name, subject, gid, planned.actions))
        self.rows.actions += planned.actions
        self.rows.again += planned.again
        self._set(planned, bridge, decision["event_id"])

    def _write_back(self, through: str, ours: Json, entity_id: int, connector_id: int) -> Json:
        """Return what a connector should hold for a value of ours, beside what it last said of that field."""
        known = self.loaded.current.get(entity_id, {})
        return write_back(self.conn, self.catalogue, through, ours, Held(known, connector_id, self.rows.observations))

    def _repairs(self) -> set[str]:
        """Return the keys of the open repairs of bridges, asked once per batch."""
        if self._open is None:
            self._open = open_keys(self.conn, "bridge:")
        return self._open

    def _mint(self, etype: str) -> Place:
        entity_id, gid = mint(self.conn, self.db, etype, self.catalogue.prefixes[etype], self.now)
        self.kept.own.add(entity_id)
        self.loaded.current[entity_id] = {}
        self.loaded.survivors[gid] = entity_id
        self.loaded.gids[entity_id] = gid
        return Place(entity_id, gid)

    def _set(self, planned: Planned, bridge: Bridge, event_id: str) -> None:
        """Write the fields that a bridge sets (which ticket belongs to which alert) as observations of our own."""
        for etype, place, name, gid in planned.sets:
            self.kept.take({place.entity_id})
            stamp = Stamp(OWN, OWN_NAME, etype, place.entity_id, self.now, version_id=bridge.version_id, event_id=event_id)
            known = self.loaded.current.get(place.entity_id, {})
            found = differences(known, {name: own_value(gid, f"bridge:{bridge.name}")}, stamp, self.catalogue)
            if found.changes:
                found.add(recompute(self.catalogue, etype, found.after, found.changes.keys(), stamp))
            self.loaded.current[place.entity_id] = found.after
            self.rows.add(found)

    def _decide_again(self, item: Item, event: dict[str, Any], old: Mapping[Any, Any]) -> None:
        """A replay of an event that was handled: its values stand, what could not be used is tried, its bridges decide anew."""
        etype, happened = old["type"].split(".", 1)
        kept = {**event, **{name: old[name] for name in ("type", "etype", "entity_id", "changes", "reason", "error")}}
        if (old["error"] or {}).get("fields") and item.resolved is not None and self._stale(item) is None:
            kept |= self._learn_late(item, old)
        kept["state"] = State.SKIPPED.value if old["state"] == State.SKIPPED else State.DONE.value
        if is_stopped(old):
            kept |= {"reason": None, "error": None}
        if not asked_again(item.delivery):  # a person who replays a chain begins it anew
            kept |= {"hops": old["hops"], "cause": old["cause"]}
        self.rows.events.append(kept)
        if happened not in ("created", "changed") or (old["reason"] or "").startswith("echo"):
            return
        self._decide(kept, etype, old["entity_id"], happened, item.delivery["id"])

    def _learn_late(self, item: Item, old: Mapping[Any, Any]) -> dict[str, Any]:
        """Take the fields that could not be used when the event was first handled, and can be now."""
        self._mind_references(item)
        found, _ = self._differences(item, old["id"])
        self.rows.add(found)
        return {
            "changes": {**(old["changes"] or {}), **found.changes} or None,
            "error": {"fields": item.troubles} if item.troubles else None,
        }
