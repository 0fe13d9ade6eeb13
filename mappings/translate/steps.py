"""
The closed list of steps a value may go through on its way into a field.

Each is pure; the list in docs/reference/steps.md is made from here, and every example is a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.definitions import near
from core.words import Json
from mappings.translate import texts, times
from mappings.translate.step import Run, Step, StepDefinitionError

STEPS: dict[str, Step] = {step.name: step for step in (*texts.STEPS, *times.STEPS)}


def make_step(written: Json, tables: Mapping[str, Mapping[str, Json]]) -> tuple[str, Run]:
    """
    Return the name and the function of a step as written in a definition: ``trim`` or ``{join: ", "}``.

    >>> make_step("trim", {})[1](" press-07 ")
    'press-07'
    """
    if isinstance(written, str):
        name, argument = written, None
    elif isinstance(written, dict) and len(written) == 1:
        name, argument = next(iter(written.items()))
    else:
        raise StepDefinitionError(f"a step is a name such as trim, or one name with its argument, not {written!r}")
    if name not in STEPS:
        raise StepDefinitionError(f"there is no step {name!r}.{_guess(name, STEPS)} Known: {', '.join(sorted(STEPS))}")
    if name == "table" and isinstance(argument, str):
        if argument not in tables:
            raise StepDefinitionError(f"there is no code table {argument!r}.{_guess(argument, tables)}")
        argument = dict(tables[argument])
    return name, STEPS[name].make(argument)


def _guess(word: str, known: Mapping[str, object]) -> str:
    found = near(word, known)
    return f" Did you mean {found!r}?" if found else ""
