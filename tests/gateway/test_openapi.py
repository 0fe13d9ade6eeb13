"""The document: valid OpenAPI 3.0.3, true to what runs, and good enough to make a client from."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from gateway.dialect import to_3_0
from gateway.openapi import document
from gateway.operations import Subject
from tests.gateway.ground import Ground
from tests.gateway.test_definitions_api import PACK


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    from gateway.api import SUBJECTS

    found: dict[str, Any] = orjson.loads(orjson.dumps(document(SUBJECTS)))
    return found


def test_it_is_valid_3_0(described: dict[str, Any]) -> None:
    """A strict validator finds nothing."""
    assert described["openapi"] == "3.0.3"
    assert [str(error) for error in OpenAPIV30SpecValidator(described).iter_errors()] == []


def test_no_word_of_3_1_is_in_it(described: dict[str, Any]) -> None:
    """No null type, no const, no numeric exclusive bounds: what pydantic writes and 3.0 forbids."""

    def walk(node: Any, path: str = "") -> None:
        if isinstance(node, list):
            for n, one in enumerate(node):
                walk(one, f"{path}/{n}")
        elif isinstance(node, dict):
            if not path.endswith("/properties"):
                assert node.get("type") != "null", path
                assert not isinstance(node.get("type"), list), path
                assert not {"const", "prefixItems", "$defs", "propertyNames", "patternProperties"} & node.keys(), path
                assert not isinstance(node.get("exclusiveMinimum"), int) or isinstance(node["exclusiveMinimum"], bool), path
            for name, one in node.items():
                walk(one, f"{path}/{name}")

    walk(described)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]}, {"allOf": [{"$ref": "#/x"}], "nullable": True}),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
        ),
        (
            {"type": "object", "properties": {"const": {"const": 1, "title": "Const"}}},
            {"type": "object", "properties": {"const": {"enum": [1]}}},
        ),
        ({"type": "number", "exclusiveMaximum": 2.5}, {"type": "number", "maximum": 2.5, "exclusiveMaximum": True}),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}]},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"enum": [1]}]}},
        ),
        (
            {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            {"type": "object", "additionalProperties": {"type": "string", "nullable": True}},
        ),
    ],
)
def test_the_dialect(written: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Each difference between the two dialects is rewritten, at any depth, and names of members are left alone."""
    assert to_3_0(written) == wanted


def test_every_operation_says_what_it_does_and_what_it_needs(described: dict[str, Any]) -> None:
    """A sentence, a scope, unique names, and a problem document for every refusal."""
    entries = [one for path, item in described["paths"].items() if path.startswith("/api/") for one in item.values()]
    names = [one["operationId"] for one in entries]
    assert len(names) == len(set(names)) > 40
    for one in entries:
        assert one["summary"].endswith("."), one["operationId"]
        assert "Needs the scope `" in one["description"]
        assert {"401", "403"} <= one["responses"].keys()
        for code, response in one["responses"].items():
            if code >= "400":
                assert list(response["content"]) == ["application/problem+json"]


def test_two_operations_cannot_share_a_name_or_a_path() -> None:
    """The names of models and operations are unique without help from module paths."""
    from gateway.api import SUBJECTS

    places = [(one.method, one.path) for subject in SUBJECTS for one in subject.operations]
    assert len(places) == len(set(places))
    assert not [name for name in document(SUBJECTS)["components"]["schemas"] if "__" in name]


def test_it_is_served_without_a_key(ground: Ground) -> None:
    """Anybody may read the form of the API."""
    served = ground.client().get("/openapi.json")

    assert served.status_code == 200
    assert served.get_json()["info"]["title"] == "Tieline"


def test_an_empty_api_is_still_a_document() -> None:
    """The document depends on nothing but the subjects it is given."""
    assert list(document([Subject("none", "Nothing")])["paths"]) == ["/in/{connector}", "/in/{connector}/{secret}"]


@pytest.fixture(scope="module")
def client_package(described: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate a client by openapi-python-client, as a stranger would."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_bytes(orjson.dumps(described))
    tool = Path(sys.executable).with_name("openapi-python-client")
    command = [
        str(tool),
        "generate",
        "--path",
        "openapi.json",
        "--meta",
        "none",
        "--output-path",
        "tieline_client",
        "--fail-on-warning",
    ]
    env = {**os.environ, "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}  # it formats by ruff
    made = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_a_generated_client_runs_the_story(client_package: Path, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registering, following an event, a snapshot and the lineage of a value: all by the generated functions and models."""
    monkeypatch.syspath_prepend(str(client_package))
    httpx = importlib.import_module("httpx")
    made = importlib.import_module("tieline_client")
    models = importlib.import_module("tieline_client.models")

    def call(path: str) -> Any:
        return importlib.import_module(f"tieline_client.api.{path}").sync

    client = made.AuthenticatedClient(base_url="http://tieline.test", token=ground.key, raise_on_unexpected_status=True)
    client.set_httpx_client(
        httpx.Client(
            transport=httpx.WSGITransport(app=ground.app),
            base_url="http://tieline.test",
            headers={"Authorization": f"Bearer {ground.key}"},
        )
    )
    ground.story()

    erp = call("connectors.register_connector")(
        client=client,
        body=models.Register(name="erp", kind="memory", settings=models.RegisterSettings.from_dict({"world": "erp"})),
    )
    ground.worlds.append("erp")
    assert (erp.name, erp.state.value, erp.report.ok) == ("erp", "ok", True)
    event = call("events.list_events")(client=client, type_="alert.created").items[0]
    trail = call("events.explain_event")(event.id, client=client)
    assert trail.events[0].decisions[0].verdict == "fired"
    assert [one.state.value for one in trail.events[0].actions] == ["done", "done"]
    snapshot = call("snapshots.take_snapshot")(client=client, body=models.SnapshotAsk("alert-context", event.master_id))
    assert snapshot.facets["cpu"].status.value == "ok"
    lineage = call("lineage.value_lineage")(event.master_id, "severity", client=client)
    assert lineage.values[0].source["path"] == "$.severity"
    assert call("accounting.get_accounting")(client=client).holds is True
    problem = call("connectors.get_connector")("nothing", client=client)
    assert (problem.code, problem.status) == ("not-found", 404)


def test_everything_in_a_path_is_said_and_the_whole_is_introduced(described: dict[str, Any]) -> None:
    """Each variable has a description; paging, errors, times, keys and languages are explained once, in front."""
    for path, item in described["paths"].items():
        for entry in item.values():
            for one in entry["parameters"]:
                assert one["in"] == "query" or one["description"], (path, one["name"])
    told = described["info"]["description"]
    for word in ("cursor", "next", "problem+json", "RFC 3339", "Bearer", "Accept-Language", "/api/v1/snapshots"):
        assert word in told, word


@pytest.mark.parametrize("schema", ["SnapshotAnswer", "Facet", "FieldLineage", "Arrow", "Node", "ValueLineage", "Told"])
def test_what_a_ticket_system_reads_is_described_member_by_member(
    schema: str, described: dict[str, Any], ground: Ground
) -> None:
    """Nothing comes in the answers about snapshots and lineage that the document does not name."""
    ground.story()
    ground.ok("POST", "/definitions/apply", {**PACK, "definitions": [{**one, **_again(one)} for one in PACK["definitions"]]})
    alert = ground.ok("GET", "/events?type=alert.created")["items"][0]["master_id"]
    snapshot = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": alert})
    graph = ground.ok("GET", "/lineage/fields/alert.priority")
    value = ground.ok("GET", f"/lineage/values/{alert}/priority")
    answered = {
        "SnapshotAnswer": [snapshot],
        "Facet": list(snapshot["facets"].values()),
        "FieldLineage": [graph],
        "Arrow": graph["edges"] + value["could_come_from"],
        "Node": graph["nodes"],
        "ValueLineage": [value],
        "Told": value["values"],
    }[schema]
    assert answered
    named = described["components"]["schemas"][schema]["properties"].keys()
    for one in answered:
        assert one.keys() <= named, one.keys() - named


def test_a_subject_of_another_sort_is_no_conflict(ground: Ground) -> None:
    """A recipe about alerts asked about a device: 422, with what it wants."""
    ground.story()
    device = ground.ok("GET", "/entities?type=device")["items"][0]["master_id"]

    refused = ground.call("POST", "/snapshots", {"recipe": "alert-context", "subject": device}).get_json()

    assert (refused["status"], refused["code"]) == (422, "input")
    assert "alert" in refused["fix"]


def test_a_subject_may_be_named_as_its_own_system_names_it(ground: Ground) -> None:
    """A ticket system needs one call: it asks with the id it has, and an unknown one is a 404 that says so."""
    ground.story()
    alert = {"connector": "monitoring", "entity": "alert", "external_id": "7001"}

    taken = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": alert})

    assert taken["subject"]["gid"].startswith("ALRT-")
    unknown = ground.call("POST", "/snapshots", {"recipe": "alert-context", "subject": {**alert, "external_id": "9"}})
    assert unknown.get_json()["status"] == 404


def _again(one: dict[str, Any]) -> dict[str, Any]:
    """Return what makes a new version of a formula, so that its edges are drawn."""
    return {"expression": f"({one['expression']})"} if "expression" in one else {}
