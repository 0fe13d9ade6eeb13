"""What a step is: made once from its argument, then run per value; how it says that a value will not do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.words import Json

Run = Callable[[Json], Json]


class StepError(ValueError):
    """The value cannot go through this step: it is invalid, with why and the fix."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


class UnmappedError(StepError):
    """The table lacks this word; the field's policy ``unmapped`` decides."""


class Vanished(Exception):  # noqa: N818 - not an error: the value counts as missing
    """After this step there is no value."""


class StepDefinitionError(ValueError):
    """A step that is written wrong: an unknown name, a missing or unknown argument."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the closed list: its meaning in both languages, how it is made, and an example that is a test."""

    name: str
    help: str
    help_zh: str
    make: Callable[[Json], Run]
    given: Json
    gives: Json
    argument: Json = None
    takes_list: bool = False


def bare(name: str, run: Run) -> Callable[[Json], Run]:
    """Return the maker of a step that takes no argument."""

    def make(argument: Json) -> Run:
        if argument is not None:
            raise StepDefinitionError(f"the step {name} takes no argument")
        return run

    return make


def text(value: Json, step: str) -> str:
    """Return a text, or say that the step needs one."""
    if not isinstance(value, str):
        raise StepError(f"The step {step} takes text, and this is {kind_of(value)}.", f"Put the step string before {step}.")
    return value


def kind_of(value: Json) -> str:
    """
    Say what a JSON value is, in the words of a sentence.

    >>> kind_of(True), kind_of("4"), kind_of([])
    ('a boolean', 'text', 'a list')
    """
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(value.__class__, "null")
