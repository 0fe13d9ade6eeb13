"""
A draft: for every field of an entity the place it is probably read from, with a confidence and a reason.

Names (English and Chinese, Kingdee's and Yonyou's prefixes too), what the connector declares, and the values decide. Each
proposal is run over the samples by the real compiler before it is made; a field without a likely place is left out,
and its nearest guess is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.words import Json
from mappings.drafting.fitting import Fit, fit
from mappings.drafting.idshape import IdShape, learn
from mappings.drafting.likeness import Like, Wanted, like, wanted
from mappings.drafting.places import Place, declare, places
from mappings.models import EntitySpec, MappingSpec
from mappings.translate import Mapping as Compiled
from mappings.translate import compile_mapping

LIKELY = 0.55
"""From this confidence on a field is proposed."""

_NAME, _VALUES = 0.72, 0.28


@dataclass(frozen=True, slots=True)
class Proposal:
    """One field: how it is read, how sure we are (0 to 1), and why."""

    field: str
    mapped: dict[str, Json]
    confidence: float
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class NotProposed:
    """A field for which nothing was likely enough, with the nearest place if there is one."""

    field: str
    nearest: str | None
    en: str
    zh: str


@dataclass(slots=True)
class Draft:
    """A whole draft: the mapping as it could be published, its proposals, what is left, and the shape of the ids."""

    spec: dict[str, Any]
    proposals: list[Proposal] = field(default_factory=list)
    left: list[NotProposed] = field(default_factory=list)
    shape: IdShape | None = None
    unused: list[str] = field(default_factory=list)
    """Places that no field reads."""
    records: int = 0


@dataclass(frozen=True, slots=True)
class _Pair:
    """One field with one place."""

    want: Wanted
    place: Place
    like: Like
    fit: Fit
    confidence: float


def draft(
    head: Mapping[str, Any],
    entity: EntitySpec,
    records: Sequence[Mapping[str, Json]],
    *,
    zone: str = "UTC",
    declared: Iterable[tuple[str, str, tuple[str, ...]]] = (),
    ids: Sequence[str] = (),
    counted: bool = False,
) -> Draft:
    """
    Draft a mapping from sample records; ``head`` is its name and source, ``declared`` what the connector says of its fields.

    Fields that a formula computes or a bridge sets look like any other: leave them out of what is published.
    """
    found = places(records)
    declare(found, declared)
    wants = [wanted(entity, name, spec) for name, spec in entity.fields.items()]
    pairs = [one for want in wants for one in _pairs(want, found, len(records), zone)]
    chosen = _assigned(pairs)
    made = Draft({"kind": "mapping", **head, "to": entity.name, "fields": {}}, records=len(records))
    for want in wants:
        pair = chosen.get(want.name)
        mapped = None if pair is None else _checked(entity, want.name, _mapped(pair), records)
        if pair is None or mapped is None:
            made.left.append(_not_proposed(want, pairs))
            continue
        made.spec["fields"][want.name] = mapped
        en, zh = f"{pair.like.en}; {pair.fit.en}", f"{pair.like.zh}；{pair.fit.zh}"
        made.proposals.append(Proposal(want.name, mapped, round(pair.confidence, 2), en, zh))
    made.shape = learn(ids, counted=counted)
    read = {pair.place.path for pair in chosen.values()}
    made.unused = [one.path for one in found if one.path not in read and not _is_above(one.path, read)]
    return made


def _is_above(path: str, read: set[str]) -> bool:
    return any(one.startswith((f"{path}.", f"{path}[")) for one in read)


def _pairs(want: Wanted, found: Sequence[Place], records: int, zone: str) -> list[_Pair]:
    pairs = []
    for place in found:
        likeness = like(want, place)
        if likeness.score < 0.25:
            continue
        fitting = fit(place, want.spec, zone)
        if fitting is None:
            continue
        depth = place.path.count(".") + place.path.count("[")
        presence = 0.9 + 0.1 * min(1.0, place.count / max(records, 1))
        values = fitting.share * (0.4 + 0.6 * fitting.strict)
        confidence = (_NAME * likeness.score + _VALUES * values) * presence - 0.01 * (depth - 1)
        pairs.append(_Pair(want, place, likeness, fitting, confidence))
    return pairs


def _assigned(pairs: Sequence[_Pair]) -> dict[str, _Pair]:
    """Give each field its place, the surest first; one place serves one field, and a reference beside it."""
    chosen: dict[str, _Pair] = {}
    taken: set[tuple[str, bool]] = set()
    order = {path: n for n, path in enumerate(dict.fromkeys(one.place.path for one in pairs))}
    for pair in sorted(pairs, key=lambda one: (-one.confidence, order[one.place.path])):
        use = (pair.place.path, pair.want.spec.to is not None)
        if pair.confidence >= LIKELY and pair.want.name not in chosen and use not in taken:
            chosen[pair.want.name] = pair
            taken.add(use)
    return chosen


def _mapped(pair: _Pair) -> dict[str, Json]:
    steps = (["first"] if pair.place.many else []) + pair.fit.steps
    mapped: dict[str, Json] = {"from": pair.place.path}
    if steps:
        mapped["steps"] = steps
    if pair.fit.table is not None:
        mapped["table"] = pair.fit.table
        if pair.fit.unmapped:
            mapped["unmapped"] = "quarantine"
    if pair.place.values and pair.fit.share < 1 and not pair.fit.unmapped:
        mapped["on_invalid"] = "quarantine"
    return mapped


def _checked(
    entity: EntitySpec, name: str, mapped: dict[str, Json], records: Sequence[Mapping[str, Json]]
) -> dict[str, Json] | None:
    """Run the field over the samples; where it would refuse a real record it is quarantined instead. None: it cannot be."""
    for policy in ({}, {"on_invalid": "quarantine"}):
        spec = {"name": "draft", "from": {"kind": "x", "stream": "x"}, "to": entity.name, "fields": {name: mapped | policy}}
        compiled = compile_mapping(MappingSpec.model_validate(spec), entity, {})
        if not isinstance(compiled, Compiled):
            return None
        if not any(compiled.translate(one).refused for one in records):
            return mapped | policy
    return None


def _not_proposed(want: Wanted, pairs: Iterable[_Pair]) -> NotProposed:
    mine = sorted((one for one in pairs if one.want.name == want.name), key=lambda one: -one.confidence)
    if not mine:
        return NotProposed(want.name, None, "no place is called like it and fits its type", "没有名称相近且类型相符的位置")
    best = mine[0]
    said = f"nearest {best.place.path} ({best.confidence:.2f}): {best.like.en}; {best.fit.en}"
    return NotProposed(
        want.name, best.place.path, said, f"最接近 {best.place.path}（{best.confidence:.2f}）：{best.like.zh}；{best.fit.zh}"
    )
