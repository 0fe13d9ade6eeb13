"""The shape of ids as a draft tells it: learned by the register's own learner, with how sure and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mappings.identity import learning

_MOST_FORMS = 3
"""More forms than that are no shape that anybody should confirm without a look."""


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
    known = [one for one in dict.fromkeys(ids) if one and one.strip()]
    found = learning.learn(known, counted=counted)
    if found is None or found.shape.pattern is None or not 1 <= found.forms <= _MOST_FORMS:
        return None
    share = min(found.covers, learning.ENOUGH) / learning.ENOUGH
    confidence = round((0.5 + 0.45 * share) / found.forms**0.5, 2)
    en = f"{found.seen} different ids, {found.forms} form{'s' if found.forms > 1 else ''}"
    zh = f"{found.seen} 个不同编号，{found.forms} 种形式"
    return IdShape(found.shape.pattern, found.shape.normaliser, confidence, en, zh, tuple(known[:3]))
