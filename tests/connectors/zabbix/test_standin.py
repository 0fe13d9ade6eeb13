"""The stand-in answers as the real 6.0.14 did: same fields, same refusals, same words."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lab.standins.zabbix import Zabbix as StandIn
from tests.connectors.zabbix.plant import CPU_HIGH, HOT, PRESS

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded_6_0_14.json").read_text())


def rpc(url: str, method: str, params: Any, auth: str | None = None, **headers: str) -> dict[str, Any]:
    """Send one raw call, as no library would."""
    body = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1, **({"auth": auth} if auth else {})}
    request = urllib.request.Request(f"{url}/api_jsonrpc.php", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def test_refusals_are_the_recorded_ones() -> None:
    """Logins, sessions, methods and parameters are refused with the code, message and data of the real one."""
    wire = RECORDED["wire"]
    with StandIn().demo() as standin:
        url = standin.url
        token = rpc(url, "user.login", {"username": "Admin", "password": "zabbix"})["result"]
        tried = {
            "login_both": rpc(url, "user.login", {"user": "Admin", "username": "Admin", "password": "zabbix"}),
            "login_bad": rpc(url, "user.login", {"username": "Admin", "password": "nope"}),
            "host_get_bearer_only": rpc(url, "host.get", {}, None, Authorization=f"Bearer {token}"),
            "host_get_no_auth": rpc(url, "host.get", {}),
            "host_get_expired": rpc(url, "host.get", {}, "0" * 32),
            "bad_method": rpc(url, "host.nope", {}, token),
            "version": rpc(url, "apiinfo.version", {}),
        }

    assert tried == {name: wire[name] for name in tried}


def test_acknowledge_refuses_as_recorded() -> None:
    """A forbidden close and an unknown event are refused with the recorded words."""
    with StandIn().demo() as standin:
        token = rpc(standin.url, "user.login", {"user": "gateway", "password": "Gw-lab-2026!"})["result"]
        eventid = standin.world.raise_problem(CPU_HIGH)
        forbidden = rpc(standin.url, "event.acknowledge", {"eventids": [eventid], "action": 1}, token)
        unknown = rpc(standin.url, "event.acknowledge", {"eventids": ["999999999"], "action": 6, "message": "x"}, token)

    assert forbidden["error"] == RECORDED["close_manual_close_0"]
    assert unknown["error"] == RECORDED["ack_unknown_event"]


@pytest.mark.parametrize("name", ["problem_open", "event_open", "event_closed", "host", "history", "trend"])
def test_answers_have_the_recorded_fields(name: str) -> None:
    """Every field the connector may read is there, as text where the real one sends text."""
    with StandIn(close_delay_s=0).demo() as standin:
        token = rpc(standin.url, "user.login", {"user": "gateway", "password": "Gw-lab-2026!"})["result"]
        eventid = standin.world.raise_problem(HOT, opdata="now 91.3 °C")
        if name == "event_closed":
            act = {"eventids": [eventid], "action": 7, "message": "closed by ticket T-1"}
            assert "result" in rpc(standin.url, "event.acknowledge", act, token)
        item = next(one["itemid"] for one in standin.world.items.values() if one["hostid"] == PRESS)
        method, params = ASKED[name]
        params = json.loads(json.dumps(params).replace("EVENT", eventid).replace("ITEM", item).replace("HOST", PRESS))
        answer = rpc(standin.url, method, params, token)["result"][0]

    recorded = RECORDED[name]
    for field in FIELDS[name]:
        assert field in answer, field
        assert shape(answer[field]) == shape(recorded[field]), field


def shape(value: Any) -> Any:
    """Return a value's type; of a list of objects, the fields of the first one that the connector reads."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted(set(value[0]) & READ)
    return type(value).__name__


READ = {"hostid", "host", "name", "tag", "value", "acknowledgeid", "clock", "action", "message", "username", "userid"}
_SELECT = {"selectHosts": ["hostid", "host", "name"], "selectTags": "extend", "select_acknowledges": "extend"}
_EVENT = {"eventids": ["EVENT"], "output": "extend", "selectRelatedObject": ["manual_close"], **_SELECT}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "problem_open": ("problem.get", {"output": "extend"}),
    "event_open": ("event.get", _EVENT),
    "event_closed": ("event.get", _EVENT),
    "host": ("host.get", {"hostids": ["HOST"], "output": ["hostid", "host", "name", "status"], "selectInventory": "extend"}),
    "history": ("history.get", {"history": 0, "itemids": ["ITEM"]}),
    "trend": ("trend.get", {"itemids": ["ITEM"]}),
}
_EVENT_FIELDS = ("eventid", "objectid", "name", "severity", "acknowledged", "clock", "r_eventid", "opdata")
FIELDS: dict[str, tuple[str, ...]] = {
    "problem_open": ("eventid", "objectid", "clock", "name", "severity", "acknowledged", "r_eventid"),
    "event_open": (*_EVENT_FIELDS, "hosts", "tags"),
    "event_closed": (*_EVENT_FIELDS, "hosts", "tags", "acknowledges"),
    "host": ("hostid", "host", "name", "status", "inventory"),
    "history": ("itemid", "clock", "value", "ns"),
    "trend": ("itemid", "clock", "num", "value_min", "value_avg", "value_max"),
}


def test_the_buttons_of_the_demo_work() -> None:
    """A person raises and recovers a problem from the page; the state is there as JSON too."""
    with StandIn().demo() as standin:
        page = urllib.request.urlopen(standin.url, timeout=5).read().decode()
        assert "液压机 07" in page
        raised = _post(f"{standin.url}/control/raise", "trigger=" + HOT)
        recovered = _post(f"{standin.url}/control/recover", json.dumps({"eventid": raised["eventid"]}))
        state = json.loads(urllib.request.urlopen(f"{standin.url}/control", timeout=5).read())

    assert state["events"][0]["r_eventid"] == recovered["r_eventid"]


def _post(url: str, body: str) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=5) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found
