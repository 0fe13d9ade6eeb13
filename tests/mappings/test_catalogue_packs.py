from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridges import specs as bridge_specs
from bridges.specs import BridgeSpec
from connectors.registry import connector_class
from core.definitions import Catalogue as Authored
from core.definitions import Problem
from core.expressions import compile_condition
from core.strict import read_yaml
from core.words import Json, Verdict
from mappings import specs
from mappings.catalogue import Catalogue, Written, build
from mappings.formulas import recompute
from mappings.models import MODELS, MappingSpec
from mappings.translate import translate
from mappings.values import Stamp, differences, seen
from snapshots import specs as recipe_specs
from snapshots.specs import RecipeSpec

PACKS = Path(__file__).parents[2] / "packs"
FOLDERS = ("monitoring", "demo")


def documents(folder: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in sorted((PACKS / folder).glob("*.yaml")):
        if file.name != "pack.yaml":
            found += [(f"{file.name}:{one.line}", one.value) for one in read_yaml(file.read_text(encoding="utf-8"), file.name)]
    return found


ALL = [(f"{folder}/{place}", spec) for folder in FOLDERS for place, spec in documents(folder)]
(PACK,) = read_yaml((PACKS / "demo" / "pack.yaml").read_text(encoding="utf-8"), "pack.yaml")


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {spec["name"]: spec for _, spec in ALL if spec["kind"] == kind}


def authored() -> Authored:
    kinds = {name: connector_class(kind).kind for name, kind in PACK.value["connectors"].items()}
    return Authored(
        entities=of_kind("entity"),
        kinds=kinds,
        recipes=of_kind("recipe"),
        tables=of_kind("code_table"),
        formulas=of_kind("formula"),
        mappings=of_kind("mapping"),
    )


def catalogue() -> Catalogue:
    written = [Written(spec["kind"], spec["name"], spec) for _, spec in ALL if spec["kind"] in MODELS]
    made = build(written)
    assert made.broken == {}
    return made


def problems(spec: dict[str, Any]) -> list[Problem]:
    known = authored()
    if spec["kind"] == "bridge":
        return bridge_specs.problems(BridgeSpec.model_validate(spec), known)
    if spec["kind"] == "recipe":
        return recipe_specs.problems(RecipeSpec.model_validate(spec), known)
    model = specs.read(spec["kind"], spec)
    return model if isinstance(model, list) else specs.problems(model, known)


@pytest.mark.parametrize(("place", "spec"), ALL, ids=[spec["name"] for _, spec in ALL])
def test_every_definition_can_be_published(place: str, spec: dict[str, Any]) -> None:
    """Each definition of the packs is understood, refers to what exists, compiles, and passes its cases."""
    assert problems(spec) == [], place


@pytest.mark.parametrize(("place", "spec"), ALL, ids=[spec["name"] for _, spec in ALL])
def test_every_definition_draws_its_lineage(place: str, spec: dict[str, Any]) -> None:
    """What reads something says so: mappings, formulas, bridges and recipes have edges."""
    known = authored()
    if spec["kind"] == "bridge":
        assert bridge_specs.edges(BridgeSpec.model_validate(spec), known), place
    elif spec["kind"] == "recipe":
        assert recipe_specs.edges(RecipeSpec.model_validate(spec), known), place
    else:
        model = specs.read(spec["kind"], spec)
        assert not isinstance(model, list)
        assert bool(specs.edges(model, known)) is (spec["kind"] in ("mapping", "formula"))


def test_every_definition_says_why() -> None:
    """A comment before each definition gives its reason in one line."""
    for folder in FOLDERS:
        for file in sorted((PACKS / folder).glob("*.yaml")):
            parts = file.read_text(encoding="utf-8").split("\n---\n")
            for part in parts:
                comment = part.partition("kind:")[0]
                assert "# Why: " in comment or file.name == "pack.yaml", f"{folder}/{file.name}: {part[:60]}"


def test_every_mapping_has_cases() -> None:
    """No mapping of a pack is published on faith."""
    for name, spec in of_kind("mapping").items():
        assert len(spec["cases"]) >= 2, name


def test_everything_shown_to_people_has_both_languages() -> None:
    """Entities, fields, bridges and recipes have titles in English and Chinese."""
    for _, spec in ALL:
        if spec["kind"] in ("mapping", "code_table") and "title" not in spec:
            continue
        titles = [spec["title"], *(one["title"] for one in (spec["fields"].values() if spec["kind"] == "entity" else ()))]
        titles += [one["title"] for one in spec.get("facets", {}).values()]
        for title in titles:
            assert title["en"]
            assert any("\u4e00" <= sign <= "\u9fff" for sign in title["zh"]), title


STAMP = Stamp(1, "monitoring", "alert", 1, observed_at=1)


@pytest.mark.parametrize(("severity", "priority"), [("5", "P1"), ("4", "P2"), ("3", "P3"), ("2", "P4"), ("0", "P4")])
def test_an_alert_gets_its_priority(severity: str, priority: str) -> None:
    """From the record to the computed field in one go."""
    known = catalogue()
    (mapping,) = known.mappings_for("zabbix", "monitoring", "problems")
    record = {**case("zabbix-problems", 0), "severity": severity}
    found = differences({}, translate(mapping, record).fields, STAMP, known)
    found.add(recompute(known, "alert", found.after, found.changes.keys(), STAMP))
    assert seen(found.after["priority"]) == priority
    assert found.changes["priority"] == [None, priority]


def test_low_changes_only_when_stock_crosses_the_order_point() -> None:
    """A bridge on product.low fires at a fall, not at every sale below the point, and again after a recovery."""
    known = catalogue()
    stamp = Stamp(3, "erp", "product", 1, observed_at=1)
    current: dict[str, Any] = {}
    seen_low = []
    (mapping,) = known.mappings_for("tryton", "erp", "stock")
    for quantity in (9.0, 5.0, 4.0, 3.0, 6.0, 2.0):
        record = {"code": "SEAL-80", "name": "Seal", "quantity": quantity, "order_point": 5.0, "target": 20.0, "unit": "u"}
        found = differences(current, translate(mapping, record).fields, stamp, known)
        found.add(recompute(known, "product", found.after, found.changes.keys(), stamp))
        current = found.after
        seen_low.append(found.changes.get("low"))
    assert seen_low == [[None, False], None, [False, True], None, [True, False], [False, True]]


def case(mapping: str, n: int) -> dict[str, Json]:
    given: dict[str, Json] = MappingSpec.model_validate(of_kind("mapping")[mapping]).cases[n].given
    return given


ALERT = {"alert.status": "open", "alert.severity": 4, "alert.fault": "FLT-1"}
TICKETED = {**ALERT, "alert.ticket": "TKT-1"}
LOW = {"product.low": True, "product.code": "SEAL-80"}


@pytest.mark.parametrize(
    ("values", "fired"),
    [
        (ALERT, {"alert-to-ticket"}),
        ({**ALERT, "alert.severity": 2}, set()),
        ({**ALERT, "alert.status": "resolved"}, set()),
        (TICKETED, set()),
        ({**ALERT, "fault.ticket": "TKT-0", "earlier.status": "resolved"}, {"alert-to-ticket"}),
        ({**ALERT, "fault.ticket": "TKT-0", "earlier.status": "in_progress"}, {"alert-returns"}),
        ({**ALERT, "fault.ticket": "TKT-0"}, {"alert-returns"}),
        ({**TICKETED, "alert.status": "resolved", "ticket.status": "open"}, {"alert-cleared-notes-ticket"}),
        ({**TICKETED, "alert.status": "resolved"}, {"alert-cleared-notes-ticket"}),
        ({**TICKETED, "alert.status": "resolved", "ticket.status": "resolved"}, set()),
        ({**TICKETED, "ticket.alert": "ALRT-1", "ticket.status": "resolved"}, {"ticket-resolved-closes-alert"}),
        ({**TICKETED, "ticket.alert": "ALRT-1", "ticket.status": "resolved", "alert.status": "resolved"}, set()),
        ({"ticket.status": "resolved"}, set()),
        (LOW, {"low-stock"}),
        ({**LOW, "product.low": False}, set()),
        ({**LOW, "product.ticket": "TKT-2"}, set()),
        ({**LOW, "product.ticket": "TKT-2", "earlier.status": "open"}, {"low-stock-again"}),
        ({**LOW, "product.ticket": "TKT-2", "earlier.status": "resolved"}, {"low-stock"}),
    ],
)
def test_what_each_bridge_does_when(values: dict[str, Json], fired: set[str]) -> None:
    """The table of situations: never two conversations about one repair, never none."""
    known = authored()
    got = set()
    for name, written in of_kind("bridge").items():
        spec = BridgeSpec.model_validate(written)
        condition = compile_condition(spec.when, known.types(bridge_specs.aliases(spec, known)), exact=spec.exact)
        judgement = condition.judge(values)
        assert judgement.verdict is not Verdict.ERROR, (name, judgement)
        if judgement.verdict is Verdict.FIRED:
            got.add(name)
    assert got == fired
