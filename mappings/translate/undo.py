"""Undoing steps, from the last to the first, beside what the source holds before each."""

from __future__ import annotations

from collections.abc import Sequence

from core.jsons import same
from core.words import Json
from mappings.translate.paths import MISSING
from mappings.translate.step import Made, StepError, Vanished


def held(steps: Sequence[Made], theirs: Json) -> list[Json]:
    """Return what the source holds before each step, and after the last; MISSING from where it cannot be followed."""
    found = [theirs]
    for made in steps:
        try:
            found.append(MISSING if found[-1] is MISSING else made.run(found[-1], []))
        except (StepError, Vanished):
            found.append(MISSING)
    return found


def undo(steps: Sequence[Made], value: Json, before: Sequence[Json]) -> Json:
    """Return what stands before the steps so that they give the value; what gives it already is kept as it is."""
    for n in range(len(steps) - 1, -1, -1):
        lens = steps[n].lens
        if before[n] is not MISSING and before[n + 1] is not MISSING and same(before[n + 1], value):
            value = before[n]
        elif lens.back is not None:
            value = lens.back(value, before[n])
        else:
            raise StepError(f"The step {steps[n].name} cannot be undone: {lens.one_way}.", "Set reverse to never.")
    return value
