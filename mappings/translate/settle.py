"""What becomes of a value that cannot be used as it came: the field's policy, said aloud."""

from __future__ import annotations

from core.definitions import near
from core.words import FieldState, Json
from mappings.models import MappedField
from mappings.translate.paths import MISSING
from mappings.translate.plan import Plan
from mappings.translate.step import StepError, UnmappedError, kind_of
from mappings.translate.steps import STEPS
from mappings.translate.translation import FieldTrouble, Taken, Translated, Translation

SHOWN = 300
"""Characters of a text that a trouble quotes; the delivery has the whole."""
HIDDEN = "‹hidden: tells of a person›"


def several(matches: list[Json], plan: Plan, out: Translation) -> Json:
    """Return the one match of a path that may have several; several are invalid unless a step takes the list."""
    if not matches:
        return MISSING
    if plan.listed:
        return matches
    if len(matches) == 1:
        return matches[0]
    return Several(matches)


class Several:
    """More matches than a field can hold; no type and no step takes it."""

    def __init__(self, matches: list[Json]) -> None:
        self.matches = matches


def absent(plan: Plan, raw: Json, out: Translation) -> None:
    """Settle a value that is null or missing in the record, or stands there several times."""
    if raw.__class__ is Several:
        unfit(plan, raw, raw, out)
        return
    settle(plan, FieldState.NULL if raw is None else FieldState.MISSING, raw, out)


def invalid(plan: Plan, error: StepError, raw: Json, out: Translation) -> None:
    """Settle a value that a step refuses; a word that a table lacks has a policy of its own."""
    policy: str = plan.spec.on_invalid
    if isinstance(error, UnmappedError):
        asks = error.review and "unmapped" not in plan.spec.model_fields_set
        policy = "quarantine" if asks else plan.spec.unmapped if plan.spec.table is not None else plan.spec.on_invalid
        if plan.spec.unmapped == "keep" and not asks:
            unfit_or_keep(plan, raw, out)
            return
        if asks:
            out.asked[error.table] = error.word
    settle(plan, FieldState.INVALID, raw, out, policy, error.why, error.fix)


def unfit_or_keep(plan: Plan, raw: Json, out: Translation) -> None:
    """Keep the word that the table lacks, as it came out of the steps before it, if the field allows it."""
    value, seen = raw, list(out.words)
    for made in plan.steps:
        if made.name == "table":
            break
        value = made.run(value, seen)
    if value.__class__ in plan.classes and (plan.words is None or value in plan.words):
        out.fields[plan.name] = Translated(FieldState.PRESENT, value, raw, plan.path.text)
    else:
        unfit(plan, value, raw, out)


def unfit(plan: Plan, value: Json, raw: Json, out: Translation) -> None:
    """Settle a value that is absent after its steps, has another type, or is not in the closed list."""
    if value is None or value is MISSING:
        settle(plan, FieldState.NULL if value is None else FieldState.MISSING, raw, out)
    elif raw.__class__ is Several:
        why = f"The path matches {len(raw.matches)} places where one value is expected."
        fix = "Add the step first or join, or make the path name one place."
        settle(plan, FieldState.INVALID, raw.matches, out, None, why, fix)
    elif value.__class__ in plan.classes:
        words = sorted(plan.words or ())
        guess = near(str(value), words)
        fix = (f"Did the source mean {guess!r}? " if guess else "") + "Add a table to the mapping, or the word to the entity."
        settle(plan, FieldState.INVALID, raw, out, None, f"{value!r} is not one of {', '.join(words)}.", fix)
    else:
        why = f"The field is of type {plan.target.type}, and {value!r} is {kind_of(value)}."
        fix = f"Add the step {plan.target.type}." if plan.target.type in STEPS else "Correct the path."
        settle(plan, FieldState.INVALID, raw, out, None, why, fix)


def settle(
    plan: Plan, state: FieldState, raw: Json, out: Translation, policy: str | None = None, why: str = "", fix: str = ""
) -> None:
    """Do what the field's policy says for this state."""
    name, path = plan.name, plan.path.text
    if policy is None:
        policy = _policy(plan.spec, state)
    raw = None if raw is MISSING else raw
    if policy == "write":
        out.fields[name] = Translated(FieldState.NULL, None, raw, path)
    elif policy == "default":
        out.fields[name] = Translated(FieldState.PRESENT, plan.spec.default, raw, path)
    elif policy == "quarantine":
        out.fields[name] = Translated(FieldState.INVALID, None, raw, path)
    else:
        out.left[name] = state
    if policy in ("error", "quarantine") or state is FieldState.INVALID:
        out.problems.append(_trouble(plan, state, raw, policy, why, fix))


def _trouble(plan: Plan, state: FieldState, raw: Json, policy: str, why: str, fix: str) -> FieldTrouble:
    gone = "The source sends null here." if state is FieldState.NULL else "The source sends nothing here."
    hint = f"Send the field, or set on_{state.value} to skip or default."
    taken = plan.trace(raw) if state is FieldState.INVALID else ()
    if plan.pii and state is FieldState.INVALID:
        failed = next((one.step for one in taken if one.why), "its type")
        why = f"The value cannot be used ({failed}); it is not quoted, because it tells of a person."
        return FieldTrouble(
            plan.name, plan.path.text, state.value, policy, why, "Look at the delivery's body.", HIDDEN,
            tuple(Taken(one.step, HIDDEN) for one in taken),
        )  # fmt: skip
    shown = tuple(one._replace(gives=_short(one.gives)) for one in taken)
    return FieldTrouble(plan.name, plan.path.text, state.value, policy, why or gone, fix or hint, _short(raw), shown)


def _short(value: Json) -> Json:
    return value[:SHOWN] + "…" if value.__class__ is str and len(value) > SHOWN else value


def _policy(spec: MappedField, state: FieldState) -> str:
    if state is FieldState.MISSING:
        return spec.on_missing
    return spec.on_null if state is FieldState.NULL else spec.on_invalid
