"""A bridge as its author writes it: the model, what can be wrong with it, and the lineage it draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.definitions import Catalogue, Edge, Problem, unknown
from core.errors import TielineError
from core.expressions import compile_condition, compile_formula
from mappings.models import MappingSpec
from mappings.reverse import way
from mappings.specs import compiled, read

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=80)]
EVENT_NAMES: tuple[Literal["created", "changed"], ...] = ("created", "changed")
"""What a bridge watches that names no events; merged and unmerged (``bridges.moves``) have to be named."""


class Part(BaseModel):
    """The base of every part: a word that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class On(Part):
    """Which events are candidates: an entity, what happened to it, and (optionally) to which of its fields."""

    entity: str
    events: tuple[Literal["created", "changed", "merged", "unmerged"], ...] = EVENT_NAMES
    fields: tuple[str, ...] = ()


class IdOf(Part):
    """An argument: the id that the step's connector knows an entity of the scope by."""

    id_of: str


class FromStep(Part):
    """An argument: something that an earlier step brought back."""

    step: str
    take: str = "external_id"


class Back(Part):
    """An argument: a value of ours (CEL) as the connector says it, by the mapping that reads it: ``roundup-issues.status``."""

    back: str
    through: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_]*$")]


Argument = str | IdOf | FromStep | Back
"""
A CEL expression over the scope, the external id of an entity, the result of an earlier step, or a value written back
through a mapping.
"""


class StepSpec(Part):
    """One thing to do: an act of a connector, or a snapshot by a recipe."""

    id: Name
    connector: str | None = None
    act: str | None = None
    snapshot: str | None = None
    target: str | None = None
    creates: str | None = None
    sets: dict[str, str] = Field(default_factory=dict)
    after: tuple[str, ...] = ()
    arguments: dict[str, Argument] = Field(default_factory=dict, alias="with")


class BridgeSpec(Part):
    """When this changes, under this condition, do these steps."""

    kind: Literal["bridge"] = "bridge"
    name: Name
    title: dict[str, str] | None = None
    on: On
    join: dict[str, str] = Field(default_factory=dict)
    when: str
    exact: bool = False
    urgent: str | None = None
    steps: tuple[StepSpec, ...] = Field(min_length=1)


def aliases(spec: BridgeSpec, catalogue: Catalogue) -> dict[str, str]:
    """Return what each name of the scope stands for: ``{"alert": "alert", "device": "device"}``; unknown joins are left out."""
    scope = {spec.on.entity: spec.on.entity}
    for alias, reference in spec.join.items():
        etype = _referred(scope, reference, catalogue)
        if etype is not None:
            scope[alias] = etype
    return scope


def _referred(scope: Mapping[str, str], reference: str, catalogue: Catalogue) -> str | None:
    alias, _, name = reference.partition(".")
    fields: Mapping[str, Any] = catalogue.entities.get(scope.get(alias, ""), {}).get("fields", {})
    found = fields.get(name, {})
    return str(found["to"]) if found.get("type") == "ref" and "to" in found else None


def problems(spec: BridgeSpec, catalogue: Catalogue) -> list[Problem]:
    """Say everything that keeps this bridge from being published."""
    entity = catalogue.entities.get(spec.on.entity)
    if entity is None:
        return [unknown("on.entity", "entity", spec.on.entity, catalogue.entities)]
    return [
        *(
            unknown(f"on.fields.{n}", f"field of {spec.on.entity}", name, entity.get("fields", {}))
            for n, name in enumerate(spec.on.fields)
            if name not in entity.get("fields", {})
        ),
        *_join_problems(spec, catalogue),
        *_condition_problems(spec, catalogue),
        *_step_problems(spec, catalogue),
    ]


def _join_problems(spec: BridgeSpec, catalogue: Catalogue) -> Iterator[Problem]:
    scope = aliases(spec, catalogue)
    for alias, reference in spec.join.items():
        if alias not in scope:
            yield Problem(
                f"join.{alias}",
                f"{reference!r} is not a reference to another entity.",
                "Name a field of type ref, such as alert.device, of an entity that stands before it.",
            )


def _condition_problems(spec: BridgeSpec, catalogue: Catalogue) -> Iterator[Problem]:
    types = catalogue.types(aliases(spec, catalogue))
    for path, source in (("when", spec.when), ("urgent", spec.urgent)):
        if source is not None:
            try:
                compile_condition(source, types, exact=spec.exact)
            except TielineError as error:
                yield Problem(path, f"{error.what} {error.why}".strip(), error.fix)


def _step_problems(spec: BridgeSpec, catalogue: Catalogue) -> Iterator[Problem]:
    scope = aliases(spec, catalogue)
    seen: dict[str, StepSpec] = {}
    for n, step in enumerate(spec.steps):
        path = f"steps.{n}"
        if step.id in seen:
            yield Problem(f"{path}.id", f"The step {step.id!r} stands twice.", "Give every step its own id.")
        for earlier in step.after:
            if earlier not in seen:
                yield unknown(f"{path}.after", "earlier step", earlier, seen)
        if step.snapshot is not None:
            if step.act is not None or step.connector is not None:
                yield Problem(path, "A step is either a snapshot or an act.", "Split it into two steps.")
            if step.snapshot not in catalogue.recipes:
                yield unknown(f"{path}.snapshot", "recipe", step.snapshot, catalogue.recipes)
        else:
            yield from _act_problems(path, step, catalogue)
        yield from _target_problems(path, step, scope, seen, catalogue)
        yield from _argument_problems(path, step, catalogue.types(scope), scope, seen)
        yield from back_problems(path, step, catalogue, catalogue.types(scope))
        seen[step.id] = step


def _act_problems(path: str, step: StepSpec, catalogue: Catalogue) -> Iterator[Problem]:
    if step.connector is None or step.act is None:
        yield Problem(path, "A step needs a connector and an act, or a snapshot.", "Add connector: and act:, or snapshot:.")
        return
    kind = catalogue.kinds.get(step.connector)
    if kind is None:
        yield unknown(f"{path}.connector", "connector", step.connector, catalogue.kinds)
        return
    acts = {act.name: act for act in kind.acts}
    if step.act not in acts:
        yield unknown(f"{path}.act", f"act of {kind.name}", step.act, acts)
        return
    offered = {field.name: field for field in acts[step.act].arguments}
    given = set(step.arguments) | ({"id"} if step.target else set()) | ({"tieline_ref"} if step.creates else set())
    for name in sorted(given - set(offered) - {"tieline_ref"}):
        yield unknown(f"{path}.with.{name}", f"argument of {kind.name}.{step.act}", name, offered)
    for name, field in offered.items():
        if field.required and name not in given:
            yield Problem(f"{path}.with", f"The act {step.act} needs {name!r}.", f"Add {name}: to with. {field.help}".strip())


def _target_problems(
    path: str, step: StepSpec, scope: Mapping[str, str], seen: Mapping[str, StepSpec], catalogue: Catalogue
) -> Iterator[Problem]:
    creating = {one.id for one in seen.values() if one.creates}
    if step.target is not None and step.target not in scope and step.target not in creating:
        yield unknown(f"{path}.target", "entity in scope or creating step", step.target, [*scope, *creating])
    if step.creates is not None and step.creates not in catalogue.entities:
        yield unknown(f"{path}.creates", "entity", step.creates, catalogue.entities)
    if step.target in creating and step.target not in step.after:
        yield Problem(
            f"{path}.after", f"The target {step.target!r} is made by an earlier step.", f"Add after: [{step.target}]."
        )
    for left, right in step.sets.items():
        alias, _, name = left.partition(".")
        etype = step.creates if alias == step.id else scope.get(alias)
        fields = catalogue.entities.get(etype or "", {}).get("fields", {})
        if name not in fields:
            yield unknown(f"{path}.sets.{left}", f"field of {etype or alias}", name, fields)
        if right != step.id and right not in scope:
            yield unknown(f"{path}.sets.{left}", "entity in scope", right, [*scope, step.id])


def _argument_problems(
    path: str, step: StepSpec, types: Mapping[str, str], scope: Mapping[str, str], seen: Mapping[str, StepSpec]
) -> Iterator[Problem]:
    for name, argument in step.arguments.items():
        if isinstance(argument, IdOf):
            if argument.id_of not in scope:
                yield unknown(f"{path}.with.{name}", "entity in scope", argument.id_of, scope)
        elif isinstance(argument, Back):
            continue  # back_problems says it
        elif isinstance(argument, FromStep):
            if argument.step not in step.after or argument.step not in seen:
                yield Problem(
                    f"{path}.with.{name}",
                    f"It takes from step {argument.step!r}, which does not come before.",
                    f"Add {argument.step} to after: and define it above.",
                )
        else:
            try:
                compile_formula(argument, types)
            except TielineError as error:
                yield Problem(f"{path}.with.{name}", f"{error.what} {error.why}".strip(), error.fix)


def back_problems(path: str, step: StepSpec, catalogue: Catalogue, types: Mapping[str, str]) -> Iterator[Problem]:
    """Say why a value cannot be written back: no such mapping or field, another system's, or a law that fails."""
    for name, argument in step.arguments.items():
        if not isinstance(argument, Back):
            continue
        at = f"{path}.with.{name}"
        mapping_name, _, field = argument.through.partition(".")
        written = catalogue.mappings.get(mapping_name)
        model = read("mapping", dict(written)) if written is not None else None
        if not isinstance(model, MappingSpec):
            yield unknown(f"{at}.through", "mapping", mapping_name, catalogue.mappings)
            continue
        mapping = compiled(model, catalogue)
        if isinstance(mapping, list):
            continue  # the mapping's own problem
        if field not in mapping.plans:
            yield unknown(f"{at}.through", f"field of the mapping {mapping_name}", field, mapping.plans)
            continue
        kind = catalogue.kinds.get(str(step.connector))
        if (kind is not None and kind.name != model.from_.kind) or model.from_.connector not in (None, step.connector):
            reads = model.from_.connector or model.from_.kind
            what = f"The mapping {mapping_name} reads {reads}, and the step writes to {step.connector}."
            yield Problem(f"{at}.through", what, "Name the mapping that reads what this step writes.")
        found = way(mapping, field)
        if found.way != "two-way":
            what = f"{argument.through} is one-way. {found.told}"
            yield Problem(
                f"{at}.through", what, "Correct the mapping, or accept the loss with `reverse: always` on that field."
            )
        yield from _back_expression(at, argument, types, mapping.plans[field].target.type)


def _back_expression(at: str, argument: Back, types: Mapping[str, str], word: str) -> Iterator[Problem]:
    try:
        formula = compile_formula(argument.back, types)
    except TielineError as error:
        yield Problem(f"{at}.back", f"{error.what} {error.why}".strip(), error.fix)
        return
    if not formula.fits(word):
        fix = f"Change the expression; {argument.through} is of type {word}."
        yield Problem(f"{at}.back", f"It gives {formula.returns}.", fix)


def edges(spec: BridgeSpec, catalogue: Catalogue) -> list[Edge]:
    """Return the arrows this bridge draws: what its condition reads, and what its arguments are made of."""
    scope = aliases(spec, catalogue)
    types = catalogue.types(scope)
    bridge = f"bridge:{spec.name}"
    made = [
        Edge(_field(name, scope), bridge, "INDIRECT", "CONDITIONAL", source)
        for source in (spec.when, spec.urgent)
        if source is not None
        for name, _ in compile_condition(source, types, exact=spec.exact).inputs
    ]
    made += [Edge(f"field:{spec.on.entity}.{name}", bridge, "INDIRECT", "CONDITIONAL", "on.fields") for name in spec.on.fields]
    for step in spec.steps:
        made += _step_edges(spec, step, scope, types)
    return list(dict.fromkeys(made))


def _step_edges(spec: BridgeSpec, step: StepSpec, scope: Mapping[str, str], types: Mapping[str, str]) -> Iterator[Edge]:
    bridge = f"bridge:{spec.name}"
    act = f"act:{step.connector}/{step.act}" if step.snapshot is None else f"recipe:{step.snapshot}"
    yield Edge(bridge, act, "INDIRECT", "CONDITIONAL", f"step {step.id}")
    for name, argument in step.arguments.items():
        node = f"{act}/{name}"
        if isinstance(argument, str):
            for source, kind in compile_formula(argument, types).inputs:
                identity = argument.strip() == source
                yield Edge(_field(source, scope), node, kind, "IDENTITY" if identity else "TRANSFORMATION", argument)
        elif isinstance(argument, Back):
            for source, kind in compile_formula(argument.back, types).inputs:
                detail = f"{argument.back}, back through {argument.through}"
                yield Edge(_field(source, scope), node, kind, "TRANSFORMATION", detail)
        elif isinstance(argument, FromStep):
            earlier = next(one for one in spec.steps if one.id == argument.step)
            origin = f"act:{earlier.connector}/{earlier.act}" if earlier.snapshot is None else f"recipe:{earlier.snapshot}"
            yield Edge(origin, node, "DIRECT", "IDENTITY", f"{argument.step}.{argument.take}")
    for left, right in step.sets.items():
        alias, _, name = left.partition(".")
        etype = step.creates if alias == step.id else scope.get(alias, alias)
        yield Edge(bridge, f"field:{etype}.{name}", "DIRECT", "TRANSFORMATION", f"sets {left}: {right}")


def _field(name: str, scope: Mapping[str, str]) -> str:
    alias, _, rest = name.partition(".")
    return f"field:{scope.get(alias, alias)}.{rest}"
