"""The reconciliation service as OpenRefine 3 calls it: the specification's request forms, keys, origins, hostile callers."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from core.ids import new_id
from core.tables import entity, observation, value
from mappings import catalogue
from mappings.matching import batch
from tests.bridges.plant import ENTITIES, publish_all
from tests.gateway.ground import Ground

TITLES = {"device": {"en": "Device", "zh": "设备"}}
NAMES = ["液压机 07", "液压机 08", "Press 07", "Pump <b>12</b>", "深圳市腾讯计算机系统有限公司"]


def send(ground: Ground, forms: dict[str, Any], path: str = "/reconcile", **more: Any) -> TestResponse:
    """Send a form as OpenRefine does: JSON texts in a urlencoded body."""
    body = {name: one if isinstance(one, str) else orjson.dumps(one).decode() for name, one in forms.items()}
    return ground.client().post(path, data=body, headers={"Authorization": f"Bearer {ground.key}"}, **more)


def named(ground: Ground, names: list[str] = NAMES, first: int = 0) -> dict[str, str]:
    """Make devices with these names, as their system observed them; return master IDs by name."""
    ids = [{"connector": "monitoring", "entity": "device", "external_id": f"H-{first + n}"} for n in range(len(names))]
    found = ground.ok("POST", "/identity/ids", {"mode": "add", "items": ids})["items"]
    with ground.db.write() as conn:
        for name, one in zip(names, found, strict=True):
            row = conn.execute(select(entity.c.id).where(entity.c.gid == one["master_id"])).scalar_one()
            told = {"entity_id": row, "field": "name", "connector_id": 1, "state": "present", "value": name, "observed_at": 1}
            seen = new_id("obs")
            conn.execute(observation.insert().values(id=seen, **told))
            conn.execute(value.insert().values(observation_id=seen, **told))
    return {name: one["master_id"] for name, one in zip(names, found, strict=True)}


@pytest.fixture
def plant(ground: Ground) -> Ground:
    publish_all(ground.db, [{**one, "title": TITLES.get(one["name"], one["title"])} for one in ENTITIES])
    ground.register("monitoring")
    return ground


def test_the_manifest_says_what_is_there(plant: Ground) -> None:
    """Without parameters and without a key: versions, spaces, and addresses that all answer."""
    answer = plant.client().get("/reconcile")
    found = answer.get_json()

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "0.2" in found["versions"]
    assert found.keys() >= {"name", "identifierSpace", "schemaSpace", "view", "preview", "suggest", "extend", "authentication"}
    assert "{{id}}" in found["view"]["url"]
    assert {"id": "device", "name": "Device"} in found["defaultTypes"]
    assert found["authentication"] == {"type": "apiKey", "name": "key", "in": "query"}
    for what in ("entity", "type", "property"):
        one = found["suggest"][what]
        place = (one["service_url"] + one["service_path"]).removeprefix("http://tieline.test")
        assert plant.client().get(f"{place}?prefix=d&key={plant.key}").get_json().keys() == {"result"}
        assert "${id}" in one["flyout_service_path"]
    chinese = plant.client().get("/reconcile", headers={"Accept-Language": "zh"}).get_json()
    assert {"id": "device", "name": "设备"} in chinese["defaultTypes"]


def test_a_batch_with_all_that_a_query_may_hold(plant: Ground) -> None:
    """Queries by name, with types (one or several), limit and properties of any form; in a form or a URL."""
    ids = named(plant)
    batch = {
        "q0": {"query": "液压机 07"},
        "q1": {"query": "press　０７", "type": "device", "limit": 5, "type_strict": "should"},
        "q2": {"query": "Pump", "type": ["device", "ticket"], "properties": [{"pid": "device.name", "v": ["x", {"id": "y"}]}]},
        "q3": {"properties": [{"pid": "name", "v": "Press 07"}]},
        "q4": {"query": ids["Press 07"].lower()},
        "q5": {"query": "H-3", "type": [{"id": "device"}]},
        "q6": {"query": "nobody at all", "type": "ticket"},
        "q7": {"query": "腾讯"},
    }
    answer = send(plant, {"queries": batch})
    found = answer.get_json()

    assert answer.status_code == 200
    assert found.keys() == batch.keys()
    first = {name: one["result"][0]["id"] if one["result"] else None for name, one in found.items()}
    assert first == {
        "q0": ids["液压机 07"],
        "q1": ids["Press 07"],
        "q2": ids["Pump <b>12</b>"],
        "q3": ids["Press 07"],
        "q4": ids["Press 07"],
        "q5": ids["Pump <b>12</b>"],
        "q6": None,
        "q7": ids[NAMES[4]],
    }
    assert {name: one["result"][0]["match"] for name, one in found.items() if one["result"]} == {
        "q0": True, "q1": True, "q2": False, "q3": True, "q4": True, "q5": True, "q7": False,
    }  # fmt: skip
    for one in (each for result in found.values() for each in result["result"]):
        assert isinstance(one["id"], str)
        assert one["name"]
        assert 0 <= one["score"] <= 100
        assert one["type"] == [{"id": "device", "name": "Device"}]
        assert all(isinstance(feature["value"], float) for feature in one["features"])
    scores = [[one["score"] for one in result["result"]] for result in found.values()]
    assert scores == [sorted(one, reverse=True) for one in scores]
    by_url = plant.client().get("/reconcile", query_string={"queries": orjson.dumps(batch).decode(), "key": plant.key})
    assert by_url.get_json() == found


def test_namesakes_are_not_matched(plant: Ground) -> None:
    """An exact name is no match while another has it as well, in whatever case or width: a person has to tell them apart."""
    named(plant)
    assert send(plant, {"queries": {"q": {"query": "Press 07"}}}).get_json()["q"]["result"][0]["match"]
    named(plant, ["ＰＲＥＳＳ 07"], first=50)
    result = send(plant, {"queries": {"q": {"query": "Press 07"}}}).get_json()["q"]["result"]
    assert [(one["score"], one["match"]) for one in result[:2]] == [(100.0, False), (100.0, False)]


def test_a_merged_one_is_found_as_its_survivor(plant: Ground) -> None:
    """By its own master ID and by its keys; its values are asked for by the old ID as well."""
    ids = named(plant)
    one, other = ids["液压机 07"], ids["Press 07"]
    plant.ok("POST", "/identity/merge", {"one": one, "other": other, "why": "one machine"})
    result = send(plant, {"queries": {"q": {"query": other}}}).get_json()["q"]["result"]
    assert (result[0]["id"], result[0]["match"]) == (one, True)
    rows = send(plant, {"extend": {"ids": [other], "properties": [{"id": "device.name"}]}}).get_json()["rows"]
    assert rows[other]["device.name"][0]["str"] in NAMES


def test_values_for_what_was_reconciled(ground: Ground) -> None:
    """Texts, numbers, references with their names and types, ids in other systems; what is not there is an empty list."""
    ground.story()
    alert = ground.ok("GET", "/events?type=alert.created")["items"][0]["master_id"]
    wanted = ["alert.title", "alert.severity", "alert.device", "known_as.monitoring", "alert.nothing", "device.name"]
    query = {"ids": [alert, "ALRT-2020-000009"], "properties": [{"id": one, "settings": {"limit": "1"}} for one in wanted]}

    found = send(ground, {"extend": query}).get_json()

    row = found["rows"][alert]
    assert row["alert.severity"] == [{"int": 4}]
    assert row["known_as.monitoring"] == [{"str": "7001"}]
    assert row["alert.device"][0].keys() == {"id", "name"}
    assert (row["alert.nothing"], row["device.name"]) == ([], [])
    assert found["rows"]["ALRT-2020-000009"] == {one: [] for one in wanted}
    meta = {one["id"]: one for one in found["meta"]}
    assert meta["alert.device"]["type"]["id"] == "device"
    assert list(meta) == wanted
    proposals = ground.client().get(f"/reconcile/properties?type=alert&limit=3&key={ground.key}").get_json()
    assert (proposals["type"], proposals["limit"], len(proposals["properties"])) == ("alert", 3, 3)


def test_suggestions_previews_and_flyouts(plant: Ground) -> None:
    """A beginning of a name, an ID or a field is completed; a preview is HTML in which names are only text."""
    ids = named(plant)

    def get(path: str) -> TestResponse:
        return plant.client().get(f"/reconcile{path}", headers={"Authorization": f"Bearer {plant.key}"})

    assert [one["id"] for one in get("/suggest/entity?prefix=press").get_json()["result"]] == [ids["Press 07"]]
    by_id = get(f"/suggest/entity?prefix={ids['Press 07'][:-1]}").get_json()["result"]
    assert {one["id"] for one in by_id} == set(ids.values())
    rest = get(f"/suggest/entity?prefix={ids['Press 07'][:-1]}&cursor=2").get_json()["result"]
    assert [one["id"] for one in rest] == [one["id"] for one in by_id][2:]
    assert get("/suggest/type?prefix=dev").get_json()["result"] == [{"id": "device", "name": "Device"}]
    assert "device.name" in {one["id"] for one in get("/suggest/property?prefix=nam").get_json()["result"]}
    page = get(f"/preview?id={ids['Pump <b>12</b>']}")
    assert page.mimetype == "text/html"
    assert "Pump &lt;b&gt;12&lt;/b&gt;" in page.get_data(as_text=True)
    assert get(f"/flyout/entity?id={ids['Press 07']}").get_json()["html"].count("Press 07") >= 1
    assert [get(path).status_code for path in ("/preview?id=DEV-1", "/suggest/x?prefix=a", "/suggest/type?cursor=-1")] == [
        404,
        404,
        400,
    ]


def test_a_key_is_needed_and_may_come_three_ways(plant: Ground) -> None:
    """In the header, as a parameter, in the path (then every address of the manifest has it); a wrong one is a 401 anywhere."""
    named(plant)
    key = plant.make_key("read")
    query = orjson.dumps({"q": {"query": "Press 07"}}).decode()
    client = plant.client()
    good = [
        client.post("/reconcile", data={"queries": query, "key": key}),
        client.post(f"/reconcile/with/{key}", data={"queries": query}),
        client.post("/reconcile/", data={"queries": query}, headers={"Authorization": f"Bearer {key}"}),
    ]
    assert [one.status_code for one in good] == [200, 200, 200]
    assert len({one.get_data() for one in good}) == 1
    found = client.get(f"/reconcile/with/{key}").get_json()
    assert found["suggest"]["entity"]["service_url"].endswith(key)
    assert key in found["preview"]["url"]
    assert "authentication" not in found
    wrong = f"tl_{'a' * 8}_{'b' * 43}"
    refused = [
        client.post("/reconcile", data={"queries": query}),
        client.post("/reconcile", data={"queries": query, "key": wrong}),
        client.get(f"/reconcile/with/{wrong}"),
        client.get("/reconcile/suggest/entity?prefix=a"),
        client.get("/reconcile/preview?id=DEV-2026-000001"),
        client.post("/reconcile", data={"queries": query}, headers={"Authorization": f"Bearer {wrong}"}),
    ]
    assert [one.status_code for one in refused] == [401] * 6
    assert {one.headers["Access-Control-Allow-Origin"] for one in refused} == {"*"}
    elsewhere = plant.make_key("snapshots:write")
    assert client.post("/reconcile", data={"queries": query, "key": elsewhere}).status_code == 403


def test_pages_of_other_origins_may_ask(plant: Ground) -> None:
    """A browser's preflight is answered for each address, without a key."""
    asked = {"Origin": "http://127.0.0.1:3333", "Access-Control-Request-Headers": "authorization"}
    for path in ("/reconcile", "/reconcile/suggest/entity", "/reconcile/preview"):
        answer = plant.client().options(path, headers=asked)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_jsonp(plant: Ground) -> None:
    """Old clients get a script that calls their function; what is no name of a function is refused."""
    answer = plant.client().get("/reconcile?callback=jQuery321_15")
    assert answer.mimetype == "application/javascript"
    inside = re.fullmatch(r"/\*\*/jQuery321_15\((.*)\);", answer.get_data(as_text=True), re.DOTALL)
    assert inside
    assert orjson.loads(inside[1])["name"] == "Tieline"
    for bad in ("alert(1)//", "a b", "x" * 70, "é"):
        assert plant.client().get("/reconcile", query_string={"callback": bad}).status_code == 400


@pytest.mark.parametrize(
    ("forms", "status", "said"),
    [
        ({"queries": "{"}, 400, "JSON"),
        ({"queries": "[]"}, 422, "not an object"),
        ({"queries": {"q0": {}}}, 422, "q0"),
        ({"queries": {"q0": {"query": "x", "limit": 0}}}, 422, "q0.limit"),
        ({"queries": {"q0": {"query": "x" * 2000}}}, 422, "q0.query"),
        ({"queries": {"q0": {"query": "x", "properties": [{"v": 1}]}}}, 422, "q0.properties.0.pid"),
        ({"queries": {f"q{n}": {"query": "x"} for n in range(51)}}, 413, "50"),
        ({"extend": {"ids": "x"}}, 422, "ids"),
        ({"other": "x"}, 400, "neither"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_place(plant: Ground, forms: dict[str, Any], status: int, said: str) -> None:
    """Each fault has its status and its place."""
    refused = send(plant, forms)
    assert refused.status_code == status
    assert said in refused.get_data(as_text=True)


@pytest.mark.parametrize("name", ["%", "_", '"', "\\", "'; DROP TABLE entity; --", "\x00", "\ud800", "💣" * 100, "[a", "  "])
def test_hostile_names(plant: Ground, name: str) -> None:
    """Wildcards, quotes, NUL and broken characters find nobody they should not, and break nothing."""
    named(plant)
    answer = send(plant, {"queries": {"q": {"query": name.encode("utf-8", "replace").decode()}}})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert all(not one["match"] for one in answer.get_json()["q"]["result"])


def test_where_an_entity_says_how_it_is_matched_that_scorer_judges(plant: Ground) -> None:
    """The same company in traditional characters: by likeness of texts it is nobody's, by evidence it is joined on entry."""
    device = next(one for one in ENTITIES if one["name"] == "device")
    publish_all(plant.db, [{**device, "title": TITLES["device"], "match": {"fields": {"name": "company"}}}])
    ids = named(plant)
    with plant.db.read() as conn:
        rule = catalogue.load(conn).rules["device"]
    batch.prepare(plant.db, rule)

    asked = {"q0": {"query": "深圳市騰訊計算機系統有限公司", "type": "device"}}
    first = send(plant, {"queries": asked}).get_json()["q0"]["result"][0]
    assert (first["id"], first["match"]) == (ids["深圳市腾讯计算机系统有限公司"], True)
    assert {"id": "evidence", "value": 100.0} in first["features"]
