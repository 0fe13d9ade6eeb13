"""Names, ids and records as the running systems send them: drafted, compared, learned, exported and found again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from lab.gateway import Gateway
from lab.real.zabbix.drive import Floor
from tests.real.plant import Plant


@pytest.fixture
def lived(plant: Plant, floor: Floor) -> Plant:
    """Give the plant after one problem has become a ticket: every system has said something."""
    plant.ticket_of(floor.overheat())
    plant.settle()
    return plant


@pytest.mark.parametrize(
    ("connector", "stream", "entity", "wanted"),
    [
        ("monitoring", "problems", "alert", {"title", "severity", "device"}),
        ("monitoring", "hosts", "device", {"name", "ip"}),
        ("tickets", "issues", "ticket", {"title", "status"}),
    ],
)
def test_a_mapping_is_drafted_from_real_records(
    lived: Plant, gateway: Gateway, connector: str, stream: str, entity: str, wanted: set[str]
) -> None:
    """What a person mapped by hand is proposed from what was really sent, each field with its reason."""
    drafted = gateway.ask("mappings", "draft", "--connector", connector, "--entity", entity, "--stream", stream)

    assert drafted["records"] >= 1
    assert wanted <= set(drafted["mapping"]["fields"])
    assert all(one["en"] and one["zh"] for one in drafted["proposals"])


@pytest.mark.parametrize("mapping", ["zabbix-problems", "zabbix-hosts", "roundup-issues", "tryton-stock"])
def test_the_live_mapping_explains_and_compares_real_records(lived: Plant, gateway: Gateway, mapping: str) -> None:
    """Beside itself nothing differs, no real record fails, and the newest is told field by field."""
    names = {one["name"] for one in gateway.ask("mappings", "list")["items"]}
    if mapping not in names:
        mapping = next(one for one in sorted(names) if one.startswith("tryton"))
    compared = gateway.ask("mappings", "compare", mapping)
    assert compared["looked_at"] >= 1
    assert compared["failing"] == 0
    assert compared["fields"] == []

    told = gateway.ask("mappings", "explain", mapping)
    assert any(one["written"] for one in told["fields"])


def test_the_shapes_of_real_ids_are_learned(lived: Plant) -> None:
    """Zabbix and Roundup number their things; the learned pattern takes every id that came."""
    found: list[dict[str, Any]] = lived.api.get("/identity/shapes")["items"]
    learned = {(one["connector"], one["entity"]): one["learned"] for one in found if one["learned"]}

    for place in (("monitoring", "alert"), ("monitoring", "device"), ("tickets", "ticket")):
        assert place in learned, found
        assert learned[place]["covers"] == learned[place]["seen"]
        assert learned[place]["odd"] == []


def test_the_crosswalk_of_real_systems_survives_a_file(lived: Plant, gateway: Gateway, tmp_path: Path) -> None:
    """Every id of every system goes out, and the same file comes in again without a change or a fault."""
    file = tmp_path / "ids.csv"
    gateway.run("ids", "export", str(file))
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))

    assert {"monitoring", "tickets"} <= {row["connector"] for row in rows}
    assert any("press" in row["external_id"] or row["entity"] == "device" for row in rows)
    answer = gateway.ask("ids", "import", str(file), "--dry-run")
    assert answer["fault_count"] == 0, answer
    assert answer["known"] + answer["repeated"] == answer["lines"] == len(rows), answer


def test_a_real_machine_is_found_by_its_name(lived: Plant, gateway: Gateway) -> None:
    """The reconciliation API knows the press by the name that the monitoring gives it, asked as OpenRefine asks."""
    listed: list[dict[str, Any]] = lived.api.get("/entities", type="device", limit=200)["items"]
    names = {one["master_id"]: lived.value(one["master_id"], "name") for one in listed}
    master_id, name = next((one, str(said)) for one, said in names.items() if said and "press" in str(said))

    asked = urlencode({"queries": json.dumps({"q0": {"query": name, "type": "device", "limit": 3}})}).encode()
    with urlopen(f"{lived.api.url}/reconcile/with/{lived.api.key}", asked, timeout=10) as answered:
        found = json.load(answered)["q0"]["result"]
    assert found[0]["id"] == master_id
    assert found[0]["match"] is True
    golden = {one["field"]: one for one in gateway.ask("ids", "golden", master_id)["fields"]}
    assert golden["name"]["value"] == name
