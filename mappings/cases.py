"""Cases: what a mapping must make of a record. They are judged before publishing, and made from real records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.definitions import Problem
from core.words import FieldState, Json
from mappings.masks import Mask
from mappings.models import Case, MappingSpec
from mappings.translate import Mapping as Compiled
from mappings.translate.paths import Path, read_path


def judge(path: str, case: Case, mapping: Compiled) -> Iterator[Problem]:
    """Yield what a mapping makes otherwise than a case says; ``path`` is the case's place in the definition."""
    result = mapping.translate(case.given)
    if result.refused != case.refused:
        why = "; ".join(f"{one.field}: {one.why}" for one in result.problems) or "every field fits"
        said = "refused" if result.refused else "accepted"
        yield Problem(path, f"The case {case.name!r} is {said}: {why}", "Correct the mapping, or the case (refused: true).")
        return
    for name, wanted in case.expect.items():
        got = result.fields.get(name)
        if got is None or got.value != wanted or got.value.__class__ is not wanted.__class__:
            shown = repr(got.value) if got is not None else "not written"
            yield Problem(
                f"{path}.expect.{name}",
                f"The case {case.name!r} expects {wanted!r} and gets {shown}.",
                "Correct the mapping or the case.",
            )
    for name in case.lacks:
        if name in result.fields:
            yield Problem(
                f"{path}.lacks",
                f"The case {case.name!r} must not write {name}, and it writes {result.fields[name].value!r}.",
                "Correct the mapping or the case.",
            )


@dataclass(frozen=True, slots=True)
class Tried:
    """One case and what is wrong with it under a mapping; nothing: it passes."""

    case: str
    problems: tuple[Problem, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        faults = [{"path": one.path, "what": one.what, "fix": one.fix} for one in self.problems]
        return {"case": self.case, "passes": not self.problems, "problems": faults}


def run(spec: MappingSpec, mapping: Compiled) -> list[Tried]:
    """Try every case of a mapping."""
    return [Tried(case.name, tuple(judge(f"cases.{n}", case, mapping))) for n, case in enumerate(spec.cases)]


def personal(spec: MappingSpec) -> tuple[Path, ...]:
    """Return the paths of the fields that a mapping marks as personal."""
    return tuple(read_path(one.from_) for one in spec.fields.values() if one.pii)


def capture(
    mapping: Compiled, records: Iterable[tuple[str, dict[str, Json]]], *, mask: Mask | None = None, whole: bool = False
) -> list[dict[str, Json]]:
    """
    Turn records, each with a name, into cases as they stand in a definition; what is said twice is said once.

    ``expect`` is what the mapping makes of the masked record today: a person corrects it where today is wrong. Unless
    ``whole``, only those members of a record are kept that the mapping reads.
    """
    mask = mask if mask is not None else Mask(personal(mapping.spec))
    kept = None if whole else _read_by(mapping.spec)
    made: list[dict[str, Json]] = []
    seen: list[Json] = [case.given for case in mapping.spec.cases]
    for name, record in records:
        lean = record if kept is None else {key: one for key, one in record.items() if key in kept}
        given = mask.record(lean)
        if given not in seen:
            seen.append(given)
            made.append(_case(name, given, mapping))
    return made


def _read_by(spec: MappingSpec) -> set[str] | None:
    """Return the first names of everything a mapping reads; None when a path may begin anywhere."""
    keys = [read_path(one.from_).keys for one in spec.fields.values()]
    return None if any(not one for one in keys) else {one[0] for one in keys}


def _case(name: str, given: Mapping[str, Json], mapping: Compiled) -> dict[str, Json]:
    said = mapping.translate(given)
    if said.refused:
        return {"name": name, "given": dict(given), "expect": {}, "refused": True}
    expect = {one: field.value for one, field in said.fields.items() if field.state is not FieldState.INVALID}
    case: dict[str, Json] = {"name": name, "given": dict(given), "expect": expect}
    return case | ({"lacks": sorted(said.left)} if said.left else {})
