"""
What the lab's Zabbix holds: a press with two triggers, a user for the gateway, and a way to push to Tieline.

Two traps shape this. Zabbix never sends an alert for an event that is older than the action, as its
configuration cache knows it: so everything is planted once, and switching the push on waits for the cache.
And Zabbix does not notify the user who made an update: so the push belongs to a user of its own, and the
gateway's acknowledgements do come back to it, which is what the echo tests need.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from connectors.zabbix import push
from core.errors import TransientError
from lab.real.system import Say
from lab.real.zabbix.api import Api
from lab.real.zabbix.trapper import Value, send

ADMIN_PASSWORD = "zabbix"
GATEWAY, GATEWAY_PASSWORD = "tieline", "Gw-lab-2026!"
PUSHER = "tieline-push"
GROUP, HOST_NAME, VISIBLE_NAME = "Plant", "press-07", "Hydraulic press 07"
TEMPERATURE, PRESSURE, CPU = "plc.temp", "plc.pressure", "system.cpu.util"
CLOSABLE, UNCLOSABLE = "Oil temperature too high on {HOST.NAME}", "Oil pressure too low on {HOST.NAME}"
MEDIA_TYPE, ACTION = "Tieline", "Push to Tieline"
ATTEMPT_INTERVAL = "3s"  #: what Tieline ships says 30 s; nobody wants to wait for that in a test
CACHE_SECONDS = 3.0  #: CacheUpdateFrequency=1 makes changes effective within 1 to 2 s

_ITEMS = (
    (TEMPERATURE, "Oil temperature", "°C", "hydraulics"),
    (PRESSURE, "Oil pressure", "bar", "hydraulics"),
    (CPU, "CPU", "%", "cpu"),
)
_TRIGGERS = (
    (CLOSABLE, f"last(/{HOST_NAME}/{TEMPERATURE})>80", 4, 1),
    (UNCLOSABLE, f"last(/{HOST_NAME}/{PRESSURE})<100", 4, 0),
)
_NORMAL = {TEMPERATURE: 55.0, PRESSURE: 210.0}


def plant(api: Api, ports: Mapping[str, int], say: Say) -> None:
    """Create what is missing; a second call changes nothing but the CPU history of the last hour."""
    fresh = api.find("host", "host", HOST_NAME) is None
    if fresh:
        say("planting press-07, the gateway's user and the push")
    group = _ensure(api, "hostgroup", "name", {"name": GROUP}, "groupid")
    _people(api, group)
    _press(api, group)
    _push(api, group)
    if fresh:
        time.sleep(CACHE_SECONDS)
    calm(api, ports)
    _history(ports)


def calm(api: Api, ports: Mapping[str, int]) -> None:
    """Send normal values and wait until the press has no open problem."""
    until = time.monotonic() + 30
    while True:
        send(ports["ZABBIX_SERVER"], [Value(HOST_NAME, key, value) for key, value in _NORMAL.items()])
        host = api.find("host", "host", HOST_NAME) or {}
        if not api.call("problem.get", {"hostids": [host["hostid"]], "output": ["eventid"]}):
            return
        if time.monotonic() > until:
            raise TransientError("The press does not calm down.", why="A problem stays open although all values are normal.")
        time.sleep(0.3)


def _history(ports: Mapping[str, int]) -> None:
    """Give the CPU item one value for each of the last 60 minutes, in one known pattern."""
    now = int(time.time())
    values = [Value(HOST_NAME, CPU, 38.0 + minute % 5, now - 60 * minute) for minute in range(60)]
    if send(ports["ZABBIX_SERVER"], values) != len(values):
        raise TransientError("The Zabbix server did not take the CPU history.", why="Its cache does not know the item yet.")


def _people(api: Api, group: str) -> None:
    """
    One user for the gateway, with a role that may just acknowledge, comment and close; one that carries the push.

    The gateway may write on the host group, because closing a problem needs it.
    """
    rules = {
        "ui.default_access": 0,
        "ui": [{"name": "monitoring.problems", "status": 1}],
        "api.access": 1,
        "actions.default_access": 0,
        "actions": [{"name": f"{may}_problems", "status": 1} for may in ("acknowledge", "close")]
        + [{"name": "add_problem_comments", "status": 1}],
    }
    role = _ensure(api, "role", "name", {"name": "Tieline gateway", "type": 1, "rules": rules}, "roleid")
    for user, rights, own in ((GATEWAY, 3, role), (PUSHER, 2, role)):
        name = f"{user} users"
        members = _ensure(api, "usergroup", "name", {"name": name, "rights": [{"permission": rights, "id": group}]}, "usrgrpid")
        wanted = {"username": user, "passwd": GATEWAY_PASSWORD, "roleid": own, "usrgrps": [{"usrgrpid": members}]}
        _ensure(api, "user", "username", wanted, "userid")


def _press(api: Api, group: str) -> None:
    host = _ensure(
        api,
        "host",
        "host",
        {
            "host": HOST_NAME,
            "name": VISIBLE_NAME,
            "groups": [{"groupid": group}],
            "tags": [{"tag": "site", "value": "berlin"}, {"tag": "asset", "value": "EQ-0007"}],
            "inventory_mode": 0,
            "inventory": {
                "serialno_a": "SN-7781",
                "location": "Hall 2",
                "vendor": "Bosch Rexroth",
                "model": "A10VSO",
                "asset_tag": "EQ-0007",
                "site_city": "Berlin",
            },
        },
        "hostid",
    )
    for key, name, units, component in _ITEMS:
        item = {"hostid": host, "name": name, "key_": key, "type": 2, "value_type": 0, "units": units}
        _ensure(api, "item", "key_", {**item, "tags": [{"tag": "component", "value": component}]}, "itemid", hostids=[host])
    for description, expression, priority, manual_close in _TRIGGERS:
        trigger = {"description": description, "expression": expression, "priority": priority, "manual_close": manual_close}
        tags = [{"tag": "scope", "value": "performance"}, {"tag": "spare_part", "value": "SEAL-80"}]
        wanted = {**trigger, "tags": tags, "opdata": "now {ITEM.LASTVALUE1}"}
        _ensure(api, "trigger", "description", wanted, "triggerid", hostids=[host])


def _push(api: Api, group: str) -> None:
    """Plant the media type that Tieline ships, its user and its action, switched off until somebody gives an address."""
    media = _ensure(
        api, "mediatype", "name", push.media_type("http://127.0.0.1:9/unset", "", "path", MEDIA_TYPE), "mediatypeid"
    )
    user = api.find("user", "username", PUSHER) or {}
    api.call("user.update", {"userid": user["userid"], "medias": [push.media(media)]})
    switched_off = push.action(media, user["userid"], (group,), ACTION) | {"status": 1}
    _ensure(api, "action", "name", switched_off, "actionid")


def _ensure(api: Api, what: str, name_field: str, wanted: dict[str, Any], id_field: str, **more: Any) -> str:
    """Return the id of the object of that name, created when it is not there."""
    found = api.find(what, name_field, wanted[name_field], **more)
    if found is not None:
        return str(found[id_field])
    return str(api.call(f"{what}.create", wanted)[f"{id_field}s"][0])
