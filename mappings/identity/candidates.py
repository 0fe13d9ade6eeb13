"""
Who might this be? Candidates for a name, a master ID or an id of any system, the likeliest first.

A look-up for people and for the reconciliation API, never a link: what is like is not the same. An id that is known
answers for itself. Where an entity says how its records are matched, that scorer judges, as it does on entry; names are
also folded (width, case, white space) and compared by rapidfuzz. Rows are found by parts of the name, at most
``LOOKED_AT`` of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import ColumnElement, Connection, Select, Text, false, func, or_, select, type_coerce

from core.errors import InputError
from core.jsons import dumps
from core.tables import connector, entity, value
from core.words import FieldState, Json
from mappings.catalogue import Catalogue
from mappings.identity.check_digits import entered
from mappings.identity.crosswalk import current
from mappings.identity.rows import find
from mappings.matching import asking
from mappings.matching.rule import Band
from mappings.models import EntitySpec
from mappings.values import current_values, seen

LOOKED_AT = 500
SURE = 99.5
"""A candidate is a match from here on, if no other comes near."""
NEAR = 90.0
_NAMES = ("name", "title", "label", "subject")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: a text, the types it may be of (all, if none), and values that fields should have."""

    text: str | None
    etypes: tuple[str, ...] = ()
    fields: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    limit: int = 5


@dataclass(slots=True)
class Candidate:
    """Somebody it might be, with what speaks for it: scores from 0 to 100 by feature."""

    entity_id: int
    gid: str
    etype: str
    name: str
    score: float = 0.0
    features: dict[str, float] = field(default_factory=dict)
    match: bool = False


def name_field(spec: EntitySpec) -> str | None:
    """Return the field that names an entity: called name or title, else its first text."""
    texts = [name for name, one in spec.fields.items() if one.type == "string"]
    return next((name for name in _NAMES if name in texts), texts[0] if texts else None)


def folded(text: str) -> str:
    """
    Return the form in which names are compared.

    >>> folded("  Press　０７ ")
    'press 07'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def candidates(conn: Connection, asked: Asked, live: Catalogue) -> list[Candidate]:
    """Return who it might be, the likeliest first; the first is a match if it is sure and nobody else comes near."""
    etypes = [one for one in (asked.etypes or live.entities) if one in live.entities]
    found: dict[int, dict[str, float]] = {}
    if asked.text:
        for entity_id in _by_id(conn, asked.text, etypes):
            found[entity_id] = {"id": 100.0}
    for entity_id, score in _by_evidence(conn, asked, etypes, live).items():
        found.setdefault(entity_id, {})["evidence"] = score
    for entity_id in _by_text(conn, asked, etypes, live):
        found.setdefault(entity_id, {})
    described = describe(conn, list(found), live)
    judged = [_judged(one, found[one.entity_id], fields, asked) for one, fields in described if one.etype in etypes]
    ranked = sorted((one for one in judged if one.score > 0), key=lambda one: (-one.score, one.gid))
    others = [one.score for one in ranked[1:]]
    if ranked:
        ranked[0].match = ranked[0].score >= SURE and not (others and others[0] >= NEAR)
    return ranked[: asked.limit]


def describe(conn: Connection, entity_ids: Sequence[int], live: Catalogue) -> list[tuple[Candidate, dict[str, Json]]]:
    """Return these survivors with their names and fields, in the same order."""
    rows = {row.id: row for row in conn.execute(select(entity).where(entity.c.id.in_(entity_ids)))}
    known = current_values(conn, entity_ids, live)
    told = []
    for one in entity_ids:
        fields = {name: seen(said) for name, said in known[one].items() if seen(said) is not None}
        spec = live.entities.get(rows[one].etype)
        named = fields.get(name_field(spec) or "") if spec is not None else None
        name = named if isinstance(named, str) and named.strip() else rows[one].gid
        told.append((Candidate(one, rows[one].gid, rows[one].etype, name), fields))
    return told


def begins_with(conn: Connection, prefix: str, live: Catalogue, *, skip: int = 0, most: int = 10) -> list[Candidate]:
    """Return entities whose name or master ID begins with this, or that have it as an id."""
    wanted = folded(prefix)
    ids = dict.fromkeys(_by_id(conn, prefix, list(live.entities)))
    by_gid = select(entity.c.survivor_id).where(func.upper(entity.c.gid).startswith(prefix.strip().upper(), autoescape=True))
    ids |= dict.fromkeys(conn.execute(by_gid.order_by(entity.c.id).limit(most + skip)).scalars())
    begins = func.lower(_raw()).startswith('"' + wanted, autoescape=True)
    query = _named(live, list(live.entities)).where(begins).order_by(entity.c.survivor_id).limit(most + skip)
    ids |= dict.fromkeys(conn.execute(query).scalars())
    chosen = list(ids)[skip : skip + most]
    return [one for one, _ in describe(conn, chosen, live)]


def _by_id(conn: Connection, text: str, etypes: Sequence[str]) -> list[int]:
    """Return who has this master ID, or this id in any system."""
    try:
        gid = entered(text)
    except InputError:  # a wrong check character: then it is a name like any other
        gid = text
    who = [one.entity_id for one in current(conn, [gid]).values()]
    connectors = conn.execute(select(connector.c.id)).scalars().all()
    keys = [(one, etype, text.strip()) for one in connectors for etype in etypes]
    return list(dict.fromkeys([*who, *(row.survivor_id for row in find(conn, sorted(keys)).values())]))


def _by_evidence(conn: Connection, asked: Asked, etypes: Sequence[str], live: Catalogue) -> dict[int, float]:
    """Return who the question would be by the entity's own rule of matching: 100 for one who would be joined on entry."""
    found: dict[int, float] = {}
    for etype in etypes:
        rule, name = live.rules.get(etype), name_field(live.entities[etype])
        if rule is None:
            continue
        record = {field: one_of[0] for field, one_of in asked.fields.items() if one_of}
        if asked.text and name is not None:
            record[name] = asked.text
        for one in asking.candidates(conn, rule, record, limit=asked.limit):
            share = round(min(NEAR - 1, 100 * one.evidence.points / rule.link), 2)
            found[one.survivor_id] = 100.0 if one.band is Band.LINK else max(0.0, share)
    return found


def _by_text(conn: Connection, asked: Asked, etypes: Sequence[str], live: Catalogue) -> list[int]:
    """Return the survivors whose name shares a part with the text, or whose fields have the asked values."""
    found: dict[int, None] = {}
    parts = _parts(folded(asked.text)) if asked.text else []
    if parts:
        alike = or_(*(func.lower(_raw()).contains(part, autoescape=True) for part in parts))
        found |= dict.fromkeys(conn.execute(_named(live, etypes).where(alike).limit(LOOKED_AT)).scalars())
    for name, wanted in asked.fields.items():
        same = (value.c.field == name) & _raw().in_([dumps(one) for one in wanted])
        query = _values(etypes).where(same).limit(LOOKED_AT)
        found |= dict.fromkeys(conn.execute(query).scalars())
    return list(found)


def _parts(text: str) -> list[str]:
    """
    Return parts of a name to look for: its words, or pairs of characters where it is written without spaces.

    >>> _parts("press 07"), _parts("深圳市腾讯")
    (['press', '07'], ['深圳', '圳市', '市腾', '腾讯'])
    """
    if text.isascii():
        return sorted(set(text.split()), key=lambda word: (-len(word), word))[:6]
    plain = text.replace(" ", "")
    return list(dict.fromkeys(plain[n : n + 2] for n in range(max(1, len(plain) - 1))))[:30]


def _raw() -> ColumnElement[str]:
    return type_coerce(value.c.value, Text)


def _values(etypes: Sequence[str]) -> Select[Any]:
    return (
        select(entity.c.survivor_id)
        .join(value, value.c.entity_id == entity.c.id)
        .where(entity.c.etype.in_(etypes), value.c.state == FieldState.PRESENT.value)
        .distinct()
    )


def _named(live: Catalogue, etypes: Iterable[str]) -> Select[Any]:
    """Return the query for the values of fields that name things."""
    chosen = {etype: name for etype in etypes if (name := name_field(live.entities[etype])) is not None}
    return _values(list(chosen)).where(
        or_(*((entity.c.etype == etype) & (value.c.field == name) for etype, name in chosen.items()), false())
    )


def _judged(one: Candidate, features: dict[str, float], fields: Mapping[str, Json], asked: Asked) -> Candidate:
    """Score a candidate: a known id is sure, else its evidence or its name, and three tenths by the fields asked for."""
    if asked.text:
        features["name"] = round(_alike(folded(asked.text), folded(one.name)), 2)
    told = [max(_same(fields.get(name), one_of) for one_of in wanted) for name, wanted in asked.fields.items() if wanted]
    features |= {f"field.{name}": round(score, 2) for name, score in zip(asked.fields, told, strict=False)}
    sure = features.get("id", 0.0) or max(features.get("evidence", 0.0), features.get("name", 0.0))
    mean = sum(told) / len(told) if told else None
    if mean is None:
        one.score = sure
    else:
        one.score = mean if not asked.text else 0.7 * sure + 0.3 * mean
    one.score, one.features = round(one.score, 2), features
    return one


def _alike(one: str, other: str) -> float:
    """Say how alike two folded names are; only equal ones are wholly alike, in whatever order their words stand."""
    if one == other:
        return 100.0
    return min(99.0, 0.6 * fuzz.token_sort_ratio(one, other) + 0.4 * fuzz.WRatio(one, other))


def _same(known: Json, wanted: Json) -> float:
    if known is None:
        return 0.0
    one, other = folded(str(known)), folded(str(wanted))
    return 100.0 if one == other else min(99.0, fuzz.ratio(one, other))
