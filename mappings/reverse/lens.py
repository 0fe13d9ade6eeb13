"""
Writing a value back through the steps that read it.

``put`` keeps what the source holds wherever that means the same already (one of three words for "resolved", spaces
around a name), undoes the steps from the last to the first, and reads its own result again: what would not come back
as it was meant is refused, never written.
"""

from __future__ import annotations

from core.errors import SetupError
from core.jsons import same
from core.words import Json
from mappings.translate.paths import MISSING
from mappings.translate.plan import Plan
from mappings.translate.step import Looked, StepError, Vanished
from mappings.translate.undo import held as before
from mappings.translate.undo import undo


class ReverseError(SetupError):
    """A value that cannot be written to the source through its mapping."""

    code = "reverse"
    title, title_zh = "A value cannot be written back through its mapping", "无法通过映射回写该值"


def get(plan: Plan, theirs: Json) -> Json:
    """Return what a field's steps make of a raw value: ours, or MISSING when there is none; StepError when it is invalid."""
    value, seen = theirs, list[Looked]()
    if value is None or value is MISSING:
        return MISSING
    try:
        for made in plan.steps:
            value = made.run(value, seen)
    except Vanished:
        return MISSING
    if value.__class__ not in plan.classes or (plan.words is not None and value not in plan.words):
        raise StepError(f"{value!r} does not fit the field.", "Correct the mapping.")
    return value


def put(plan: Plan, ours: Json, theirs: Json = MISSING) -> Json:
    """
    Return what the source should hold so that it reads as our value; ``theirs`` is what it holds now.

    A value that it holds in another form already is left as it is. ReverseError when there is no such value.
    """
    held = before(plan.steps, theirs)
    try:
        meant = normal(plan, ours, held)
        if theirs is not MISSING and same(_read(plan, theirs), meant):
            return theirs
        written = undo(plan.steps, meant, held)
        found = get(plan, written)
    except StepError as error:
        raise _refused(plan, ours, error.why, error.fix) from error
    if not same(found, meant):
        why = f"It would be written as {written!r}, and that reads as {found if found is not MISSING else 'nothing'!r}."
        raise _refused(plan, ours, why, "Correct the mapping's steps, or write another value.")
    return written


def normal(plan: Plan, ours: Json, held: list[Json]) -> Json:
    """Return what of our value the source can hold: tidied as the mapping tidies, cut to its seconds or digits."""
    steps = plan.steps
    tidy = len(steps)
    while tidy and steps[tidy - 1].lens.tidy:
        tidy -= 1
    if tidy and (cut := steps[tidy - 1].lens.normal) is not None:
        ours = cut(ours, held[tidy - 1])
    for made in steps[tidy:]:
        try:
            ours = made.run(ours, [])
        except Vanished:
            raise StepError("Nothing is left of it after the mapping's steps.", "Write a value that is not empty.") from None
    return ours


def _read(plan: Plan, theirs: Json) -> Json:
    try:
        return get(plan, theirs)
    except StepError:
        return MISSING


def _refused(plan: Plan, ours: Json, why: str, fix: str) -> ReverseError:
    shown = "The value" if plan.pii else repr(ours)
    said = "It tells of a person and is not quoted." if plan.pii else why
    return ReverseError(f"{shown} cannot be written back as {plan.name} through {plan.path.text}.", why=said, fix=fix)
