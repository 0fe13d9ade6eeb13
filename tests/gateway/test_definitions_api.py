"""Definitions over the API: a pack is planned, applied as a whole, and rolled back."""

from __future__ import annotations

from typing import Any

from tests.bridges.plant import BRIDGES, ENTITIES, MAPPINGS
from tests.gateway.ground import Ground

PACK: dict[str, Any] = {"header": {"name": "plant"}, "definitions": [*ENTITIES, *MAPPINGS, *BRIDGES]}


def planted(ground: Ground) -> Ground:
    ground.register("monitoring")
    ground.register("tickets")
    return ground


def test_a_pack_given_as_json_is_planned_and_applied(ground_on_each: Ground) -> None:
    """The plan says new, applying makes it live, planning again says unchanged."""
    ground = planted(ground_on_each)
    plan = ground.ok("POST", "/definitions/plan", PACK)
    assert plan["ok"], plan["problems"]
    assert plan["counts"]["new"] == len(PACK["definitions"]) + 1

    applied = ground.ok("POST", "/definitions/apply", {**PACK, "generation": plan["generation"]})

    assert applied["generation"] > plan["generation"]
    assert ground.ok("POST", "/definitions/plan", PACK)["counts"]["unchanged"] == len(PACK["definitions"]) + 1
    live = ground.ok("GET", "/definitions?kind=bridge")
    assert [one["name"] for one in live["items"]] == ["alert-to-ticket", "ticket-resolved"]
    assert ground.ok("GET", "/definitions/entity/device")["spec"]["prefix"] == "DEV"
    up = ground.ok("GET", "/lineage/fields/alert.priority?direction=up")
    assert "field:alert.severity" in [node["id"] for node in up["nodes"]]
    assert up["graph_version"] == applied["generation"]


def test_files_and_documents_mean_the_same(ground: Ground) -> None:
    """A YAML file in the body is read like a file on disk."""
    ground = planted(ground)
    device = "kind: entity\nname: device\nprefix: DEV\ntitle: {en: x, zh: 某}\nfields:\n  name: {type: string}\n"
    rest = [one for one in PACK["definitions"] if one["name"] != "device"]
    ground.ok("POST", "/definitions/apply", PACK)

    mixed = {"files": {"pack.yaml": "name: plant", "device.yaml": device}, "definitions": rest}

    assert ground.ok("POST", "/definitions/plan", mixed)["counts"]["unchanged"] == len(PACK["definitions"]) + 1


def test_a_misspelt_field_is_refused_with_its_place_and_the_near_name(ground: Ground) -> None:
    """Nothing of the pack becomes live; the problem names file, line and the field that was meant."""
    ground = planted(ground)
    broken = "kind: formula\nname: worse\nof: alert.priority\nexpression: 'alert.sevrity + 1'\n"
    body = {**PACK, "files": {"worse.yaml": broken}}

    plan = ground.ok("POST", "/definitions/plan", body)
    refused = ground.call("POST", "/definitions/apply", body)

    assert plan["ok"] is False
    fault = next(one for one in plan["problems"] if one["path"] == "expression")
    assert (fault["file"], fault["line"]) == ("worse.yaml", 4)
    assert "alert.severity" in fault["what"] + fault["fix"]
    assert (refused.status_code, refused.get_json()["code"]) == (422, "definition")
    assert ground.ok("GET", "/definitions")["items"] == []


def test_a_plan_that_is_out_of_date_is_not_applied(ground: Ground) -> None:
    """Somebody published in between: 409, look again."""
    ground = planted(ground)
    ground.ok("POST", "/definitions/apply", PACK)

    assert ground.call("POST", "/definitions/apply", {**PACK, "generation": 0}).status_code == 409


def test_one_call_rolls_back(ground: Ground) -> None:
    """The version before is live again; every version stays readable."""
    ground = planted(ground)
    ground.ok("POST", "/definitions/apply", PACK)
    changed = [{**one, "expression": '"P9"'} if one["name"] == "alert-priority" else one for one in PACK["definitions"]]
    ground.ok("POST", "/definitions/apply", {**PACK, "definitions": changed})
    assert ground.ok("GET", "/definitions/formula/alert-priority")["spec"]["expression"] == '"P9"'

    back = ground.ok("POST", "/definitions/formula/alert-priority/rollback", {})

    assert "severity" in back["spec"]["expression"]
    assert ground.ok("GET", "/definitions/formula/alert-priority")["version"] == 1
    versions = ground.ok("GET", "/definitions/formula/alert-priority/versions")["items"]
    assert [(one["version"], one["state"]) for one in versions] == [(2, "retired"), (1, "live")]
    assert ground.ok("GET", "/definitions/formula/alert-priority?version=2")["spec"]["expression"] == '"P9"'


def test_unknown_definitions_are_named(ground: Ground) -> None:
    """404 for a name, 422 with the known words for a kind."""
    assert ground.call("GET", "/definitions/bridge/nothing").status_code == 404
    assert "code_table" in ground.call("GET", "/definitions/brigde/x").get_json()["why"]
