"""
The closed list of steps a value may go through on its way into a field.

Each is pure; docs/reference/steps.md is made from here (``python -m tests.house.steps_page``), and every
example is a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core import jsons
from core.definitions import near
from core.words import Json
from mappings.translate import crosswalk, expressions, hiding, lists, numbers, tables, texts, times
from mappings.translate.step import Made, Step, StepDefinitionError, World

STEPS: dict[str, Step] = {
    step.name: step for room in (texts, numbers, times, tables, crosswalk, lists, expressions, hiding) for step in room.STEPS
}
GROUPS = {
    "text": ("Text", "文本"),
    "number": ("Numbers and units", "数字与单位"),
    "time": ("Times", "时间"),
    "look-up": ("Look-ups and expressions", "查表与表达式"),
    "list": ("Lists and objects", "列表与对象"),
    "hide": ("Hiding", "隐藏"),
}


def make_step(written: Json, world: World) -> Made:
    """
    Return a step as written in a definition, made: ``trim`` or ``{join: ", "}``.

    >>> make_step("trim", World()).run(" press-07 ", [])
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
    return Made(STEPS[name], argument, STEPS[name].make(argument, replace(world, make=make_step)))


def _guess(word: str, known: Mapping[str, object]) -> str:
    found = near(word, known)
    return f" Did you mean {found!r}?" if found else ""


def reference() -> str:
    """Return docs/reference/steps.md: every step in both languages, with its example and whether it can be undone."""
    lines = [
        "# Steps",
        "",
        "What a value may go through on its way into a field, in the order in which you write them. This page is made from",
        "`mappings/translate`; every example is a test. A value that a step cannot use is *invalid*: the field's",
        "`on_invalid` decides (for `table`: `unmapped`). *Back*: whether the step can be undone when a value is",
        "written to the source; [which laws that obeys](../why/reverse.md).",
    ]
    for group, (title, title_zh) in GROUPS.items():
        lines += ["", f"## {title} / {title_zh}", ""]
        lines += ["| step | meaning | 含义 | written | from | to | back |", "|---|---|---|---|---|---|---|"]
        lines += [_line(step) for step in STEPS.values() if step.group == group]
    return "\n".join(lines) + "\n"


def _line(step: Step) -> str:
    made = make_step(step.name if step.argument is None else {step.name: step.argument}, World())
    written = step.name if step.argument is None else f"{{{step.name}: {jsons.dumps(step.argument)}}}"
    cells = [f"`{step.name}`", step.help, step.help_zh]
    cells += [f"`{text}`" for text in (written, jsons.dumps(step.given), jsons.dumps(step.gives))]
    cells.append("yes" if made.lens.back is not None else f"no: {made.lens.one_way}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
