"""
The live definitions of this room, compiled, kept per process until the next publish.

A definition that no longer compiles (after an upgrade, say) does not take the others down: it is
kept out and named in ``broken``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from core.definitions import Catalogue as Authored
from core.definitions import Problem, generation, live, unknown
from core.errors import DefinitionError, TielineError
from core.expressions import compile_formula
from mappings.formulas import Computed, in_order
from mappings.matching import Rule, compile_rule
from mappings.models import CodeTableSpec, EntitySpec, FormulaSpec, MappingSpec, Spec, read
from mappings.translate import CodeTable, compile_mapping, compile_tables
from mappings.translate import Mapping as Compiled


@dataclass(frozen=True, slots=True)
class Written:
    """A definition as it is stored: its kind, its name, what its author wrote, and the version's id."""

    kind: str
    name: str
    spec: Mapping[str, Any]
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the hot path asks: which mappings read a record, which formulas follow, whose word counts."""

    generation: int
    entities: dict[str, EntitySpec] = field(default_factory=dict)
    entity_versions: dict[str, int | None] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    """How entities are matched, of those whose definition says so."""
    types: dict[str, str] = field(default_factory=dict)
    """Field types for expressions: ``{"alert.title": "string", …}``."""
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The entities as written, for compilers of other rooms."""
    broken: dict[tuple[str, str], DefinitionError] = field(default_factory=dict)
    _broken_at: dict[tuple[str, str], list[tuple[str | None, DefinitionError]]] = field(default_factory=dict)
    _mappings: dict[tuple[str, str], tuple[Compiled, ...]] = field(default_factory=dict)
    _formulas: dict[str, tuple[Computed, ...]] = field(default_factory=dict)
    _ranks: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    _survive: dict[tuple[str, str], str] = field(default_factory=dict)

    def mappings_for(self, kind: str, connector: str, stream: str) -> list[Compiled]:
        """Return the mappings that read this stream of this connector; one record may feed several, [] when unmapped."""
        found = self._mappings.get((kind, stream), ())
        return [one for one in found if one.spec.from_.connector in (None, connector)]

    def broken_for(self, kind: str, connector: str, stream: str) -> list[DefinitionError]:
        """Return the errors of live mappings that should read this stream and cannot: its records must wait for the mend."""
        return [error for only, error in self._broken_at.get((kind, stream), ()) if only in (None, connector)]

    def mapping(self, name: str) -> Compiled | DefinitionError:
        """Return a live mapping by its name, or why it cannot be used; a name that nothing has is a definition's error."""
        for found in self._mappings.values():
            for one in found:
                if one.name == name:
                    return one
        missing = unknown("", "live mapping", name, sorted({one.name for found in self._mappings.values() for one in found}))
        gone = DefinitionError(missing.what, why="It was never published, or retired.", fix=missing.fix)
        return self.broken.get(("mapping", name), gone)

    def formulas_of(self, etype: str) -> tuple[Computed, ...]:
        """Return the formulas of an entity in the order in which they must be computed."""
        return self._formulas.get(etype, ())

    def rank(self, etype: str, name: str, source: str) -> int:
        """Return the place of a source for a field: the lower wins; all are equal where the entity names no order."""
        order = self._ranks.get((etype, name))
        if order is None:
            order = self._ranks.get((etype, "*"), _NO_ORDER)
        return order.get(source, len(order))

    def survivorship(self, etype: str, name: str) -> str:
        """Return how the winning claim of a field is chosen: sources (the order of trust), newest, longest, most_complete."""
        return self._survive.get((etype, name)) or self._survive.get((etype, "*"), "sources")


_NO_ORDER: dict[str, int] = {}
_kept: WeakKeyDictionary[Engine, Catalogue] = WeakKeyDictionary()


def load(conn: Connection) -> Catalogue:
    """Return the live catalogue of this database; compiled again only after a publish."""
    now = generation(conn)
    kept = _kept.get(conn.engine)
    if kept is None or kept.generation != now:
        kept = build(
            (
                Written(one.kind, one.name, one.spec, one.version_id)
                for kind in ("entity", "code_table", "mapping", "formula")
                for one in live(conn, kind)
            ),
            now,
        )
        _kept[conn.engine] = kept
    return kept


def build(definitions: Iterable[Written], number: int = 0) -> Catalogue:
    """Compile definitions into a catalogue; pure, so that a dry run and a test use the same one as production."""
    catalogue = Catalogue(number)
    models: list[tuple[Written, Spec]] = []
    for one in definitions:
        model = read(one.kind, {"name": one.name, **one.spec})
        if isinstance(model, list):
            _break(catalogue, one, model)
        else:
            models.append((one, model))
    tables, faults = compile_tables(model for _, model in models if isinstance(model, CodeTableSpec))
    for one, model in models:
        if isinstance(model, EntitySpec):
            _add_entity(catalogue, one, model)
        elif isinstance(model, CodeTableSpec) and model.name in faults:
            _break(catalogue, one, [faults[model.name]])
    computed: dict[str, list[Computed]] = {}
    for one, model in models:
        if isinstance(model, MappingSpec):
            _add_mapping(catalogue, one, model, tables)
        elif isinstance(model, FormulaSpec):
            _add_formula(catalogue, one, model, computed)
    for etype, formulas in computed.items():
        _order(catalogue, etype, formulas)
    return catalogue


def _add_entity(catalogue: Catalogue, one: Written, model: EntitySpec) -> None:
    catalogue.entities[model.name] = model
    catalogue.entity_versions[model.name] = one.version_id
    catalogue.prefixes[model.name] = model.prefix
    if model.match is not None:
        catalogue.rules[model.name] = compile_rule(model.name, model.match)
    catalogue.specs[model.name] = one.spec
    catalogue.types.update({f"{model.name}.{name}": spec.type for name, spec in model.fields.items()})
    catalogue._survive.update({(model.name, name): how for name, how in model.survive.items()})
    for name, trusted in model.sources.items():
        catalogue._ranks[model.name, name] = {source: n for n, source in enumerate(trusted)}


def _add_mapping(catalogue: Catalogue, one: Written, model: MappingSpec, tables: Mapping[str, CodeTable]) -> None:
    entity = catalogue.entities.get(model.to)
    if entity is None:
        made: Compiled | list[Problem] = [Problem("to", f"There is no entity {model.to!r}.", "Publish the entity.")]
    else:
        made = compile_mapping(model, entity, tables, one.version_id)
    if isinstance(made, list):
        _break(catalogue, one, made)
        return
    key = (model.from_.kind, model.from_.stream)
    catalogue._mappings[key] = (*catalogue._mappings.get(key, ()), made)


def _add_formula(catalogue: Catalogue, one: Written, model: FormulaSpec, computed: dict[str, list[Computed]]) -> None:
    etype, _, name = model.of.partition(".")
    entity = catalogue.entities.get(etype)
    if entity is None or name not in entity.fields:
        _break(catalogue, one, [Problem("of", f"There is no field {model.of!r}.", "Publish the entity with it.")])
        return
    try:
        formula = compile_formula(model.expression, Authored(entities=catalogue.specs).types({etype: etype}))
    except TielineError as error:
        _break(catalogue, one, [Problem("expression", f"{error.what} {error.why}", error.fix)])
        return
    reads = frozenset(read_name.partition(".")[2] for read_name, _ in formula.inputs)
    computed.setdefault(etype, []).append(Computed(one.name, etype, name, entity.fields[name], formula, reads, one.version_id))


def _order(catalogue: Catalogue, etype: str, formulas: list[Computed]) -> None:
    ordered = in_order(formulas)
    catalogue._formulas[etype] = ordered
    for one in formulas:
        if one not in ordered:
            problem = Problem(
                "expression", f"{etype}.{one.field} needs itself, directly or through another formula.", "Break the circle."
            )
            _break(catalogue, Written("formula", one.name, {}), [problem])


def _break(catalogue: Catalogue, one: Written, problems: list[Problem]) -> None:
    """Keep a definition out, with its reason; of a mapping also which records wait for it."""
    error = _broken(one, problems)
    catalogue.broken[one.kind, one.name] = error
    source = one.spec.get("from")
    if one.kind == "mapping" and isinstance(source, Mapping):
        at = (str(source.get("kind")), str(source.get("stream")))
        catalogue._broken_at.setdefault(at, []).append((source.get("connector"), error))


def _broken(one: Written, problems: list[Problem]) -> DefinitionError:
    return DefinitionError(
        f"The {one.kind} {one.name} cannot be used.",
        why=" ".join(f"{problem.path}: {problem.what}" for problem in problems),
        fix=problems[0].fix,
        problems=[{"path": problem.path, "what": problem.what, "fix": problem.fix} for problem in problems],
    )
