"""
A mapping, compiled once and run per record.

The getter reads all paths in one generated function; then each field goes through its steps, its type
and its words. What cannot be used is settled by the field's policy, and never in silence: every field
that was refused, quarantined or left out although it was there is a ``FieldTrouble``.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from core.definitions import Problem, near
from core.errors import InputError
from core.words import FieldState, Json
from mappings.models import EntitySpec, FieldSpec, MappedField, MappingSpec
from mappings.translate.paths import MISSING, Path, PathError, compile_getter, read_path
from mappings.translate.step import Run, StepDefinitionError, StepError, UnmappedError, Vanished, kind_of
from mappings.translate.steps import STEPS, make_step

CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "time": (str,),
    "list": (list,),
    "object": (dict,),
    "ref": (str,),
}
_TIME_STEPS = ("time", "epoch_s", "epoch_ms")


class TranslationError(InputError):
    """A record that its mapping refuses: a field's policy says ``error``."""

    code = "translation"
    title, title_zh = "The record does not fit its mapping", "记录不符合其映射"


class Translated(NamedTuple):
    """One field as it will be written: its state, our value, the source's own words, and where they stood."""

    state: FieldState
    value: Json
    raw: Json
    path: str


@dataclass(frozen=True, slots=True)
class FieldTrouble:
    """A field that could not be used as it came: which of the four states, and what its policy made of it."""

    field: str
    path: str
    state: str
    policy: str
    why: str
    fix: str
    raw: Json = None

    def as_dict(self) -> dict[str, Json]:
        """Return it as JSON for the event's row."""
        return asdict(self)


@dataclass(slots=True)
class Translation:
    """
    What a record became: the fields to write, the troubles, and the fields left as they were with their state.

    A record with a trouble of policy ``error`` is refused as a whole: call ``check`` or ask ``refused``.
    """

    mapping: str
    fields: dict[str, Translated]
    problems: list[FieldTrouble] = field(default_factory=list)
    left: dict[str, FieldState] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Say whether nothing of this record may be written."""
        return any(one.policy == "error" for one in self.problems)

    def check(self) -> None:
        """Raise TranslationError when the record is refused, naming every field at fault."""
        faults = [one for one in self.problems if one.policy == "error"]
        if faults:
            raise TranslationError(
                f"The mapping {self.mapping} refuses this record: {', '.join(one.field for one in faults)}.",
                why=" ".join(f"{one.field} ({one.path}): {one.why}" for one in faults),
                fix=faults[0].fix,
                fields=[one.as_dict() for one in faults],
            )


@dataclass(frozen=True, slots=True)
class _Plan:
    """One field, compiled."""

    name: str
    path: Path
    run: Run | None
    narrow: bool
    listed: bool
    classes: tuple[type, ...]
    words: frozenset[str] | None
    target: FieldSpec
    spec: MappedField


_Row = tuple[str, str, Run | None, bool, tuple[type, ...], frozenset[str] | None, _Plan]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A live mapping, compiled. ``refs`` are the fields whose value is an external id that the caller resolves."""

    name: str
    spec: MappingSpec
    entity: EntitySpec
    version_id: int | None
    refs: dict[str, str]
    get: Callable[[Json], tuple[Json, ...]]
    rows: tuple[_Row, ...]

    @property
    def to(self) -> str:
        """Return the entity type that it fills."""
        return self.spec.to

    def translate(self, record: Table[str, Json]) -> Translation:
        """Return what a record becomes."""
        fields: dict[str, Translated] = {}
        out = Translation(self.name, fields)
        make, present, new = tuple.__new__, FieldState.PRESENT, Translated
        for (name, path, run, narrow, classes, words, plan), raw in zip(self.rows, self.get(record), strict=True):
            if narrow:
                raw = _narrow(raw, plan, out)
                if raw is _SETTLED:
                    continue
            if raw is None or raw is MISSING:
                _settle(plan, FieldState.NULL if raw is None else FieldState.MISSING, raw, out)
                continue
            value = raw
            if run is not None:
                try:
                    value = run(raw)
                except StepError as error:
                    policy = plan.spec.unmapped if isinstance(error, UnmappedError) else plan.spec.on_invalid
                    _settle(plan, FieldState.INVALID, raw, out, policy, error.why, error.fix)
                    continue
                except Vanished:
                    value = MISSING
            if value.__class__ in classes and (words is None or value in words):
                fields[name] = make(new, (present, value, raw, path))
            else:
                _unfit(plan, value, raw, out)
        return out


_SETTLED = object()


def _narrow(matches: list[Json], plan: _Plan, out: Translation) -> Json:
    """Return the one match of a path that may have several; several are invalid unless a step takes the list."""
    if not matches:
        return MISSING
    if plan.listed:
        return matches
    if len(matches) == 1:
        return matches[0]
    why = f"The path matches {len(matches)} places where one value is expected."
    _settle(plan, FieldState.INVALID, matches, out, None, why, "Add the step first or join, or make the path name one place.")
    return _SETTLED


def _unfit(plan: _Plan, value: Json, raw: Json, out: Translation) -> None:
    """Settle a value that is absent after its steps, has another type, or is not in the closed list."""
    if value is None or value is MISSING:
        _settle(plan, FieldState.NULL if value is None else FieldState.MISSING, raw, out)
    elif value.__class__ in plan.classes:
        words = sorted(plan.words or ())
        guess = near(str(value), words)
        fix = (f"Did the source mean {guess!r}? " if guess else "") + "Add a table to the mapping, or the word to the entity."
        _settle(plan, FieldState.INVALID, raw, out, None, f"{value!r} is not one of {', '.join(words)}.", fix)
    else:
        why = f"The field is of type {plan.target.type}, and {value!r} is {kind_of(value)}."
        fix = f"Add the step {plan.target.type}." if plan.target.type in STEPS else "Correct the path."
        _settle(plan, FieldState.INVALID, raw, out, None, why, fix)


def _settle(
    plan: _Plan, state: FieldState, raw: Json, out: Translation, policy: str | None = None, why: str = "", fix: str = ""
) -> None:
    """Do what the field's policy says for this state."""
    name, path = plan.name, plan.path.text
    if policy is None:
        policy = _policy(plan.spec, state)
    raw = None if raw is MISSING else raw
    if policy == "write":
        out.fields[name] = Translated(FieldState.NULL, None, raw, path)
    elif policy == "default":
        out.fields[name] = Translated(FieldState.PRESENT, plan.spec.default, raw, path)
    elif policy == "quarantine":
        out.fields[name] = Translated(FieldState.INVALID, None, raw, path)
    else:
        out.left[name] = state
    if policy in ("error", "quarantine") or state is FieldState.INVALID:
        gone = "The source sends null here." if state is FieldState.NULL else "The source sends nothing here."
        hint = f"Send the field, or set on_{state.value} to skip or default."
        out.problems.append(FieldTrouble(name, path, state.value, policy, why or gone, fix or hint, raw))


def _policy(spec: MappedField, state: FieldState) -> str:
    if state is FieldState.MISSING:
        return spec.on_missing
    return spec.on_null if state is FieldState.NULL else spec.on_invalid


def translate(mapping: Mapping, record: Table[str, Json]) -> Translation:
    """Return what a record becomes under a compiled mapping; pure."""
    return mapping.translate(record)


def compile_mapping(
    spec: MappingSpec, entity: EntitySpec, tables: Table[str, Table[str, Json]], version_id: int | None = None
) -> Mapping | list[Problem]:
    """Return the compiled mapping, or every reason why it cannot be one."""
    plans: list[_Plan] = []
    problems: list[Problem] = []
    for name, mapped in spec.fields.items():
        target = entity.fields.get(name)
        if target is None:
            guess = near(name, entity.fields)
            known = f"Known: {', '.join(sorted(entity.fields))}."
            fix = (f"Did you mean {guess!r}? " if guess else "") + known
            problems.append(Problem(f"fields.{name}", f"The entity {entity.name} has no field {name!r}.", fix))
            continue
        made = _plan(name, mapped, target, tables)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            plans.append(made)
    if problems:
        return problems
    rows = tuple((p.name, p.path.text, p.run, p.narrow, p.classes, p.words, p) for p in plans)
    refs = {p.name: str(p.target.to) for p in plans if p.target.type == "ref"}
    return Mapping(spec.name, spec, entity, version_id, refs, compile_getter([p.path for p in plans]), rows)


def _plan(name: str, mapped: MappedField, target: FieldSpec, tables: Table[str, Table[str, Json]]) -> _Plan | Problem:
    at = f"fields.{name}"
    try:
        path = read_path(mapped.from_)
    except PathError as error:
        return Problem(
            f"{at}.from", f"The path cannot be read: {error}.", "Write it like $.host.hostid or $.tags[?(@.tag=='site')].value."
        )
    steps: list[Any] = [*mapped.steps, *([{"table": mapped.table}] if mapped.table is not None else [])]
    runs: list[Run] = []
    names: list[str] = []
    for n, written in enumerate(steps):
        try:
            step, run = make_step(written, tables)
        except StepDefinitionError as error:
            place = f"{at}.steps.{n}" if n < len(mapped.steps) else f"{at}.table"
            return Problem(place, f"The step cannot be used: {error}.", "See the list of steps in docs/reference/steps.md.")
        names.append(step)
        runs.append(_keep_unmapped(run) if mapped.unmapped == "keep" and n == len(mapped.steps) else run)
    if target.type == "time" and not set(names) & set(_TIME_STEPS):
        runs.append(make_step("time", tables)[1])
    if target.type == "ref" and (not names or names[-1] not in ("string", "join")):
        runs.append(make_step("string", tables)[1])
    listed = target.type == "list" or bool(names and STEPS[names[0]].takes_list)
    words = frozenset(target.words) if target.words is not None else None
    plan = _Plan(name, path, _chain(runs), path.many, listed, CLASSES[target.type], words, target, mapped)
    if "default" in mapped.model_fields_set and not fits(mapped.default, target):
        fix = f"Give a default of type {target.type}" + (f": one of {', '.join(target.words)}." if target.words else ".")
        return Problem(f"{at}.default", f"The default {mapped.default!r} does not fit the field.", fix)
    return plan


def _chain(runs: list[Run]) -> Run | None:
    if len(runs) < 2:
        return runs[0] if runs else None
    steps = tuple(runs)

    def run(value: Json) -> Json:
        for step in steps:
            value = step(value)
        return value

    return run


def _keep_unmapped(look_up: Run) -> Run:
    def run(value: Json) -> Json:
        try:
            return look_up(value)
        except UnmappedError:
            return value

    return run


def fits(value: Json, target: FieldSpec) -> bool:
    """
    Say whether a value has the field's type and is one of its words.

    >>> fits(True, FieldSpec(type="integer"))
    False
    """
    return value.__class__ in CLASSES[target.type] and (target.words is None or value in target.words)
