"""What bench/matching and bench/online claim, on a part that every run of the tests can afford."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import chinese, febrl
from bench.matching import chinese_set
from bench.online import ask
from bench.register import fill, groups, open_register, pairs, rule_of
from mappings.matching import batch


@pytest.mark.parametrize(("files", "recall"), [(("dataset4a", "dataset4b"), 0.995), (("dataset3",), 0.98)])
def test_febrl_at_the_default_threshold(tmp_path: Path, files: tuple[str, ...], recall: float) -> None:
    """Precision 0.999 and the recall asked for over pairs; after joining no mixed group and pair recall 0.99."""
    people = {name: record for name, record in febrl.read(*files).items() if int(febrl.who(name)) < 400}
    names, rule = list(people), rule_of(febrl.FIELDS, "person")
    truth = febrl.truth(names)
    db = open_register(tmp_path, "people")
    fill(db, rule, list(people.values()))
    chosen = {tuple(sorted((names[one.a - 1], names[one.b - 1]))) for one in pairs(db, rule) if one.points >= rule.link}
    assert len(chosen & truth) / len(chosen) >= 0.999
    assert len(chosen & truth) / len(truth) >= recall
    batch.match(db, rule)
    joined = [{febrl.who(names[one - 1]) for one in group} for group in groups(db)]
    sizes = [len(group) for group in groups(db)]
    db.close()
    assert all(len(group) == 1 for group in joined)
    assert sum(size * (size - 1) // 2 for size in sizes) / len(truth) >= 0.99


@pytest.mark.parametrize("prevalence", [1.0, 0.1])
@pytest.mark.parametrize(
    ("what", "fields", "make"),
    [("persons", chinese.PERSON, chinese.persons), ("companies", chinese.COMPANY, chinese.companies)],
)
def test_chinese_records_at_the_default_threshold(
    tmp_path: Path, what: str, fields: dict[str, str], make: object, prevalence: float
) -> None:
    """No stranger who was made to be confused with somebody is joined, at either prevalence."""
    assert callable(make)
    assert chinese_set(tmp_path, what, rule_of(fields, what), make(400, prevalence, seed=20))


def test_one_record_against_a_register(tmp_path: Path) -> None:
    """With the margin every answer is right, and nearly every record finds its own."""
    rule = rule_of(febrl.FIELDS, "person")
    originals, copies = febrl.read("dataset4a"), febrl.read("dataset4b")
    names = list(originals)[:1000]
    known = {febrl.who(name) for name in names}
    db = open_register(tmp_path, "people")
    fill(db, rule, [originals[name] for name in names])
    fill(db, rule, febrl.strangers(3000, list(originals.values())), first=len(names) + 1)
    queries = [(name, record) for name, record in copies.items() if febrl.who(name) in known][:250]
    found = ask(db, rule, names, queries)
    db.close()
    assert (found.precision, found.wrong) == (1.0, 0)
    assert found.recall >= 0.98
