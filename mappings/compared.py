"""
Two versions of a mapping side by side on the same records: what stays, what changes, what newly fails, what is fixed.

Pure: records go in, a comparison comes out, nothing is stored. Both sides are the compiled mappings that would run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.jsons import same
from core.words import Json
from mappings.translate import Mapping as Compiled
from mappings.translate import Translation

EXAMPLES = 3
"""Per field and verdict so many examples are kept."""

RECORDS = 50
"""So many records that differ are told one by one."""


class Compared(StrEnum):
    """What became of a field or a record under the other version."""

    SAME = "same"
    CHANGED = "changed"
    NEWLY_FAILING = "newly_failing"
    NEWLY_FIXED = "newly_fixed"


_WORST_FIRST = (Compared.NEWLY_FAILING, Compared.NEWLY_FIXED, Compared.CHANGED)


@dataclass(frozen=True, slots=True)
class Side:
    """A field as one version makes it: written (with its state and value), left as it was, or the record refused."""

    state: str
    value: Json = None
    why: str | None = None

    def as_dict(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {"state": self.state, "value": self.value, "why": self.why}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one record that differs."""

    field: str
    verdict: Compared
    before: Side
    after: Side

    def as_dict(self) -> dict[str, Json]:
        """Return it as JSON."""
        sides = {"before": self.before.as_dict(), "after": self.after.as_dict()}
        return {"field": self.field, "verdict": self.verdict.value, **sides}


@dataclass(slots=True)
class Comparison:
    """What two versions make of the same records; counts of records, counts and examples per field, single records."""

    looked_at: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Compared, 0))
    failing: int = 0
    """Records that fail under both."""
    fields: dict[str, dict[str, int]] = field(default_factory=dict)
    examples: dict[tuple[str, str], list[dict[str, Json]]] = field(default_factory=dict)
    records: list[dict[str, Json]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        told = [
            {"field": name, **counts, "examples": [one for word in _WORST_FIRST for one in self.examples.get((name, word), [])]}
            for name, counts in self.fields.items()
        ]
        return {
            "looked_at": self.looked_at,
            "counts": {str(word): n for word, n in self.counts.items()},
            "failing": self.failing,
            "fields": told,
            "records": self.records,
        }


def compare(
    before: Compiled | None, after: Compiled, records: Iterable[tuple[Mapping[str, Json], Mapping[str, Json]]]
) -> Comparison:
    """Run both over records, each given with what names it (a receipt, an external id); without ``before`` all is new."""
    found = Comparison()
    for record, named in records:
        old = before.translate(record) if before is not None else None
        new = after.translate(record)
        changes = list(_changes(old, new))
        verdict = _verdict(old, new, changes)
        found.looked_at += 1
        found.counts[verdict] += 1
        found.failing += old is not None and _fails(old) and _fails(new)
        for one in changes:
            counts = found.fields.setdefault(one.field, {str(word): 0 for word in _WORST_FIRST})
            counts[one.verdict] += 1
            kept = found.examples.setdefault((one.field, one.verdict), [])
            if len(kept) < EXAMPLES:
                kept.append({**named, **one.as_dict()})
        if changes and len(found.records) < RECORDS:
            found.records.append({**named, "verdict": verdict.value, "fields": [one.as_dict() for one in changes]})
    return found


def _changes(old: Translation | None, new: Translation) -> Iterable[FieldChange]:
    names = dict.fromkeys((*_names(old), *_names(new)))
    for name in names:
        one, other = _side(old, name), _side(new, name)
        if one == other or (one.state == other.state == "present" and same(one.value, other.value)):
            continue
        yield FieldChange(name, _verdict_of(one, other), one, other)


def _names(said: Translation | None) -> list[str]:
    return [] if said is None else [*said.fields, *(one.field for one in said.problems), *said.left]


def _side(said: Translation | None, name: str) -> Side:
    if said is None:
        return Side("absent")
    trouble = next((one for one in said.problems if one.field == name), None)
    if trouble is not None and trouble.policy != "default":
        state = "refused" if trouble.policy == "error" else trouble.state
        return Side(state, trouble.raw, trouble.why)
    if name in said.fields:
        return Side(said.fields[name].state.value, said.fields[name].value)
    return Side(said.left[name].value if name in said.left else "absent")


_BAD = ("refused", "invalid")


def _verdict_of(one: Side, other: Side) -> Compared:
    if other.state in _BAD and one.state not in _BAD:
        return Compared.NEWLY_FAILING
    if one.state in _BAD and other.state not in _BAD:
        return Compared.NEWLY_FIXED
    return Compared.CHANGED


def _verdict(old: Translation | None, new: Translation, changes: list[FieldChange]) -> Compared:
    """The record's verdict is the worst of its fields; whether it is refused as a whole counts most."""
    was = old is not None and old.refused
    if new.refused and not was:
        return Compared.NEWLY_FAILING
    if was and not new.refused:
        return Compared.NEWLY_FIXED
    verdicts = {one.verdict for one in changes}
    return next((word for word in _WORST_FIRST if word in verdicts), Compared.SAME)


def _fails(said: Translation) -> bool:
    return said.refused or any(one.state == "invalid" for one in said.problems)
