"""
What is wrong with a definition of this room, and which lineage it draws.

``read`` gives the model or the faults of form; ``problems`` checks what it refers to, compiles it and
runs its cases; ``edges`` are the arrows written in the publishing transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.definitions import Catalogue, Edge, Problem, unknown
from core.expressions import RESERVED as CEL_WORDS
from core.expressions import InvalidExpressionError, compile_formula
from core.words import Json
from mappings.cases import run
from mappings.formulas import cycles
from mappings.models import (
    RESERVED,
    CodeTableSpec,
    EntitySpec,
    FieldSpec,
    FormulaSpec,
    FromSpec,
    MappedField,
    MappingSpec,
    Spec,
    read,
)
from mappings.translate import CodeTable, compile_mapping, compile_tables
from mappings.translate import Mapping as Compiled
from mappings.translate.paths import PathError, read_path

__all__ = ["CodeTableSpec", "EntitySpec", "FormulaSpec", "MappingSpec", "Spec", "compiled", "edges", "problems", "read"]

_SEVERAL = re.compile(r"\[[^\]]*\]")


def problems(spec: Spec, catalogue: Catalogue) -> list[Problem]:
    """Say everything that keeps this definition from being published."""
    if isinstance(spec, EntitySpec):
        return list(_entity_problems(spec, catalogue))
    if isinstance(spec, MappingSpec):
        return _mapping_problems(spec, catalogue)
    if isinstance(spec, FormulaSpec):
        return _formula_problems(spec, catalogue)
    return _table_problems(spec, catalogue)


def compiled(spec: MappingSpec, catalogue: Catalogue) -> Compiled | list[Problem]:
    """Return the mapping ready to run (for cases and dry runs), or why it cannot be."""
    entity = catalogue.entities.get(spec.to)
    model = read("entity", dict(entity)) if entity is not None else None
    if not isinstance(model, EntitySpec):
        return [unknown("to", "entity", spec.to, catalogue.entities)]
    return compile_mapping(spec, model, code_tables(catalogue.tables)[0])


def code_tables(tables: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, CodeTable], dict[str, Problem]]:
    """Return every code table that can be used, and of the others (that can be read) why not."""
    models = (read("code_table", dict(spec)) for spec in tables.values())
    return compile_tables(model for model in models if isinstance(model, CodeTableSpec))


def _table_problems(spec: CodeTableSpec, catalogue: Catalogue) -> list[Problem]:
    if not spec.rows:
        return [Problem("rows", "The code table is empty.", "Add rows: foreign word: our word.")]
    _, faults = code_tables({**catalogue.tables, spec.name: spec.model_dump(by_alias=True)})
    return [faults[spec.name]] if spec.name in faults else []


def _entity_problems(spec: EntitySpec, catalogue: Catalogue) -> Iterator[Problem]:
    for name, field in spec.fields.items():
        if name in CEL_WORDS:
            yield Problem(f"fields.{name}", f"{name!r} is a word of the expression language.", "Choose another name.")
        if name in RESERVED:
            yield Problem(
                f"fields.{name}", f"The name {name!r} is taken: {spec.name}.id is the master ID.", "Choose another name."
            )
        if field.to is not None and field.to != spec.name and field.to not in catalogue.entities:
            yield unknown(f"fields.{name}.to", "entity", field.to, catalogue.entities)
    yield from _trust_problems(spec, catalogue)
    for other, other_spec in catalogue.entities.items():
        if other != spec.name and other_spec.get("prefix") == spec.prefix:
            yield Problem("prefix", f"The entity {other} has the prefix {spec.prefix} already.", "Choose another prefix.")


def _trust_problems(spec: EntitySpec, catalogue: Catalogue) -> Iterator[Problem]:
    for name, trusted in spec.sources.items():
        if name != "*" and name not in spec.fields:
            yield unknown(f"sources.{name}", "field", name, spec.fields)
        if catalogue.kinds:
            for n, connector in enumerate(trusted):
                if connector not in catalogue.kinds:
                    yield unknown(f"sources.{name}.{n}", "connector", connector, catalogue.kinds)


def _mapping_problems(spec: MappingSpec, catalogue: Catalogue) -> list[Problem]:
    found = list(_source_problems(spec, catalogue))
    mapping = compiled(spec, catalogue)
    if isinstance(mapping, list):
        return found + mapping
    found += [
        Problem(
            f"fields.{name}",
            f"The field {spec.to}.{name} is computed by the formula {formula}.",
            "Map it or compute it, not both.",
        )
        for formula, written in catalogue.formulas.items()
        for name in spec.fields
        if written.get("of") == f"{spec.to}.{name}"
    ]
    found += _lookup_problems(mapping, catalogue)
    return found + [problem for tried in run(spec, mapping) for problem in tried.problems]


def _lookup_problems(mapping: Compiled, catalogue: Catalogue) -> Iterator[Problem]:
    """Say which looked-up entity or connector is not there; a ref's own entity is the entity definition's business."""
    for name, plan in mapping.plans.items():
        if plan.reference is None or not plan.steps or plan.steps[-1].name != "lookup":
            continue
        at = f"fields.{name}.steps.{len(plan.steps) - 1}"
        if plan.reference.etype not in catalogue.entities:
            yield unknown(at, "entity", plan.reference.etype, catalogue.entities)
        if plan.reference.connector is not None and catalogue.kinds and plan.reference.connector not in catalogue.kinds:
            yield unknown(at, "connector", plan.reference.connector, catalogue.kinds)


def _source_problems(spec: MappingSpec, catalogue: Catalogue) -> Iterator[Problem]:
    kinds = _kinds(spec.from_, catalogue)
    if isinstance(kinds, Problem):
        yield kinds
        return
    if not kinds:
        return
    streams = {stream.name: stream for stream in kinds[0].streams}
    if spec.from_.stream not in streams:
        yield unknown("from.stream", f"stream of {spec.from_.kind}", spec.from_.stream, streams)
        return
    declared = [field.name for field in streams[spec.from_.stream].fields]
    for name, mapped in spec.fields.items():
        try:
            keys = read_path(mapped.from_).keys
        except PathError:
            continue  # compile_mapping says it
        if declared and keys and not _offered(keys, declared):
            yield unknown(f"fields.{name}.from", f"field of {spec.from_.kind}/{spec.from_.stream}", ".".join(keys), declared)


def _kinds(source: FromSpec, catalogue: Catalogue) -> list[Any] | Problem:
    """Return the kind that the mapping reads; [] when no connector of it is known here, so nothing can be compared."""
    if source.connector is not None and catalogue.kinds:
        kind = catalogue.kinds.get(source.connector)
        if kind is None:
            return unknown("from.connector", "connector", source.connector, catalogue.kinds)
        if kind.name != source.kind:
            return Problem(
                "from.kind",
                f"The connector {source.connector} is of kind {kind.name}, not {source.kind}.",
                f"Write kind: {kind.name}.",
            )
    return [kind for kind in catalogue.kinds.values() if kind.name == source.kind]


def _offered(keys: tuple[str, ...], declared: list[str]) -> bool:
    """
    Say whether a path stays within the declared fields: ``tags`` allows ``$.tags[0].value``.

    >>> _offered(("host", "hostd"), ["host.hostid", "tags"])
    False
    >>> _offered(("tags", "value"), ["host.hostid", "tags"])
    True
    """
    known = {tuple(_SEVERAL.sub("", name.removeprefix("$.")).split(".")) for name in declared}
    parents = {parts[:n] for parts in known for n in range(1, len(parts))}
    return keys in parents or any(keys[:n] in known and keys[:n] not in parents for n in range(1, len(keys) + 1))


def _formula_problems(spec: FormulaSpec, catalogue: Catalogue) -> list[Problem]:
    etype, _, name = spec.of.partition(".")
    if etype not in catalogue.entities:
        return [unknown("of", "entity", etype, catalogue.entities)]
    fields = catalogue.entities[etype].get("fields", {})
    if name not in fields:
        return [unknown("of", f"field of {etype}", name, fields)]
    found: list[Problem] = []
    for other, written in catalogue.formulas.items():
        if other != spec.name and written.get("of") == spec.of:
            found.append(Problem("of", f"The formula {other} computes {spec.of} already.", "Keep one of the two."))
    try:
        formula = compile_formula(spec.expression, catalogue.types({etype: etype}))
    except InvalidExpressionError as error:
        return [*found, error.problem("expression")]
    target = FieldSpec.model_validate(fields[name])
    if not formula.fits(target.type):
        fix = f"Change the expression, or the field's type {target.type}."
        found.append(Problem("expression", f"It gives {formula.returns}, and {spec.of} is of type {target.type}.", fix))
    reads = {spec.of: {name for name, _ in formula.inputs}} | _reads(catalogue, spec)
    return found + [
        Problem("expression", f"It needs itself: {' -> '.join(cycle)}.", "Compute one of these fields from something else.")
        for cycle in cycles(reads)
        if spec.of in cycle
    ]


def _reads(catalogue: Catalogue, but: FormulaSpec) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for written in catalogue.formulas.values():
        of = str(written.get("of", ""))
        etype = of.partition(".")[0]
        if of == but.of or etype not in catalogue.entities:
            continue
        try:
            inputs = compile_formula(str(written.get("expression", "")), catalogue.types({etype: etype})).inputs
        except InvalidExpressionError:
            continue  # that formula's own problem
        found[of] = {name for name, _ in inputs}
    return found


def edges(spec: Spec, catalogue: Catalogue) -> list[Edge]:
    """Return the arrows this definition draws: foreign path to field, operand to computed field."""
    if isinstance(spec, MappingSpec):
        return [edge for name, mapped in spec.fields.items() for edge in _mapped_edges(spec, name, mapped)]
    if isinstance(spec, FormulaSpec):
        etype = spec.of.partition(".")[0]
        formula = compile_formula(spec.expression, catalogue.types({etype: etype}))
        return [
            Edge(f"field:{name}", f"field:{spec.of}", str(kind), _subtype(str(kind), name, spec.expression), spec.expression)
            for name, kind in formula.inputs
        ]
    return []


def _subtype(kind: str, name: str, expression: str) -> str:
    if kind != "DIRECT":
        return "CONDITIONAL"
    return "IDENTITY" if expression.strip() == name else "TRANSFORMATION"


def named_tables(spec: Mapping[str, Any]) -> set[str]:
    """Return the code tables that a mapping names, from the document as it is written."""
    fields = spec.get("fields")
    written = [one for one in fields.values() if isinstance(one, dict)] if isinstance(fields, dict) else []
    return {table for one in written for table in _tables_of(one.get("table"), one.get("steps"))}


def _tables_of(table: Json, steps: Json) -> list[str]:
    """Return the code tables of a field, in the order in which they are asked; also those inside map."""
    found = [table] if isinstance(table, str) else []
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            inner = step.get("map")
            found += _tables_of(step.get("table"), inner if isinstance(inner, list) else [inner])
    return found


def _mapped_edges(spec: MappingSpec, name: str, mapped: MappedField) -> Iterator[Edge]:
    field = f"field:{spec.to}.{name}"
    steps = [_said(step) for step in mapped.steps]
    if mapped.table is not None:
        steps.append(f"table {mapped.table}" if isinstance(mapped.table, str) else "table")
    subtype = "TRANSFORMATION" if steps else "IDENTITY"
    yield Edge(
        f"source:{spec.from_.kind}/{spec.from_.stream}/{mapped.from_}", field, "DIRECT", subtype, ", ".join(steps) or None
    )
    for table in dict.fromkeys(_tables_of(mapped.table, mapped.steps)):
        yield Edge(f"table:{table}", field, "INDIRECT", "JOIN", f"looked up by {mapped.from_}")


def _said(step: Json) -> str:
    if isinstance(step, dict):
        return " ".join(f"{name} {argument!r}" for name, argument in step.items())
    return str(step)
