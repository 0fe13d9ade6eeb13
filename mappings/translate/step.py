"""
What a step is: made once from its argument, run per value, and undone where it can be.

A step never fails but by its own words: ``StepError`` (the value is invalid), ``UnmappedError`` (a table lacks the
word), ``Vanished`` (there is no value any more).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from core.words import Json

if TYPE_CHECKING:
    from mappings.translate.tables import CodeTable

Run = Callable[..., Json]
"""``run(value)``; that of a step which looks words up takes the list of ``Looked`` as well: ``run(value, seen)``."""
Back = Callable[[Json, Json], Json]
"""``back(ours, theirs)``: what the source should hold instead of ``theirs`` (MISSING when it holds nothing)."""


class StepError(ValueError):
    """The value cannot go through this step: it is invalid, with why and the fix."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


class UnmappedError(StepError):
    """The table lacks this word; the field's policy ``unmapped`` decides, or that of the table (``review``)."""

    review = False
    table = ""
    word = ""


class Vanished(Exception):  # noqa: N818 - not an error: the value counts as missing
    """After this step there is no value."""


class StepDefinitionError(ValueError):
    """A step that is written wrong: an unknown name, a missing or unknown argument."""


class Looked(NamedTuple):
    """One look-up in a code table: which, the word, and whether the table has it."""

    table: str
    word: str
    known: bool


@dataclass(frozen=True, slots=True)
class World:
    """What a step may refer to besides its argument."""

    tables: Mapping[str, CodeTable] = field(default_factory=dict)
    make: Callable[[Json, World], Made] | None = None
    """Makes steps inside a step (map)."""
    insists: bool = False
    """Whether the author writes back although something is lost: then inexact rows of a table count as well."""


@dataclass(frozen=True, slots=True)
class Lens:
    """A made step: how it runs and how it is undone; ``one_way`` says why it cannot be."""

    run: Run
    back: Back | None = None
    one_way: str = ""
    told: bool = False
    """Whether ``run`` takes the list of look-ups as well."""
    normal: Back | None = None
    """``normal(ours, theirs)``: what of our value the source can hold at all: its seconds, its digits."""
    tidy: bool = False
    """Whether it only tidies: run on its own result it changes nothing, so its results are their own normal forms."""
    about: Any = None
    """What edge values are made from: a table, a pattern, forms of time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the closed list: its meaning in both languages, how it is made, and an example that is a test."""

    name: str
    help: str
    help_zh: str
    make: Callable[[Json, World], Lens]
    given: Json
    gives: Json
    argument: Json = None
    takes_list: bool = False
    group: str = "text"


@dataclass(frozen=True, slots=True)
class Made:
    """A step as a mapping uses it."""

    step: Step
    argument: Json
    lens: Lens

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name

    @property
    def text(self) -> str:
        """The step as people read it: ``trim``, or ``join ', '``."""
        return self.name if self.argument is None else f"{self.name} {self.argument!r}"

    def run(self, value: Json, seen: list[Looked]) -> Json:
        """Run it, whatever it takes."""
        return self.lens.run(value, seen) if self.lens.told else self.lens.run(value)


def bare(
    name: str, run: Run, back: Back | None = None, one_way: str = "", *, normal: Back | None = None, tidy: bool = False
) -> Callable[[Json, World], Lens]:
    """Return the maker of a step that takes no argument."""

    def make(argument: Json, world: World) -> Lens:
        if argument is not None:
            raise StepDefinitionError(f"the step {name} takes no argument")
        return Lens(run, back, one_way, normal=normal, tidy=tidy)

    return make


def options(name: str, argument: Json, known: Mapping[str, tuple[type, ...]], short: str | None = None) -> dict[str, Any]:
    """
    Return a step's argument as an object, checked: every word known, of its type; ``short`` may stand for the object.

    >>> options("pad", 8, {"to": (int,), "with": (str,)}, "to")
    {'to': 8}
    """
    if argument is None:
        return {}
    if short is not None and not isinstance(argument, dict):
        argument = {short: argument}
    listed = ", ".join(known)
    if not isinstance(argument, dict):
        raise StepDefinitionError(f"the step {name} takes an object with {listed}")
    for word, value in argument.items():
        if word not in known:
            raise StepDefinitionError(f"the step {name} has no option {word!r}; it takes `{'`, `'.join(known)}`")
        if value.__class__ not in known[word]:
            wanted = " or ".join(kind_of(one()) for one in known[word])
            raise StepDefinitionError(f"`{word}` of the step {name} is {wanted}, and this is {kind_of(value)}")
    return dict(argument)


def text(value: Json, step: str) -> str:
    """Return a text, or say that the step needs one."""
    if not isinstance(value, str):
        raise StepError(f"The step {step} takes text, and this is {kind_of(value)}.", f"Put the step string before {step}.")
    return value


def listed(value: Json, step: str) -> list[Json]:
    """Return a list, or say that the step needs one."""
    if value.__class__ is not list:
        raise StepError(f"The step {step} takes a list, and this is {kind_of(value)}.", f"Remove the step {step}.")
    found: list[Json] = value
    return found


def kind_of(value: Json) -> str:
    """
    Say what a JSON value is, in the words of a sentence.

    >>> kind_of(True), kind_of("4"), kind_of([])
    ('a boolean', 'text', 'a list')
    """
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(value.__class__, "null")


def ours(value: Json, theirs: Json) -> Json:
    """Undo a step that only tidies: our value is what the source should hold."""
    return value
