"""
The lens laws of a mapping, tried when it is published.

*GetPut*: writing back what was read changes nothing. *PutGet*: what was written reads as what was meant. Both are tried
by hypothesis: first on every edge value of the field's steps and type, then on values it draws between them.
A field that fails is one-way and shows the counterexample; its author may say ``reverse: always`` to it.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

from core import jsons
from core.words import Json
from mappings.reverse.lens import ReverseError, get, put
from mappings.translate import Mapping
from mappings.translate.getter import compile_getter
from mappings.translate.paths import MISSING
from mappings.translate.plan import Plan
from mappings.translate.settle import HIDDEN
from mappings.translate.step import StepError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EXAMPLES = 40
"""Examples per law and field, after the edges, of which each is tried: a plan of a hundred fields takes some seconds."""
BESIDE = 8
"""Raw values beside which each edge is written: the first that hypothesis drew."""


@dataclass(frozen=True, slots=True)
class FieldWay:
    """
    Whether a field can be written back, and why not.

    ``way``: two-way, or one-way. ``law`` and ``example`` (theirs, ours, written, reads) are those of the counterexample;
    ``accepted`` says that the author insists in spite of it.
    """

    field: str
    way: str
    why: str = ""
    law: str = ""
    example: dict[str, Json] | None = None
    accepted: bool = False

    def as_dict(self) -> dict[str, Json]:
        """Return it as JSON."""
        told = {"field": self.field, "way": self.way, "why": self.why, "law": self.law, "example": self.example}
        return {**told, "accepted": self.accepted}

    @property
    def told(self) -> str:
        """The counterexample in one sentence."""
        if self.example is None:
            return self.why
        return f"{self.law} fails: {self.why}"


def ways(mapping: Mapping) -> dict[str, FieldWay]:
    """Return of every field whether it can be written back, tried on edge values and on what the cases give."""
    return {name: way(mapping, name) for name in mapping.plans}


def way(mapping: Mapping, name: str) -> FieldWay:
    """Return of one field whether it can be written back."""
    plan = mapping.plans[name]
    read = compile_getter([plan.path])
    seen = [raw for (raw,) in (read(case.given) for case in mapping.spec.cases)]
    if plan.path.many and not plan.listed:
        seen = [raw[0] for raw in seen if raw.__class__ is list and len(raw) == 1]
    examples = [raw for raw in seen if raw is not None and raw is not MISSING]
    return _way(_Question(plan, _key(plan, examples), examples))


class _Question:
    """A field and its examples; two are the same when they were written the same, with the same tables behind them."""

    __slots__ = ("examples", "key", "plan")

    def __init__(self, plan: Plan, key: str, examples: list[Json]) -> None:
        self.plan, self.key, self.examples = plan, key, examples

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and self.key == other.key


def _key(plan: Plan, examples: Iterable[Json]) -> str:
    steps = [[made.name, made.argument, _table_of(made.lens.about)] for made in plan.steps]
    written = [plan.name, plan.spec.model_dump(by_alias=True), plan.target.model_dump(), steps, list(examples)]
    return jsons.sha256(written)


def _table_of(about: Any) -> Json:
    """Return the content of a code table: the laws of a field change with it, though its mapping does not."""
    rows = getattr(about, "rows", None)
    return None if rows is None else [rows, about.exact, about.unmapped.model_dump(), _table_of(about.other)]


@lru_cache(maxsize=4096)
def _way(question: _Question) -> FieldWay:
    plan = question.plan
    if plan.spec.reverse == "never":
        return FieldWay(plan.name, "one-way", "Its author says so: reverse is never.")
    if plan.reference is not None:
        return FieldWay(plan.name, "one-way", "It names another thing: write that thing's id with id_of.")
    for made in plan.steps:
        if made.lens.back is None:
            why = f"The step {made.name} cannot be undone: {made.lens.one_way}."
            return FieldWay(plan.name, "one-way", why)
    if not plan.steps:
        return FieldWay(plan.name, "two-way")
    failed = _tried(plan, question.examples)
    if failed is None:
        return FieldWay(plan.name, "two-way")
    if plan.spec.reverse == "always":
        return FieldWay(plan.name, "two-way", failed.why, failed.law, failed.example, accepted=True)
    return failed


def _tried(plan: Plan, examples: list[Json]) -> FieldWay | None:
    """Return the counterexample of the first law that fails, made as small as hypothesis can, or None."""
    from hypothesis import strategies as st

    from mappings.reverse import edges

    raw = edges.theirs(plan.steps, plan.target.type)
    if examples:
        raw = st.sampled_from(examples) | raw
    taken: list[Json] = []

    def broken_get_put(theirs: Json) -> bool:
        try:
            value = get(plan, theirs)
        except StepError:
            return False
        if value is MISSING:
            return False
        taken.append(theirs)
        return _get_put(plan, theirs, value) is not None

    found = _example(raw, broken_get_put)
    if found is not None:
        return _get_put(plan, found[0], get(plan, found[0]))
    if not taken:
        why = "No value was found that its steps take, so nothing could be tried."
        return FieldWay(plan.name, "one-way", why + " Give a case whose record has one.")
    values = st.sampled_from(taken).map(lambda theirs: get(plan, theirs))
    brought = None if plan.words is not None else edges.ours(plan.steps, plan.target.type)
    if brought is not None:
        values = brought[1] | values
        for value, theirs in product(brought[0], taken[:BESIDE]):
            if (failed := _put_get(plan, theirs, value)) is not None:
                return failed
    pair = st.tuples(st.sampled_from(taken), values)
    broken = _example(pair, lambda both: _put_get(plan, *both) is not None)
    return None if broken is None else _put_get(plan, *broken[0])


def _get_put(plan: Plan, theirs: Json, value: Json) -> FieldWay | None:
    try:
        written = put(plan, value, theirs)
    except ReverseError as error:
        return _counter(plan, "GetPut", error.why, theirs, value, None)
    if jsons.same(written, theirs):
        return None
    return _counter(plan, "GetPut", f"{theirs!r} would become {written!r}.", theirs, value, written)


def _put_get(plan: Plan, theirs: Json, value: Json) -> FieldWay | None:
    """Return what is wrong when our value is written where the source holds ``theirs``, or None."""
    try:
        put(plan, value, theirs)
    except ReverseError as error:
        return _counter(plan, "PutGet", f"{value!r} over {theirs!r}: {error.why}", theirs, value, None)
    return None


def _counter(plan: Plan, law: str, why: str, theirs: Json, value: Json, written: Json) -> FieldWay:
    if plan.pii:
        why, theirs, value, written = (
            "A value that tells of a person would not come back; it is not quoted.",
            HIDDEN,
            HIDDEN,
            None,
        )
    return FieldWay(plan.name, "one-way", why, law, {"theirs": theirs, "ours": value, "written": written})


@cache
def _notes() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for what hypothesis writes down; it goes with this process."""
    return tempfile.TemporaryDirectory(prefix="tieline-laws-")


def _example(values: SearchStrategy[Any], broken: Callable[[Any], bool]) -> tuple[Any] | None:
    """Return a smallest value that breaks a law, in a tuple, or None."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.configuration import set_hypothesis_home_dir
    from hypothesis.errors import NoSuchExample, Unsatisfiable

    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:  # else it would leave its notes wherever somebody planned
        set_hypothesis_home_dir(_notes().name)
    tuned = settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    try:
        return (find(values, broken, settings=tuned, random=random.Random(2026)),)  # noqa: S311 - the same examples every time
    except (NoSuchExample, Unsatisfiable):
        return None
