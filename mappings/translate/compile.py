"""
A mapping, compiled once into one function and run per record.

The function reads all paths, and takes each value through its steps, its type and its words; what is plain costs a
handful of instructions. What cannot be used is settled by the field's policy, and never in silence: every field that
was refused, quarantined or left out although it was there is a ``FieldTrouble``.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

from core.definitions import Problem, near
from core.words import FieldState, Json
from mappings.models import EntitySpec, FieldSpec, MappingSpec
from mappings.translate.crosswalk import Reference
from mappings.translate.getter import Reader, generated
from mappings.translate.plan import CLASSES, Plan, plan_field
from mappings.translate.settle import Several, absent, invalid, several, unfit
from mappings.translate.step import StepError, Vanished, World
from mappings.translate.tables import CodeTable
from mappings.translate.translation import Translated, Translation


@dataclass(frozen=True, slots=True)
class Mapping:
    """
    A live mapping, compiled. ``refs`` are the fields whose value is an external id that the caller resolves.

    ``plans`` are its fields in order, for whoever explains or reverses them.
    """

    name: str
    spec: MappingSpec
    entity: EntitySpec
    version_id: int | None
    refs: dict[str, Reference]
    plans: dict[str, Plan]
    run: Callable[[Json, Translation], None]

    @property
    def to(self) -> str:
        """Return the entity type that it fills."""
        return self.spec.to

    @property
    def pii(self) -> frozenset[str]:
        """Return the fields that tell of a person."""
        return frozenset(name for name, plan in self.plans.items() if plan.pii)

    def translate(self, record: Table[str, Json]) -> Translation:
        """Return what a record becomes."""
        out = Translation(self.name, {})
        self.run(record, out)
        return out


def translate(mapping: Mapping, record: Table[str, Json]) -> Translation:
    """Return what a record becomes under a compiled mapping; pure."""
    return mapping.translate(record)


def compile_mapping(
    spec: MappingSpec, entity: EntitySpec, tables: Table[str, CodeTable], version_id: int | None = None
) -> Mapping | list[Problem]:
    """Return the compiled mapping, or every reason why it cannot be one."""
    world = World(tables)
    plans: dict[str, Plan] = {}
    problems: list[Problem] = []
    for name, mapped in spec.fields.items():
        target = entity.fields.get(name)
        if target is None:
            guess = near(name, entity.fields)
            known = f"Known: {', '.join(sorted(entity.fields))}."
            fix = (f"Did you mean {guess!r}? " if guess else "") + known
            problems.append(Problem(f"fields.{name}", f"The entity {entity.name} has no field {name!r}.", fix))
            continue
        made = plan_field(name, mapped, target, world)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            plans[name] = made
    if problems:
        return problems
    refs = {name: plan.reference for name, plan in plans.items() if plan.reference is not None}
    return Mapping(spec.name, spec, entity, version_id, refs, plans, _generate(list(plans.values())))


def _generate(plans: list[Plan]) -> Callable[[Json, Translation], None]:
    """Return the one function of a mapping: per field it reads, runs the steps, and writes or settles."""
    reader = Reader()
    names = reader.names
    names |= {
        "T": Translated,
        "new": tuple.__new__,
        "PRESENT": FieldState.PRESENT,
        "StepError": StepError,
        "Vanished": Vanished,
    }
    names |= {"Several": Several, "absent": absent, "invalid": invalid, "several": several, "unfit": unfit}
    lines = ["def run(d, out):", "    fields, seen = out.fields, out.words"]
    for n, plan in enumerate(plans):
        names[f"p{n}"] = plan
        lines += [f"    {line}" for line in (*reader.lines(n, plan.path), *_field_lines(n, plan, names))]
    run: Callable[[Json, Translation], None] = generated("run", lines, names)
    return run


def _field_lines(n: int, plan: Plan, names: dict[str, Any]) -> list[str]:
    """Return the lines that make of ``r``, the raw value, what becomes of field ``n``."""
    lines = [f"r = several(r, p{n}, out)"] if plan.path.many else []
    if not plan.steps:
        return [*lines, *_writing(n, plan, "r", names)]
    begin = f"if r is None or r is MISSING{' or r.__class__ is Several' if plan.path.many else ''}:"
    steps = []
    for k, made in enumerate(plan.steps):
        names[f"s{n}_{k}"] = made.lens.run
        steps.append(f"v = s{n}_{k}({'v' if k else 'r'}{', seen' if made.lens.told else ''})")
    return [
        *lines,
        begin,
        f"    absent(p{n}, r, out)",
        "else:",
        "    try:",
        *(f"        {step}" for step in steps),
        "    except StepError as e:",
        f"        invalid(p{n}, e, r, out)",
        "    except Vanished:",
        f"        unfit(p{n}, MISSING, r, out)",
        "    else:",
        *(f"        {line}" for line in _writing(n, plan, "v", names)),
    ]


def _writing(n: int, plan: Plan, value: str, names: dict[str, Any]) -> list[str]:
    """Return the lines that write a value of the right type and words, and settle any other."""
    classes = plan.classes
    fits = f"{value}.__class__ is {classes[0].__name__}"
    if len(classes) > 1:
        fits = f"({' or '.join(f'{value}.__class__ is {one.__name__}' for one in classes)})"
    if plan.words is not None:
        names[f"w{n}"] = plan.words
        fits += f" and {value} in w{n}"
    return [
        f"if {fits}:",
        f"    fields[{plan.name!r}] = new(T, (PRESENT, {value}, r, {plan.path.text!r}))",
        "else:",
        f"    unfit(p{n}, {value}, r, out)",
    ]


def fits(value: Json, target: FieldSpec) -> bool:
    """
    Say whether a value has the field's type and is one of its words.

    >>> fits(True, FieldSpec(type="integer"))
    False
    """
    return value.__class__ in CLASSES[target.type] and (target.words is None or value in target.words)
