"""Recipes: what may be published, and what each draws in the lineage."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.memory.kind import KIND
from core.definitions import Catalogue, Edge
from snapshots.specs import RecipeSpec, edges, problems
from tests.snapshots.plant import ALERT, DEVICE, RECIPE, TICKET

CATALOGUE = Catalogue(
    entities={"alert": ALERT, "device": DEVICE, "ticket": TICKET}, kinds=dict.fromkeys(("monitoring", "erp", "tickets"), KIND)
)


def changed(path: str, to: Any) -> RecipeSpec:
    """Return the good recipe with one place changed."""
    spec: dict[str, Any] = deepcopy(RECIPE) | {"name": "ticket-context"}
    place = spec
    *way, last = path.split("/")
    for step in way:
        place = place[step]
    place[last] = to
    return RecipeSpec.model_validate(spec)


def test_a_good_recipe_has_no_problems() -> None:
    """What the plant's recipe says can be published."""
    assert problems(changed("kind", "recipe"), CATALOGUE) == []


@pytest.mark.parametrize(
    ("path", "to", "where", "what"),
    [
        ("subject", "alrt", "subject", "There is no entity 'alrt'"),
        ("join/device", "alert.title", "join.device", "'alert.title' is not a reference"),
        ("facets/cpu/connector", "zabix", "facets.cpu.connector", "There is no connector 'zabix'"),
        ("facets/cpu/lookup", "cpu_men", "facets.cpu.lookup", "There is no lookup of memory 'cpu_men'"),
        ("facets/cpu/with/machin", "alert.title", "facets.cpu.with.machin", "There is no input of cpu_mean 'machin'"),
        ("facets/cpu/with/machine", {"id_of": "devise"}, "facets.cpu.with.machine", "There is no entity in scope 'devise'"),
        ("facets/cpu/with", {}, "facets.cpu.with", "The lookup cpu_mean needs 'machine'"),
        ("facets/part/with/code", "alert.prt", "facets.part.with.code", "alert.prt"),
        ("facets/history/with/limit", "alert.title", "facets.history.with.limit", "The input is integer"),
        ("facets/part/budget_ms", 700, "facets.part.budget_ms", "longer than the deadline"),
    ],
)
def test_each_mistake_is_named_with_its_place(path: str, to: Any, where: str, what: str) -> None:
    """A misspelt or unfitting word is one problem at its place, with what to do."""
    found = [one for one in problems(changed(path, to), CATALOGUE) if one.path == where]
    assert len(found) == 1
    assert what in found[0].what
    assert found[0].fix


@pytest.mark.parametrize(
    ("path", "to"), [("facetts", {}), ("facets", {}), ("deadline_ms", 0), ("facets/cpu/retry", 3), ("name", "A b")]
)
def test_what_is_no_recipe(path: str, to: Any) -> None:
    """Unknown words, no facets and impossible numbers are refused by the form itself."""
    with pytest.raises(ValidationError):
        changed(path, to)


def test_a_text_input_takes_a_number() -> None:
    """A number may be given where a lookup wants text; nothing else is converted silently."""
    assert problems(changed("facets/part/with/code", "1"), CATALOGUE) == []


def test_the_lineage_of_a_recipe() -> None:
    """Facets are made of what the lookups answer, and asked by our fields."""
    drawn = edges(changed("kind", "recipe"), CATALOGUE)
    assert Edge("lookup:monitoring/cpu_mean/mean", "facet:ticket-context/cpu", "DIRECT", "IDENTITY", "mean") in drawn
    assert Edge("field:alert.part", "facet:ticket-context/part", "INDIRECT", "CONDITIONAL", "code: alert.part") in drawn
    assert Edge("field:device.name", "facet:ticket-context/history", "INDIRECT", "CONDITIONAL", "machine: device.name") in drawn
    assert Edge("field:alert.device", "recipe:ticket-context", "INDIRECT", "JOIN", "join device") in drawn
    assert Edge("facet:ticket-context/part", "recipe:ticket-context", "DIRECT", "AGGREGATION", "part") in drawn
    assert len(drawn) == len(set(drawn))
