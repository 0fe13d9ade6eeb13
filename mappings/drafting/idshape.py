"""The shape of ids, learned from examples: a pattern that all of them have, as narrow as they allow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_MOST_FORMS = 3
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class IdShape:
    """A proposed shape: RE2 pattern, normaliser, how sure, and why; ``examples`` are ids that have it."""

    pattern: str
    normaliser: str
    confidence: float
    en: str
    zh: str
    examples: tuple[str, ...]


def learn(ids: Sequence[str], *, counted: bool = False) -> IdShape | None:
    """
    Propose the shape of ids; None when there are none or they have nothing in common.

    >>> learn(["EC-20260215-8891", "EC-20260216-0007"]).pattern
    'EC-[0-9]{8}-[0-9]{4}'
    >>> learn(["7", "10560"], counted=True).normaliser
    'trim+counted'
    """
    known = list(dict.fromkeys(one for one in ids if one and one.strip()))
    if not known:
        return None
    steps = ["trim"]
    if any(unicodedata.normalize("NFKC", one) != one for one in known):
        steps.append("nfkc")
    texts = [unicodedata.normalize("NFKC", one).strip() if "nfkc" in steps else one.strip() for one in known]
    forms: dict[tuple[str, ...], list[list[str]]] = {}
    for text in texts:
        runs = [("".join(group)) for _, group in groupby(text, _sort)]
        forms.setdefault(tuple(_sort(run[0]) for run in runs), []).append(runs)
    if len(forms) > _MOST_FORMS:
        return None
    pattern = "|".join(dict.fromkeys(_pattern(rows) for rows in forms.values()))
    if all(re.fullmatch(r"[0-9]+", one) for one in texts) and counted:
        steps.append("counted")
    share = min(len(known), _ENOUGH) / _ENOUGH
    confidence = round((0.5 + 0.45 * share) / len(forms) ** 0.5, 2)
    en = f"{len(known)} different ids, {len(forms)} form{'s' if len(forms) > 1 else ''}"
    return IdShape(pattern, "+".join(steps), confidence, en, f"{len(known)} 个不同编号，{len(forms)} 种形式", tuple(known[:3]))


def _sort(char: str) -> str:
    if "0" <= char <= "9":
        return "9"
    if "A" <= char <= "Z" or "a" <= char <= "z":
        return "A"
    return "字" if char.isalpha() else "-"


def _pattern(rows: list[list[str]]) -> str:
    """Return the pattern of ids of one form: what never changes stands as it is, the rest by its sort and length."""
    parts = []
    for runs in zip(*rows, strict=True):
        sort, lengths = _sort(runs[0][0]), {len(run) for run in runs}
        if (
            len(set(runs)) == 1
            and (sort != "9" or (len(rows) > 3 and len(runs[0]) < 3))
            and not (sort == "9" and len(rows[0]) == 1)
        ):
            parts.append(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", runs[0]))
            continue
        size = f"{{{lengths.pop()}}}" if len(lengths) == 1 and len(rows) > 1 and len(rows[0]) > 1 else "+"  # numbers grow
        letters = (
            "[A-Z]" if all(run.isupper() for run in runs) else "[a-z]" if all(run.islower() for run in runs) else "[A-Za-z]"
        )
        parts.append({"9": "[0-9]", "A": letters, "字": r"\pL", "-": r"[^0-9A-Za-z]"}[sort] + size)
    return "".join(parts)
