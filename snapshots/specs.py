"""A recipe as its author writes it: the model, what can be wrong with it, and the lineage it draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from connectors.kit.contract import FieldType, Kind, Lookup
from core.definitions import Catalogue, Edge, Problem, unknown
from core.expressions import InvalidExpressionError, compile_formula
from mappings.models import FieldName, Slug, Strict, Title

LONGEST_MS = 60_000


class IdOf(Strict):
    """An input: the id that the facet's connector knows an entity of the scope by."""

    id_of: str


class FacetSpec(Strict):
    """One read: which lookup of which connector, with what, how old it may be, how long it is waited for."""

    title: Title | None = None
    connector: str
    lookup: str
    inputs: dict[str, str | IdOf] = Field(default_factory=dict, alias="with")
    stale_after_s: int | None = Field(default=None, ge=1)
    budget_ms: int | None = Field(default=None, ge=10, le=LONGEST_MS)


class RecipeSpec(Strict):
    """Which facets a snapshot of a subject holds, and the one deadline for all of them."""

    kind: Literal["recipe"] = "recipe"
    name: Slug
    title: Title | None = None
    subject: str
    join: dict[str, str] = Field(default_factory=dict)
    deadline_ms: int = Field(default=4000, ge=50, le=LONGEST_MS)
    facets: dict[FieldName, FacetSpec] = Field(min_length=1, max_length=20)


def aliases(spec: RecipeSpec, entities: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return which entity stands behind each name of the scope; a join that leads nowhere is left out."""
    scope = {spec.subject: spec.subject}
    for alias, reference in spec.join.items():
        origin, _, name = reference.partition(".")
        field = entities.get(scope.get(origin, ""), {}).get("fields", {}).get(name, {})
        if field.get("type") == "ref" and "to" in field:
            scope[alias] = str(field["to"])
    return scope


def problems(spec: RecipeSpec, catalogue: Catalogue) -> list[Problem]:
    """Say everything that keeps this recipe from being published."""
    if spec.subject not in catalogue.entities:
        return [unknown("subject", "entity", spec.subject, catalogue.entities)]
    scope = aliases(spec, catalogue.entities)
    found = [
        Problem(
            f"join.{alias}",
            f"{reference!r} is not a reference to another entity.",
            f"Name a field of type ref, such as {spec.subject}.device, of a name that stands before it.",
        )
        for alias, reference in spec.join.items()
        if alias not in scope
    ]
    for name, facet in spec.facets.items():
        found += _facet_problems(f"facets.{name}", spec, facet, scope, catalogue)
    return found


def _facet_problems(
    path: str, spec: RecipeSpec, facet: FacetSpec, scope: Mapping[str, str], catalogue: Catalogue
) -> Iterator[Problem]:
    if facet.budget_ms is not None and facet.budget_ms > spec.deadline_ms:
        yield Problem(
            f"{path}.budget_ms",
            f"The budget of {facet.budget_ms} ms is longer than the deadline of {spec.deadline_ms} ms.",
            "Shorten the budget or lengthen deadline_ms.",
        )
    kind: Kind | None = catalogue.kinds.get(facet.connector)
    if kind is None:
        yield unknown(f"{path}.connector", "connector", facet.connector, catalogue.kinds)
    lookups = {} if kind is None else {one.name: one for one in kind.lookups}
    if kind is not None and facet.lookup not in lookups:
        yield unknown(f"{path}.lookup", f"lookup of {kind.name}", facet.lookup, lookups)
    lookup = lookups.get(facet.lookup)
    types = catalogue.types(scope)
    for name, given in facet.inputs.items():
        yield from _input_problems(f"{path}.with.{name}", name, given, lookup, scope, types)
    for one in lookup.inputs if lookup is not None else ():
        if one.required and one.name not in facet.inputs:
            yield Problem(
                f"{path}.with", f"The lookup {facet.lookup} needs {one.name!r}.", f"Add {one.name}: to with. {one.help}".strip()
            )


def _input_problems(
    path: str, name: str, given: str | IdOf, lookup: Lookup | None, scope: Mapping[str, str], types: Mapping[str, str]
) -> Iterator[Problem]:
    offered = {one.name: one for one in lookup.inputs} if lookup is not None else {}
    if lookup is not None and name not in offered:
        yield unknown(path, f"input of {lookup.name}", name, offered)
    if isinstance(given, IdOf):
        if given.id_of not in scope:
            yield unknown(path, "entity in scope", given.id_of, scope)
        return
    try:
        formula = compile_formula(given, types)
    except InvalidExpressionError as error:
        yield error.problem(path)
        return
    declared = offered.get(name)
    if declared is not None and declared.type != FieldType.STRING and not formula.fits(declared.type):
        yield Problem(
            path, f"The input is {declared.type}, but {given!r} gives {formula.returns}.", f"Convert it to {declared.type}."
        )


def edges(spec: RecipeSpec, catalogue: Catalogue) -> list[Edge]:
    """Return the arrows this recipe draws: from our fields to the facets, and from what the far side answers."""
    scope = aliases(spec, catalogue.entities)
    types = catalogue.types(scope)
    recipe = f"recipe:{spec.name}"
    made = [
        Edge(_field(reference, scope), recipe, "INDIRECT", "JOIN", f"join {alias}") for alias, reference in spec.join.items()
    ]
    for name, facet in spec.facets.items():
        node = f"facet:{spec.name}/{name}"
        made.append(Edge(node, recipe, "DIRECT", "AGGREGATION", name))
        for given, source in facet.inputs.items():
            if isinstance(source, str):
                made += [
                    Edge(_field(read, scope), node, "INDIRECT", "CONDITIONAL", f"{given}: {source}")
                    for read, _ in compile_formula(source, types).inputs
                ]
        kind: Kind | None = catalogue.kinds.get(facet.connector)
        lookup = next((one for one in kind.lookups if one.name == facet.lookup), None) if kind is not None else None
        made += [
            Edge(f"lookup:{facet.connector}/{facet.lookup}/{one.name}", node, "DIRECT", "IDENTITY", one.name)
            for one in (lookup.outputs if lookup is not None else ())
        ]
    return list(dict.fromkeys(made))


def _field(flat: str, scope: Mapping[str, str]) -> str:
    alias, _, name = flat.partition(".")
    return f"field:{scope.get(alias, alias)}.{name}"
