"""
The closed list of steps a value may go through on its way into a field.

Each is pure; the list in docs/reference/steps.md is made from here, and every example is a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from core import jsons
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


def reference() -> str:
    """Return docs/reference/steps.md: every step with its meaning in both languages and its example."""
    lines = [
        "# Steps",
        "",
        "What a value may go through on its way into a field, in the order in which you write them. This page is made from",
        "`mappings/translate`; every example is a test. A value that a step cannot use is *invalid*: the field's",
        "`on_invalid` decides (for `table`: `unmapped`).",
        "",
        "| step | meaning | 含义 | written | from | to |",
        "|---|---|---|---|---|---|",
    ]
    for step in STEPS.values():
        written = step.name if step.argument is None else f"{{{step.name}: {jsons.dumps(step.argument)}}}"
        cells = [f"`{step.name}`", step.help, step.help_zh]
        cells += [f"`{text}`".replace("|", "\\|") for text in (written, jsons.dumps(step.given), jsons.dumps(step.gives))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
