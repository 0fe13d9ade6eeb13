"""How many proposals of a draft are right: they make the same of every sample as the mapping that a person wrote."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mappings.drafting import Draft, draft
from mappings.models import MappingSpec
from mappings.translate import Mapping, compile_mapping
from tests.mappings.drafting_sets import ZONE, Sample, chinese, held_out, real


@dataclass(slots=True)
class Score:
    """Counts over fields, and the faults by name."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    told: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / ((self.right + self.wrong) or 1)

    @property
    def recall(self) -> float:
        return self.right / ((self.right + self.missed) or 1)


def drafted(sample: Sample) -> Draft:
    head = {"name": "drafted", "from": {"kind": "x", "stream": "y"}}
    return draft(
        head, sample.entity, sample.records, zone=ZONE, declared=sample.declared, ids=sample.ids, counted=sample.counted
    )


def made(sample: Sample, fields: dict[str, Any]) -> Mapping:
    spec = {"name": "m", "from": {"kind": "x", "stream": "y"}, "to": sample.entity.name, "fields": fields}
    compiled = compile_mapping(MappingSpec.model_validate(spec), sample.entity, {})
    assert isinstance(compiled, Mapping), compiled
    return compiled


def values(sample: Sample, fields: dict[str, Any], name: str) -> list[Any]:
    mapping = made(sample, {name: fields[name]})
    found = [mapping.translate(one).fields.get(name) for one in sample.records]
    return [None if one is None or one.state != "present" else one.value for one in found]


def score(samples: Iterable[Sample]) -> Score:
    total = Score()
    for sample in samples:
        proposed = drafted(sample).spec["fields"]
        for name in sample.fields:
            if name not in proposed:
                total.missed += 1
                total.told.append(f"{sample.name}: {name} missed")
        for name in proposed:
            if name in sample.fields and values(sample, proposed, name) == values(sample, sample.fields, name):
                total.right += 1
            elif name not in sample.not_from_here or name in sample.fields:
                total.wrong += 1
                total.missed += name in sample.fields
                total.told.append(f"{sample.name}: {name} wrong, {proposed[name]}")
    return total


if __name__ == "__main__":
    for label, samples in (("real systems", real()), ("Kingdee, Yonyou, Chinese", chinese()), ("held out", held_out())):
        found = score(samples)
        print(f"{label}: right {found.right}, wrong {found.wrong}, missed {found.missed}; "
              f"precision {found.precision:.3f}, recall {found.recall:.3f}")  # fmt: skip
        if "-v" in sys.argv:
            print(*(f"  {one}" for one in found.told), sep="\n")
