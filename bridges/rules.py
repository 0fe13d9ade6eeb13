"""Bridges compiled and indexed: which are candidates for an event, and what each decides. Pure, apart from ``load``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from bridges.specs import Argument, Back, BridgeSpec, FromStep, IdOf, StepSpec, aliases
from core.definitions import Catalogue as Authored
from core.definitions import generation, live
from core.expressions import Condition, Formula, Judgement, compile_condition, compile_formula
from core.words import Json, Verdict


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a bridge, its expressions compiled."""

    spec: StepSpec
    formulas: Mapping[str, Formula]

    def arguments(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """
        Evaluate the expressions now; what waits for an id or an earlier step stays a marked object.

        An argument that is just a field, and that field has no value, is left out; in a longer expression
        that is an error, because only its author can say what it should give then.
        """
        made = {name: self._argument(name, one, values) for name, one in self.spec.arguments.items()}
        return {name: one for name, one in made.items() if one is not None}

    def _argument(self, name: str, one: Argument, values: Mapping[str, Json]) -> Json:
        if isinstance(one, FromStep):
            return {"$step": one.step, "take": one.take}
        if isinstance(one, IdOf):
            return {"$id_of": one.id_of}
        if isinstance(one, Back):
            ours = self._value(name, values)
            return None if ours is None else {"$back": ours, "through": one.through}
        return self._value(name, values)

    def _value(self, name: str, values: Mapping[str, Json]) -> Json:
        formula = self.formulas[name]
        if formula.names == (formula.source.strip(),):  # a plain field needs no engine
            return values.get(formula.names[0])
        return formula.evaluate(values)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A live bridge, ready to decide."""

    spec: BridgeSpec
    version_id: int
    condition: Condition
    urgent: Condition | None
    steps: tuple[Step, ...]
    scope: Mapping[str, str]
    fields: frozenset[str]

    @property
    def name(self) -> str:
        """The bridge's name."""
        return self.spec.name

    def judge(self, changed: frozenset[str], values: Mapping[str, Json]) -> Judgement:
        """Decide about one event: the watched fields first, then the condition, clause by clause."""
        if self.fields and not self.fields & changed:
            return Judgement(
                Verdict.NOT_MATCHED,
                clause=f"on.fields: {', '.join(sorted(self.fields))}",
                left=sorted(changed),
                right=sorted(self.fields),
                reason="None of the watched fields changed.",
            )
        return self.condition.judge(values)

    def is_urgent(self, values: Mapping[str, Json]) -> bool:
        """Say whether its actions go first; an undecidable wish is not urgent."""
        return self.urgent is not None and self.urgent.judge(values).verdict is Verdict.FIRED


@dataclass(frozen=True, slots=True)
class Rules:
    """Every live bridge by (entity, event); 1,000 and 100,000 bridges cost the same per event."""

    generation: int
    index: Mapping[tuple[str, str], tuple[Bridge, ...]] = field(default_factory=dict)

    def candidates(self, etype: str, happened: str) -> tuple[Bridge, ...]:
        """Return the bridges that watch this entity and this kind of event."""
        return self.index.get((etype, happened), ())


def compile_bridge(spec: BridgeSpec, version_id: int, authored: Authored) -> Bridge:
    """Compile one bridge against the live entities."""
    scope = aliases(spec, authored)
    types = authored.types(scope)
    return Bridge(
        spec=spec,
        version_id=version_id,
        condition=compile_condition(spec.when, types, exact=spec.exact),
        urgent=compile_condition(spec.urgent, types, exact=spec.exact) if spec.urgent else None,
        steps=tuple(
            Step(step, {name: compile_formula(source, types) for name, source in _expressions(step)}) for step in spec.steps
        ),
        scope=scope,
        fields=frozenset(spec.on.fields),
    )


def _expressions(step: StepSpec) -> Iterator[tuple[str, str]]:
    """Yield the arguments that are computed, each with its expression."""
    for name, one in step.arguments.items():
        if isinstance(one, str | Back):
            yield name, one.back if isinstance(one, Back) else one


_kept: WeakKeyDictionary[Engine, Rules] = WeakKeyDictionary()


def load(conn: Connection, entities: Mapping[str, Mapping[str, Any]]) -> Rules:
    """Return the compiled live bridges of this database, kept until the next publish."""
    now = generation(conn)
    kept = _kept.get(conn.engine)
    if kept is not None and kept.generation == now:
        return kept
    authored = Authored(entities=entities)
    index: dict[tuple[str, str], list[Bridge]] = {}
    for one in live(conn, "bridge"):
        bridge = compile_bridge(BridgeSpec.model_validate(one.spec), one.version_id, authored)
        for happened in bridge.spec.on.events:
            index.setdefault((bridge.spec.on.entity, happened), []).append(bridge)
    rules = Rules(now, {key: tuple(bridges) for key, bridges in index.items()})
    _kept[conn.engine] = rules
    return rules
