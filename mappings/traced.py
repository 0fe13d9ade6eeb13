"""
One record through one mapping, told field by field: the path, the raw value, each step's value, and the policy applied.

The end of every field is what the compiled mapping itself says; the steps before it are the same functions, run one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.words import FieldState, Json
from mappings.models import MappedField
from mappings.translate import FieldTrouble, Translation
from mappings.translate import Mapping as Compiled
from mappings.translate.paths import MISSING, read_path
from mappings.translate.step import StepError, Vanished
from mappings.translate.steps import STEPS, make_step

Tables = Mapping[str, Mapping[str, Json]]


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


def trace(mapping: Compiled, record: Mapping[str, Json], tables: Tables) -> Trace:
    """Tell how every field of a record comes about."""
    said = mapping.translate(record)
    raws = dict(zip((row[0] for row in mapping.rows), mapping.get(record), strict=True))
    fields = [_field(mapping, name, mapped, raws[name], said, tables) for name, mapped in mapping.spec.fields.items()]
    return Trace(mapping.name, said.refused, fields)


def _field(mapping: Compiled, name: str, mapped: MappedField, raw: Json, said: Translation, tables: Tables) -> FieldTrace:
    target = mapping.entity.fields[name]
    steps = _steps_of(mapped)
    raw = _one_of(mapped, raw, takes_list=target.type == "list" or _takes_list(steps))
    trouble = next((one for one in said.problems if one.field == name), None)
    end = said.fields.get(name)
    state = trouble.state if trouble else end.state.value if end else said.left[name].value
    walked = [] if raw is MISSING or raw is None else _walk(steps, raw, tables)
    last = walked[-1].value if walked else raw
    if trouble is None and end is not None and end.state is FieldState.PRESENT and raw is not MISSING and last != end.value:
        walked.append(StepTrace({"as": target.type}, end.value))  # what the field's type does by itself
    return FieldTrace(
        field=name,
        type=target.type,
        path=mapped.from_,
        found=raw is not MISSING,
        raw=None if raw is MISSING else raw,
        steps=walked,
        state=state,
        written=end is not None,
        value=end.value if end else None,
        policy=_policy(mapped, raw, walked, trouble),
        why=trouble.why if trouble else None,
        fix=trouble.fix if trouble else None,
    )


def _steps_of(mapped: MappedField) -> list[Json]:
    return [*mapped.steps, *([{"table": mapped.table}] if mapped.table is not None else [])]


def _takes_list(steps: list[Json]) -> bool:
    name = next(iter(steps[0]), "") if steps and isinstance(steps[0], dict) else steps[0] if steps else ""
    return name in STEPS and STEPS[name].takes_list


def _one_of(mapped: MappedField, raw: Json, *, takes_list: bool) -> Json:
    """Return what goes into the steps: of a path that may match several places, its one match."""
    if not read_path(mapped.from_).many:
        return raw
    if not raw:
        return MISSING
    return raw if takes_list or len(raw) > 1 else raw[0]


def _walk(steps: list[Json], value: Json, tables: Tables) -> list[StepTrace]:
    walked: list[StepTrace] = []
    for step in steps:
        try:
            value = make_step(step, tables)[1](value)
        except StepError as error:
            walked.append(StepTrace(step, why=error.why))
            break
        except Vanished:
            walked.append(StepTrace(step, gone=True))
            break
        walked.append(StepTrace(step, value))
    return walked


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
