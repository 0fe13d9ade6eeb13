"""Drafting over the API and the command line: what comes out can be published and then does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.cli import exits
from tests.bridges.plant import ENTITIES, MAPPINGS
from tests.gateway.cli_fixture import Run, tieline
from tests.gateway.ground import Ground
from tests.gateway.test_cli_flow import folder, said, world
from tests.mappings.drafting_sets import CUSTOMER, chinese

__all__ = ["folder", "tieline", "world"]  # fixtures


def busy(ground: Ground) -> Ground:
    """Give a monitoring system that has sent three alerts, and no mapping."""
    made = ground.register("monitoring", inbound={"scheme": "path"})
    ground.ok("POST", "/definitions/apply", {"header": {"name": "plant"}, "definitions": [*ENTITIES, MAPPINGS[2]]})
    twin = ground.world("monitoring")
    for n in range(3):
        twin.raise_alert(f"70{n}", name=f"Oil hot {n}", severity=n, status="resolved" if n else "problem", machine="press-07")
        ground.deliver(made["door"]["url"].removeprefix("http://tieline.test"), twin.push("alerts", f"70{n}"))
    ground.work()
    return ground


def test_a_draft_from_real_records_is_published_and_works(ground_on_each: Ground) -> None:
    """Drafted from what came and could not be read, published as it is; the events that waited are handled by it."""
    ground = busy(ground_on_each)
    assert {one["state"] for one in ground.ok("GET", "/events")["items"]} == {"held"}

    found = ground.ok("POST", "/mappings/draft", {"connector": "monitoring", "entity": "alert", "stream": "alerts"})

    fields = found["mapping"]["fields"]
    assert fields["status"]["table"] == {"problem": "open", "resolved": "resolved"}
    assert (fields["title"]["from"], fields["severity"], found["records"]) == ("$.name", {"from": "$.severity"}, 3)
    assert "priority" not in {one["field"] for one in (*found["proposals"], *found["not_proposed"])}, "a formula computes it"
    assert all(0.5 < one["confidence"] <= 1 and one["en"] and one["zh"] for one in found["proposals"])
    assert found["id_shape"]["pattern"] == "[0-9]+"
    ground.ok("POST", "/definitions/apply", {"header": {"name": "plant"}, "files": {"draft.yaml": found["yaml"]}})
    ground.ok("POST", "/replay/run", {"connector": "monitoring"})
    ground.work()
    assert {one["state"] for one in ground.ok("GET", "/events")["items"]} == {"done"}
    master = ground.ok("GET", "/entities?type=alert")["items"][0]["master_id"]
    assert ground.ok("GET", f"/entities/{master}")["fields"]["title"]["value"].startswith("Oil hot")


def test_samples_of_a_webhook_are_read_as_it_reads_them(ground: Ground) -> None:
    """Bare messages become records of the stream first; Chinese names are recognised; the zone is the one that is given."""
    ground.ok("POST", "/connectors", {"name": "crm", "kind": "webhook", "settings": {}, "inbound": {"scheme": "path"}})
    entity = {"kind": "entity", **CUSTOMER.model_dump(mode="json", exclude_none=True, exclude_defaults=True)}
    ground.ok("POST", "/definitions/apply", {"header": {"name": "crm"}, "definitions": [entity]})
    sample = next(one for one in chinese() if one.name == "Chinese customers")

    body = {"connector": "crm", "entity": "customer", "records": sample.records, "zone": "Asia/Shanghai"}
    found = ground.ok("POST", "/mappings/draft", body, headers={"Accept-Language": "zh"})

    fields = found["mapping"]["fields"]
    assert fields["name"] == {"from": "$.data.客户名称"}
    assert fields["created_at"]["steps"] == [{"time": {"format": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"}}]
    assert found["mapping"]["from"] == {"kind": "webhook", "stream": "messages", "connector": "crm"}
    assert "与字段中文名相同" in found["yaml"]
    plan = ground.ok("POST", "/definitions/plan", {"header": {"name": "d"}, "files": {"d.yaml": found["yaml"]}})
    assert plan["problems"] == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"connector": "monitorin", "entity": "alert"}, 404, "monitoring"),
        ({"connector": "monitoring", "entity": "alert"}, 422, "alerts, tickets"),
        ({"connector": "monitoring", "entity": "alert", "stream": "alarms"}, 404, "alerts, tickets"),
        ({"connector": "monitoring", "entity": "alrt", "stream": "alerts"}, 404, "Did you mean 'alert'"),
        ({"connector": "monitoring", "entity": "alert", "stream": "tickets"}, 404, "nothing to draft from"),
        ({"connector": "monitoring", "entity": "alert", "stream": "alerts", "records": [{"x": 1}]}, 422, "neither a page"),
        ({"connector": "monitoring", "entity": "alert", "stream": "alerts", "records": []}, 422, "records"),
        ({"connector": "monitoring", "entity": "alert", "stream": "alerts", "zone": "Mars/Base"}, 422, "IANA"),
    ],
)
def test_what_cannot_be_drafted_is_said(ground: Ground, body: dict[str, Any], status: int, says: str) -> None:
    """An unknown connector, stream, entity or zone, nothing that was sent, samples that are none."""
    answer = busy(ground).call("POST", "/mappings/draft", body)
    text = answer.get_data(as_text=True)
    assert (answer.status_code, says in text) == (status, True), text


def test_the_command_prints_what_apply_publishes(tieline: Run, world: Any, folder: Path, tmp_path: Path) -> None:
    """A sample file of one record, a list, or one a line; the output goes into a pack as it is."""
    rows = [{"id": "1", "name": "Oil hot", "severity": 3}, {"id": "2", "name": "Leak", "severity": 1}]
    (tmp_path / "lines.json").write_bytes(b"\n".join(orjson.dumps(one) for one in rows))
    (tmp_path / "list.json").write_bytes(orjson.dumps(rows))
    (tmp_path / "bad.json").write_text("{")
    asked = ("mappings", "draft", "--connector", "plant", "--entity", "alert", "--stream", "alerts", "--sample")

    one, other = (tieline(*asked, str(tmp_path / f"{name}.json")) for name in ("lines", "list"))

    assert one.exit_code == 0, one.output
    assert one.stdout == other.stdout
    text = one.stdout.replace("name: plant-alerts\n", "name: plant-drafted\n")
    (folder / "drafted.yaml").write_text(text, encoding="utf-8")
    assert said(tieline, "apply", str(folder), "--yes")["published"] == [
        {"kind": "mapping", "name": "plant-drafted", "version": 1}
    ]
    assert tieline(*asked, str(tmp_path / "bad.json")).exit_code not in (0, exits.BROKEN)
