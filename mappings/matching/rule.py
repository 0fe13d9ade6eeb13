"""
The rule of one entity, ready to use: which fields are compared how, and the thresholds.

``prepare`` turns a record into features, ``keys`` into what finds candidates, ``score`` compares two records.
They are pure: online, batch, explain, tune and the reconciliation API all ask the same three functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import TypeAlias

from core import jsons
from core.words import Json
from mappings.matching.comparing import EQUAL, KINDS, MISSING, SWAPPED, Compared, Form, Kind
from mappings.matching.spec import MatchSpec

Features: TypeAlias = list[Form | None]
"""A prepared record: a form per part of the rule, in its order."""


SHORT_OF = 0.5
"""How far what is left open stays under the upper threshold."""
SURE = 9.0
"""Points of an equal number that settle it."""


class Band(StrEnum):
    """What evidence is enough for."""

    LINK = "link"  #: they are one thing; a machine may say so
    REVIEW = "review"  #: a person has to say
    APART = "apart"  #: not worth a person's time


@dataclass(frozen=True, slots=True)
class Part:
    """One compared field."""

    field: str
    kind: Kind
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Reason:
    """What one field says: points for (or against), the word for what was seen, and what equal values would give."""

    field: str
    kind: str
    level: str
    points: float
    best: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that speaks for and against two records being one thing; ``points`` is the sum."""

    points: float
    reasons: tuple[Reason, ...]
    open: bool = False
    """What is equal leaves it open which of several things it is; the points stay just under the upper threshold."""

    @property
    def chance(self) -> float:
        """
        Return the points as a number from 0 to 1, for those who want one (even odds at 0 points).

        >>> Evidence(0.0, ()).chance, round(Evidence(10.0, ()).chance, 4)
        (0.5, 0.999)
        """
        return 1 / (1 + math.exp2(-max(-60.0, min(60.0, self.points))))

    def as_json(self) -> Json:
        """Return what is kept with an edge or a review."""
        told = [
            {"field": one.field, "kind": one.kind, "level": one.level, "points": one.points, "best": one.best}
            for one in self.reasons
        ]
        return {"points": self.points, "reasons": told}


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled match rule. ``digest`` names it: features prepared by another rule are prepared again."""

    etype: str
    parts: tuple[Part, ...]
    link: float
    review: float
    margin: float
    swaps: tuple[tuple[int, int], ...] = ()
    digest: str = ""
    fields: frozenset[str] = field(default=frozenset())

    def prepare(self, record: Mapping[str, Json]) -> Features:
        """Return the features of a record, given as plain values by field."""
        return [None if (value := record.get(one.field)) is None else one.kind.prepare(value) for one in self.parts]

    def keys(self, features: Sequence[Form | None]) -> list[int]:
        """Return what finds candidates: 64-bit numbers, so that an index over millions stays small."""
        return sorted({_number(self.etype, text) for text in self._texts(features)})

    def _texts(self, features: Sequence[Form | None]) -> list[str]:
        texts: list[str] = []
        held: list[tuple[str, str, str]] = []
        for part, form in zip(self.parts, features, strict=True):
            if form is None:
                continue
            kind = part.kind
            texts += [f"{_place(part)}={one}" for one in kind.alone(form)]
            held += [(kind.role, _place(part), grip) for grip in kind.grips(form) if grip]
        for n, (role, place, grip) in enumerate(held):
            for role_, place_, grip_ in held[n + 1 :]:
                if place != place_ and (how := _PAIRS.get((role, role_))):
                    a, b = (f"{place}={grip[: how[0]]}", f"{place_}={grip_[: how[1]]}")
                    texts.append("&".join(sorted((a, b)) if role == role_ == "name" else (a, b)))
                elif place == place_ and role == role_ == "name" and grip != grip_:
                    texts.append("&".join(sorted((f"{place}={grip}", f"{place}={grip_}"))))
        return texts

    def points(self, one: Sequence[Form | None], other: Sequence[Form | None]) -> float:
        """Return the sum only."""
        return self._sum(self._compare(one, other))

    def score(self, one: Sequence[Form | None], other: Sequence[Form | None]) -> Evidence:
        """Compare two prepared records, field by field."""
        compared = self._compare(one, other)
        reasons = tuple(
            Reason(part.field, part.kind.name, said.level, round(said.points, 2), round(part.kind.best * part.weight, 2))
            for part, said in zip(self.parts, compared, strict=True)
        )
        return Evidence(round(self._sum(compared), 2), reasons, self._is_open(compared))

    def _sum(self, compared: list[Compared]) -> float:
        total = sum(said.points for said in compared)
        return min(total, self.link - SHORT_OF) if total > self.link - SHORT_OF and self._is_open(compared) else total

    def _is_open(self, compared: list[Compared]) -> bool:
        if not any(said.open for said in compared):
            return False
        proofs = [said for part, said in zip(self.parts, compared, strict=True) if part.kind.proof]
        settled = any(said.level == EQUAL and said.points >= SURE for said in proofs)
        return not settled or any(said.open for said in proofs)

    def band(self, points: float) -> Band:
        """Say what so many points are enough for."""
        return Band.LINK if points >= self.link else Band.REVIEW if points >= self.review else Band.APART

    def _compare(self, one: Sequence[Form | None], other: Sequence[Form | None]) -> list[Compared]:
        found: list[Compared] = []
        for part, a, b in zip(self.parts, one, other, strict=True):
            if a is None or b is None:
                found.append(MISSING)
                continue
            said = part.kind.compare(a, b)
            found.append(said if part.weight == 1.0 else Compared(said.points * part.weight, said.level))
        for i, j in self.swaps:
            self._swap(i, j, one, other, found)
        return found

    def _swap(self, i: int, j: int, one: Sequence[Form | None], other: Sequence[Form | None], found: list[Compared]) -> None:
        """Given name and surname, or two lines of an address, may have changed places: take that where it fits better."""
        if one[i] is None or one[j] is None or other[i] is None or other[j] is None:
            return
        direct = found[i].points + found[j].points
        if direct > self.parts[i].kind.best:
            return
        crossed = self.parts[i].kind.compare(one[i], other[j]), self.parts[j].kind.compare(one[j], other[i])
        if crossed[0].points + crossed[1].points - 1.0 > direct:
            found[i], found[j] = (Compared(said.points - 0.5, SWAPPED) for said in crossed)


_PAIRS: dict[tuple[str, str], tuple[int | None, int | None]] = {
    ("name", "name"): (None, None),
    ("name", "when"): (3, None),
    ("name", "where"): (3, None),
    ("where", "name"): (None, 3),
    ("when", "name"): (None, 3),
    ("name", "number"): (None, None),
    ("number", "name"): (None, None),
    ("who", "when"): (None, None),
    ("when", "who"): (None, None),
    ("who", "where"): (None, None),
    ("where", "who"): (None, None),
    ("number", "where"): (None, None),
    ("where", "number"): (None, None),
}
"""Which grips of two fields find a candidate together, and how many characters of each are held."""


def _place(part: Part) -> str:
    """Return the name under which a part's keys stand: names of a person share one, because they change places."""
    return "name" if part.kind.role == "name" else part.field


def _number(etype: str, text: str) -> int:
    digest = blake2b(f"{etype}|{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def compile_rule(etype: str, spec: MatchSpec) -> Rule:
    """Return the rule of an entity whose definition has a ``match``."""
    parts = tuple(Part(name, KINDS[one.kind], one.weight) for name, one in spec.fields.items())
    swaps = tuple((at[0], at[1]) for kind in ("name", "text") if len(at := _at(parts, kind)) == 2)
    written = [etype, VERSION, [(part.field, part.kind.name) for part in parts]]
    digest = sha256(jsons.dumps(written).encode()).hexdigest()[:16]
    fields = frozenset(part.field for part in parts)
    return Rule(etype, parts, spec.link, spec.review, spec.margin, swaps, digest, fields)


def _at(parts: tuple[Part, ...], kind: str) -> list[int]:
    return [n for n, part in enumerate(parts) if part.kind.name == kind]


VERSION = 1
"""Of the prepared forms and keys: raised when they change, so that kept ones are prepared again."""
