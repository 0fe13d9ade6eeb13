"""One field of a mapping, made ready: its path, its steps, its type and words, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.definitions import Problem
from core.words import Json
from mappings.models import FieldSpec, MappedField
from mappings.translate.crosswalk import Reference, reference
from mappings.translate.paths import Path, PathError, read_path
from mappings.translate.step import Looked, Made, StepDefinitionError, StepError, Vanished, World
from mappings.translate.steps import make_step
from mappings.translate.translation import Taken

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
_TIME_STEPS = ("time", "epoch_s", "epoch_ms", "dotnet", "cel")
_STEPS_PAGE = "See the list of steps in docs/reference/steps.md."


class Walked(NamedTuple):
    """One step of a value's way: what it gave, or why it gave nothing; ``gone``: there is no value any more."""

    made: Made
    gives: Json
    why: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One field, compiled; ``listed``: its steps or its type take the whole list of matches."""

    name: str
    path: Path
    steps: tuple[Made, ...]
    listed: bool
    classes: tuple[type, ...]
    words: frozenset[str] | None
    target: FieldSpec
    spec: MappedField
    reference: Reference | None = None

    @property
    def pii(self) -> bool:
        """Whether it tells of a person."""
        return self.target.pii or self.spec.pii

    def walk(self, raw: Json) -> Iterator[Walked]:
        """Yield each step with what it gives, up to the one that gives nothing."""
        value, seen = raw, list[Looked]()
        for made in self.steps:
            try:
                value = made.run(value, seen)
            except StepError as error:
                yield Walked(made, None, error.why)
                return
            except Vanished:
                yield Walked(made, None, "There is no value after this step.", gone=True)
                return
            yield Walked(made, value)

    def trace(self, raw: Json) -> tuple[Taken, ...]:
        """Return what each step gives, as it is kept with a trouble."""
        return tuple(Taken(one.made.text, one.gives, one.why) for one in self.walk(raw))


def plan_field(name: str, mapped: MappedField, target: FieldSpec, world: World) -> Plan | Problem:
    """Return a field ready to run, or the one thing that is wrong with it, at its place."""
    at = f"fields.{name}"
    try:
        path = read_path(mapped.from_)
    except PathError as error:
        fix = "Write it like $.host.hostid or $.tags[?(@.tag=='site')].value."
        return Problem(f"{at}.from", f"The path cannot be read: {error}.", fix)
    steps: list[Made] = []
    for place, written in _written(mapped, target):
        if isinstance(written, Problem):
            return Problem(f"{at}.{written.path}", written.what, written.fix)
        try:
            steps.append(make_step(written, replace(world, insists=mapped.reverse == "always")))
        except StepDefinitionError as error:
            return Problem(f"{at}.{place}", f"The step cannot be used: {str(error).rstrip('.')}.", _STEPS_PAGE)
    referred = _reference(steps, target)
    if isinstance(referred, Problem):
        return Problem(f"{at}.{referred.path}", referred.what, referred.fix)
    listed = target.type == "list" or bool(steps and steps[0].step.takes_list)
    words = frozenset(target.words) if target.words is not None else None
    plan = Plan(name, path, tuple(steps), listed, CLASSES[target.type], words, target, mapped, referred)
    if "default" in mapped.model_fields_set and not _fits(mapped.default, plan):
        fix = f"Give a default of type {target.type}" + (f": one of {', '.join(target.words)}." if target.words else ".")
        return Problem(f"{at}.default", f"The default {mapped.default!r} does not fit the field.", fix)
    return plan


def _written(mapped: MappedField, target: FieldSpec) -> list[tuple[str, Json]]:
    """Return every step of a field with its place: those written, its table, its unit, and those its type asks for."""
    steps: list[tuple[str, Json]] = [(f"steps.{n}", one) for n, one in enumerate(mapped.steps)]
    names = [one if isinstance(one, str) else next(iter(one), "") for one in mapped.steps if isinstance(one, str | dict)]
    if mapped.table is not None:
        steps.append(("table", {"table": mapped.table}))
    if mapped.unit is not None:
        steps.append(("unit", _unit(mapped.unit, target)))
    if mapped.zone is not None:
        steps.append(("zone", _time_of(mapped.zone, names, target)))
    elif target.type == "time" and not set(names) & set(_TIME_STEPS):
        steps.append(("steps", "time"))
    last = "table" if mapped.table is not None else names[-1] if names else ""
    if target.type == "ref" and last not in ("string", "join", "lookup"):
        steps.append(("steps", "string"))
    return steps


def _unit(unit: str, target: FieldSpec) -> Json:
    if target.unit is None:
        return Problem("unit", "The field has no unit to convert into.", "Give the entity's field a `unit` (UCUM).")
    if target.type not in ("number", "integer"):
        return Problem("unit", f"A field of type {target.type} has no unit.", "Remove `unit`, or make the field a number.")
    return "number" if unit == target.unit else {"unit": {"from": unit, "to": target.unit}}


def _time_of(zone: str, names: list[str], target: FieldSpec) -> Json:
    if target.type != "time":
        return Problem("zone", f"A field of type {target.type} has no time zone.", "Remove `zone`.")
    if set(names) & set(_TIME_STEPS):
        return Problem("zone", "A step reads the time already.", "Give the step time the `zone`.")
    return {"time": {"zone": zone}}


def _reference(steps: list[Made], target: FieldSpec) -> Reference | Problem | None:
    """Return which id a field holds, if any: that of its type ref, or what its last step looks up."""
    places = [n for n, made in enumerate(steps) if made.name == "lookup"]
    if not places:
        return Reference(target.to) if target.to is not None else None
    if places != [len(steps) - 1]:
        return Problem(f"steps.{places[0]}", "The step lookup comes last.", "Put the other steps before it.")
    found = reference(steps[-1].argument)
    if target.type not in ("ref", "string") or target.to not in (None, found.etype):
        holds = f"refers to a {target.to}" if target.to is not None else f"is of type {target.type}"
        what = f"The step looks up a {found.etype}, and the field {holds}."
        return Problem(f"steps.{places[0]}", what, "Look up what the field refers to.")
    return found


def _fits(value: Json, plan: Plan) -> bool:
    return value.__class__ in plan.classes and (plan.words is None or value in plan.words)
