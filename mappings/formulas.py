"""
Computed fields: which formulas an entity has, in which order, and what they give when an operand changes.

A formula reads fields of its own entity only, and exactly those its lineage names: nothing else is passed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from core.errors import TielineError
from core.expressions import ExpressionError, Formula, NoValueError
from core.words import FieldState, Json
from mappings.models import FieldSpec
from mappings.translate import Translated
from mappings.translate.compile import fits
from mappings.values import OWN, OWN_NAME, Current, Differences, Stamp, Trust, differences


@dataclass(frozen=True, slots=True)
class Computed:
    """A live formula, compiled: it fills ``field`` of ``etype`` from the fields ``reads``."""

    name: str
    etype: str
    field: str
    target: FieldSpec
    formula: Formula
    reads: frozenset[str]
    version_id: int | None = None


class Formulas(Trust, Protocol):
    """Whoever knows the live formulas: the catalogue."""

    def formulas_of(self, etype: str) -> tuple[Computed, ...]: ...


def in_order(computed: Iterable[Computed]) -> tuple[Computed, ...]:
    """Return formulas of one entity so that each comes after those it reads; a cycle keeps its members out."""
    waiting = {one.field: one for one in sorted(computed, key=lambda one: one.field)}
    done: list[Computed] = []
    while True:
        ready = [one for one in waiting.values() if not one.reads & waiting.keys()]
        if not ready:
            return tuple(done)
        done += ready
        for one in ready:
            del waiting[one.field]


def cycles(reads: Mapping[str, Collection[str]]) -> list[list[str]]:
    """
    Return the circles among formulas, each closed: ``{"a": ["b"], "b": ["a"]}`` gives a -> b -> a.

    >>> cycles({"a": ["b"], "b": ["a"], "c": ["a"]})
    [['a', 'b', 'a']]
    """
    found: list[list[str]] = []
    closed: set[str] = set()
    for start in sorted(reads):
        if start in closed:
            continue
        path: list[str] = []
        if _circle(start, start, reads, path, set()):
            found.append([start, *path])
            closed |= set(path)
    return found


def _circle(node: str, goal: str, reads: Mapping[str, Collection[str]], path: list[str], seen: set[str]) -> bool:
    """Extend ``path`` from a node back to the goal; say whether there is a way."""
    for read in sorted(reads.get(node, ())):
        if read == goal:
            path.append(goal)
            return True
        if read in reads and read not in seen:
            seen.add(read)
            path.append(read)
            if _circle(read, goal, reads, path, seen):
                return True
            path.pop()
    return False


def recompute(
    catalogue: Formulas, etype: str, current: Mapping[str, Current], changed: Collection[str], stamp: Stamp
) -> Differences:
    """
    Compute every formula that reads a changed field, and those that read its result. Pure.

    ``current`` is what is known after the change; ``stamp`` says when and by which event (its connector is
    replaced: Tieline itself speaks). Each observation carries the operands' observation ids. A formula
    without a value for an operand has none either; one that fails is an invalid observation that says why.
    """
    found = Differences(after=dict(current))
    moved = set(changed)
    for one in catalogue.formulas_of(etype):
        if not one.reads & moved:
            continue
        operands = {name: found.after[name] for name in sorted(one.reads) if name in found.after}
        said = _evaluate(one, operands)
        if said.state is FieldState.NULL and one.field not in found.after:
            continue  # it had no value and has none
        own = replace(stamp, connector_id=OWN, connector=OWN_NAME, version_id=one.version_id, delivery_id=None)
        step = differences(found.after, {one.field: said}, own, catalogue)
        inputs = {f"{etype}.{name}": operand.observation_id for name, operand in operands.items()}
        for observation in step.observations:
            observation["inputs"] = inputs
        found.add(step)
        moved |= step.changes.keys()
    return found


def _evaluate(one: Computed, operands: Mapping[str, Current]) -> Translated:
    path = f"formula:{one.name}"
    values: dict[str, Json] = {
        f"{one.etype}.{name}": operand.value
        for name, operand in operands.items()
        if operand.state in (FieldState.PRESENT, FieldState.NULL)
    }
    try:
        result = one.formula.evaluate(values)
    except NoValueError as error:
        return Translated(FieldState.NULL, None, error.what, path)
    except ExpressionError as error:
        return Translated(FieldState.INVALID, None, _sentences(error), path)
    if result is None:
        return Translated(FieldState.NULL, None, None, path)
    if one.target.type == "integer" and result.__class__ is float and result.is_integer():
        result = int(result)
    if not fits(result, one.target):
        words = f" of {', '.join(one.target.words)}" if one.target.words else ""
        return Translated(
            FieldState.INVALID, None, f"The formula gave {result!r}, and the field is a {one.target.type}{words}.", path
        )
    return Translated(FieldState.PRESENT, result, result, path)


def _sentences(error: TielineError) -> str:
    return f"{error.what} {error.why}"
