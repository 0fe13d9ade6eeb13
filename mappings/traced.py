"""
One record through one mapping, told field by field: the path, the raw value, each step's value, and the policy applied.

The end of every field is what the compiled mapping itself says; the steps before it are the same functions, run one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.words import Json
from mappings.models import MappedField
from mappings.translate import FieldTrouble, Translation
from mappings.translate import Mapping as Compiled
from mappings.translate.getter import compile_getter
from mappings.translate.paths import MISSING
from mappings.translate.plan import Plan, Walked
from mappings.translate.settle import Several, several


@dataclass(frozen=True, slots=True)
class StepTrace:
    """One step: what it made of the value, or why it could not."""

    step: Json
    value: Json = None
    gone: bool = False
    """After it there is no value."""
    why: str | None = None

    def as_dict(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {"step": self.step, "value": self.value, "gone": self.gone, "why": self.why}


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """How one field came about: ``state`` and ``value`` are what is written; ``policy`` says what decided."""

    field: str
    type: str
    path: str
    found: bool
    raw: Json
    steps: list[StepTrace]
    state: str
    written: bool
    value: Json
    policy: str
    why: str | None = None
    fix: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        told = {name: getattr(self, name) for name in FieldTrace.__slots__ if name != "steps"}
        return told | {"steps": [one.as_dict() for one in self.steps]}


@dataclass(frozen=True, slots=True)
class Trace:
    """A record under a mapping: every field, and whether the record as a whole is refused."""

    mapping: str
    refused: bool
    fields: list[FieldTrace] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"mapping": self.mapping, "refused": self.refused, "fields": [one.as_dict() for one in self.fields]}


def trace(mapping: Compiled, record: Mapping[str, Json]) -> Trace:
    """Tell how every field of a record comes about."""
    said = mapping.translate(record)
    raws = compile_getter([plan.path for plan in mapping.plans.values()])(record)
    fields = [_field(plan, raw, said) for plan, raw in zip(mapping.plans.values(), raws, strict=True)]
    return Trace(mapping.name, said.refused, fields)


def _field(plan: Plan, raw: Json, said: Translation) -> FieldTrace:
    if plan.path.many:
        raw = several(raw, plan, said)
    shown = raw.matches if raw.__class__ is Several else None if raw is MISSING else raw
    trouble = next((one for one in said.problems if one.field == plan.name), None)
    end = said.fields.get(plan.name)
    state = trouble.state if trouble else end.state.value if end else said.left[plan.name].value
    walked = [] if raw is MISSING or raw is None or raw.__class__ is Several else list(map(_told, plan.walk(raw)))
    return FieldTrace(
        field=plan.name,
        type=plan.target.type,
        path=plan.path.text,
        found=raw is not MISSING,
        raw=shown,
        steps=walked,
        state=state,
        written=end is not None,
        value=end.value if end else None,
        policy=_policy(plan.spec, raw, walked, trouble),
        why=trouble.why if trouble else None,
        fix=trouble.fix if trouble else None,
    )


def _told(one: Walked) -> StepTrace:
    """Write a step as its author did: a name, or one name with its argument."""
    step = one.made.name if one.made.argument is None else {one.made.name: one.made.argument}
    return StepTrace(step, one.gives, gone=one.gone, why=None if one.gone else one.why or None)


def _policy(mapped: MappedField, raw: Json, walked: list[StepTrace], trouble: FieldTrouble | None) -> str:
    """Return what decided: ``written`` when the value fitted, else the policy of the state it was in."""
    if trouble is not None:
        return f"{_asked(trouble, walked)}: {trouble.policy}"
    if raw is MISSING or (walked and walked[-1].gone):
        return f"on_missing: {mapped.on_missing}"
    if raw is None or (walked and walked[-1].value is None and walked[-1].why is None):
        return f"on_null: {mapped.on_null}"
    if walked and walked[-1].why is not None:  # a word that the table lacks and the field keeps
        return f"unmapped: {mapped.unmapped}"
    return "written"


def _asked(trouble: FieldTrouble, walked: list[StepTrace]) -> str:
    """Return the name of the policy that was asked: a table that lacks a word asks ``unmapped``."""
    lacks = walked and isinstance(walked[-1].step, dict) and "table" in walked[-1].step and walked[-1].why is not None
    return "unmapped" if lacks else f"on_{trouble.state}"
