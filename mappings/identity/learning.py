"""
Learning the shape of ids from examples: the first N of a source, or those that do not fit its shape.

Pure: a list of ids in, a shape out, with how many it covers. What is learned is a proposal; a steward confirms it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mappings.identity.check_digits import CHECKS
from mappings.identity.normalisers import normalise
from mappings.identity.shapes import Shape, compiled

FIRST = 200
"""From how many ids a shape is learned."""
ENOUGH = 20
"""With fewer a proposal is shown, but called thin."""
_FORMS = 6
"""More different forms than that are no form."""

_RUNS = re.compile(r"(?P<d>[0-9]+)|(?P<A>[A-Z]+)|(?P<a>[a-z]+)|(?P<h>[\u4e00-\u9fff]+)|(?P<s>.)", re.DOTALL)
_CLASSES = {"d": "[0-9]", "A": "[A-Z]", "a": "[a-z]", "h": r"[\x{4e00}-\x{9fff}]"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")

Run = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Learned:
    """
    A shape as it was learned: from how many ids, how many of them it covers, and which it does not.

    ``forms`` says how many forms stand side by side in it; 0: they have none in common but their characters.
    """

    shape: Shape
    seen: int
    covers: int
    odd: tuple[str, ...] = ()
    forms: int = 1

    @property
    def thin(self) -> bool:
        """Say whether it rests on too few ids to be believed."""
        return self.seen < ENOUGH


def learn(ids: Sequence[str], *, counted: bool = False) -> Learned | None:
    """
    Return the shape that these ids have in common; None without ids. ``counted``: the kind says that a machine counts them.

    >>> learn(["EC-20260215-8891", "EC-20260216-0012", "EC-20251101-7740"]).shape
    Shape(pattern='EC-[0-9]{8}-[0-9]{4}', normaliser='trim', check_digit=None, placeholders=frozenset())
    """
    raws = [one for one in dict.fromkeys(ids) if one.strip()]
    if not raws:
        return None
    steps = _steps(raws)
    folded = [normalise(one, "+".join(steps)) for one in raws]
    if _is_counted(folded) or (counted and all(re.fullmatch("[0-9]+", one) for one in folded)):
        steps.append("counted")
    patterns = _patterns(folded, counted="counted" in steps)
    pattern = _any_of_these(folded) if not patterns else "|".join(f"(?:{one})" for one in patterns)
    if len(patterns) == 1:
        pattern = patterns[0]
    fits = [bool(compiled(pattern).fullmatch(one)) for one in folded]
    odd = tuple(raw for raw, fit in zip(raws, fits, strict=True) if not fit)
    check = next((name for name, holds in CHECKS.items() if _checks(folded, holds)), None)
    return Learned(Shape(pattern, "+".join(steps), check), len(raws), sum(fits), odd[:5], len(patterns))


def _steps(raws: list[str]) -> list[str]:
    """Return the normalisers that these ids call for: width if it differs, case if it is mixed and nothing is lost by it."""
    steps = ["trim"]
    if any(unicodedata.normalize("NFKC", one) != one for one in raws):
        steps.append("nfkc")
    folded = {normalise(one, "+".join(steps)) for one in raws}
    raised = {one.upper() for one in folded}
    if len(raised) == len(folded) and _mixed(folded) and not all(map(_UUID.fullmatch, folded)):
        steps.append("upper")
    return steps


def _mixed(ids: set[str]) -> bool:
    """Say whether some ids are written in capitals and others of the same form in small letters."""
    forms: dict[str, set[str]] = {}
    for one in ids:
        forms.setdefault(_form(one.upper()), set()).add(_form(one))
    return any(len(written) > 1 for written in forms.values())


def _form(text: str) -> str:
    return "".join(str(kind) if kind != "s" else run for kind, run in _runs(text))


def _runs(text: str) -> list[Run]:
    return [(str(found.lastgroup), found[0]) for found in _RUNS.finditer(text)]


def _is_counted(ids: list[str]) -> bool:
    """Say whether a machine seems to count them: numbers without leading zeros that lie close together."""
    if len(ids) < 5 or not all(re.fullmatch(r"[1-9][0-9]{0,17}", one) for one in ids):
        return False
    numbers = [int(one) for one in ids]
    return max(numbers) - min(numbers) < 20 * len(numbers)


def _checks(ids: list[str], holds: Callable[[str], bool]) -> bool:
    """Say whether every id passes a check digit, of so many that it cannot be chance."""
    return len(ids) >= ENOUGH and all(map(holds, ids))


def _patterns(ids: list[str], *, counted: bool) -> list[str]:
    """Return the pattern of each form, the usual first; [] when they have no form."""
    if counted:
        return ["[0-9]+"]
    if all(map(_UUID.fullmatch, ids)):
        return [_UUID.pattern]
    forms: dict[tuple[str, ...], list[list[Run]]] = {}
    for one in ids:
        runs = _runs(one)
        forms.setdefault(tuple(kind if kind != "s" else text for kind, text in runs), []).append(runs)
    usual = sorted(forms.values(), key=len, reverse=True)
    least = max(1, len(ids) // 50)
    kept = [members for members in usual if len(members) >= least]
    if len(kept) > _FORMS or sum(map(len, kept)) < 0.9 * len(ids):
        return []
    return [_one_form(members) for members in kept]


def _one_form(members: list[list[Run]]) -> str:
    """Return the pattern of ids that have the same runs: what never differs is literal, the rest is a class with lengths."""
    written = []
    for column in zip(*members, strict=True):
        kind, texts = column[0][0], Counter(text for _, text in column)
        if kind == "s" or (kind != "d" and len(texts) == 1 and len(members) > 1):
            written.append(literal(column[0][1]))
        elif kind != "d" and len(texts) <= 4 and len(members) >= 10 * len(texts):
            written.append(f"(?:{'|'.join(literal(one) for one in sorted(texts))})")
        elif kind == "d" and len(members[0]) == 1 and len(members) < ENOUGH and not any(one[0] == "0" for one in texts):
            written.append("[0-9]+")  # numbers grow, and so few of them do not say how far
        else:
            written.append(_CLASSES[kind] + _lengths({len(one) for one in texts}, alone=len(members[0]) == 1))
    return "".join(written)


def _lengths(lengths: set[int], *, alone: bool) -> str:
    least, most = min(lengths), max(lengths)
    if least == most:
        return "" if least == 1 and not alone else f"{{{least}}}"
    return "+" if least == 1 else f"{{{least},}}"


def _any_of_these(ids: list[str]) -> str:
    """Return a class of all characters that occur, for ids without a form."""
    kinds = {kind for one in ids for kind, _ in _runs(one)}
    signs = sorted({text for one in ids for kind, text in _runs(one) if kind == "s"})
    inside = "".join(_CLASSES[kind][1:-1] for kind in "dAah" if kind in kinds)
    inside += "".join(f"\\{sign}" if sign in r"\]^-[" else sign for sign in signs)
    return f"[{inside}]{{{min(map(len, ids))},{max(map(len, ids))}}}"


def literal(text: str) -> str:
    r"""
    Return a text as RE2 reads it literally.

    >>> print(literal("A.1"))
    A\.1
    """
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)
