"""
The exact configuration of the push: media type, who gets it, action. Print it, or install it by the API.

    python -m connectors.zabbix.push --url https://tieline.example/in/zabbix-east --secret-env DOOR_SECRET

prints a file for Zabbix: Alerts > Media types > Import (Administration > Media types in 6.0). Two rules that no
file can carry: give the media to a user who is *not* the gateway's own (Zabbix skips the author of an
update, so its own acknowledgements would never come back), and let an action send problem, recovery and
update operations to that user. ``--api`` prints the three API calls that do all of it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

NAME = "Tieline"
PAYLOAD = "tieline-zabbix-1"

DOORS: Mapping[str, dict[str, Any]] = {
    "standard_webhooks": {"scheme": "standard_webhooks"},
    "header": {"scheme": "header", "header": "X-Tieline-Token"},
    "path": {"scheme": "path"},
}
"""
What the connector's ``inbound`` must be for each way of signing.

Zabbix has no signatures of its own, but its JavaScript has HMAC: the script signs by Standard Webhooks, so a
stolen or replayed push opens nothing. The other two are for old servers and for proxies that rewrite bodies.
"""

MACROS: Mapping[str, str] = {
    "event_id": "{EVENT.ID}",
    "event_value": "{EVENT.VALUE}",
    "event_status": "{EVENT.STATUS}",
    "event_name": "{EVENT.NAME}",
    "event_severity": "{EVENT.SEVERITY}",
    "event_nseverity": "{EVENT.NSEVERITY}",
    "event_ack": "{EVENT.ACK.STATUS}",
    "event_opdata": "{EVENT.OPDATA}",
    "event_tags": "{EVENT.TAGSJSON}",
    "event_date": "{EVENT.DATE}",
    "event_time": "{EVENT.TIME}",
    "event_timestamp": "{EVENT.TIMESTAMP}",
    "event_recovery_id": "{EVENT.RECOVERY.ID}",
    "event_recovery_date": "{EVENT.RECOVERY.DATE}",
    "event_recovery_time": "{EVENT.RECOVERY.TIME}",
    "event_recovery_timestamp": "{EVENT.RECOVERY.TIMESTAMP}",
    "event_update": "{EVENT.UPDATE.STATUS}",
    "event_update_action": "{EVENT.UPDATE.ACTION}",
    "event_update_date": "{EVENT.UPDATE.DATE}",
    "event_update_time": "{EVENT.UPDATE.TIME}",
    "event_update_timestamp": "{EVENT.UPDATE.TIMESTAMP}",
    "update_message": "{EVENT.UPDATE.MESSAGE}",
    "user": "{USER.FULLNAME}",
    "trigger_id": "{TRIGGER.ID}",
    "host_id": "{HOST.ID}",
    "host": "{HOST.HOST}",
    "host_name": "{HOST.NAME}",
    "host_ip": "{HOST.IP}",
    "item_id": "{ITEM.ID1}",
    "item_key": "{ITEM.KEY1}",
    "item_value": "{ITEM.VALUE1}",
}
"""Our payload: name -> macro. The *.TIMESTAMP macros exist from Zabbix 7 on and stay literal before."""

MESSAGES = ((0, "PROBLEM", "Problem"), (1, "RECOVERY", "Resolved"), (2, "UPDATE", "Updated"))
_TEXT = "{EVENT.NAME} on {HOST.NAME}"


def script() -> str:
    """Return the JavaScript that Zabbix runs."""
    return (Path(__file__).parent / "webhook.js").read_text(encoding="utf-8")


def parameters(url: str, secret: str, signing: str = "standard_webhooks") -> list[dict[str, str]]:
    """Return the media type's parameters: where to, how signed, and every macro."""
    if signing not in DOORS:
        raise ValueError(f"signing is {signing!r}; it can be: {', '.join(DOORS)}")
    ours = {"URL": url, "secret": secret, "signing": signing, "payload": PAYLOAD}
    return [{"name": name, "value": value} for name, value in {**ours, **MACROS}.items()]


def media_type(url: str, secret: str, signing: str = "standard_webhooks", name: str = NAME) -> dict[str, Any]:
    """Return the parameters of mediatype.create. One session at a time: Zabbix then keeps the order."""
    return {
        "name": name,
        "type": 4,
        "status": 0,
        "script": script(),
        "timeout": "10s",
        "maxsessions": 1,
        "maxattempts": 10,
        "attempt_interval": "30s",
        "process_tags": 0,
        "parameters": parameters(url, secret, signing),
        "message_templates": [
            {"eventsource": 0, "recovery": number, "subject": f"{word}: {{EVENT.NAME}}", "message": _TEXT}
            for number, _, word in MESSAGES
        ],
    }


def media(mediatypeid: str) -> dict[str, Any]:
    """Return the media to give to a user: every severity, all week."""
    return {"mediatypeid": mediatypeid, "sendto": [NAME.lower()], "active": 0, "severity": 63, "period": "1-7,00:00-24:00"}


def action(mediatypeid: str, userid: str, groupids: tuple[str, ...] = (), name: str = f"to {NAME}") -> dict[str, Any]:
    """Return the parameters of action.create: problem, recovery and update; all host groups unless some are named."""
    to_user = {"opmessage": {"default_msg": 1, "mediatypeid": mediatypeid}, "opmessage_usr": [{"userid": userid}]}
    conditions = [{"conditiontype": 0, "operator": 0, "value": groupid} for groupid in groupids]
    return {
        "name": name,
        "eventsource": 0,
        "status": 0,
        "esc_period": "1h",
        "filter": {"evaltype": 2, "conditions": conditions},
        "operations": [{"operationtype": 0, "esc_step_from": 1, "esc_step_to": 1, **to_user}],
        "recovery_operations": [{"operationtype": 11, "opmessage": {"default_msg": 1}}],
        "update_operations": [{"operationtype": 12, "opmessage": {"default_msg": 1}}],
    }


def import_file(url: str, secret: str, signing: str = "standard_webhooks", name: str = NAME) -> dict[str, Any]:
    """Return what Zabbix' own import of media types reads."""
    templates = [
        {"event_source": "TRIGGERS", "operation_mode": mode, "subject": f"{word}: {{EVENT.NAME}}", "message": _TEXT}
        for _, mode, word in MESSAGES
    ]
    one = {
        "name": name,
        "type": "WEBHOOK",
        "parameters": parameters(url, secret, signing),
        "script": script(),
        "timeout": "10s",
        "attempts": "10",
        "attempt_interval": "30s",
        "description": "Sends problems, updates and recoveries to Tieline.",
        "message_templates": templates,
    }
    return {"zabbix_export": {"version": "6.0", "date": "2026-01-01T00:00:00Z", "media_types": [one]}}


def install(
    call: Callable[..., Any],
    url: str,
    secret: str,
    userid: str,
    *,
    signing: str = "standard_webhooks",
    groupids: tuple[str, ...] = (),
) -> dict[str, str]:
    """Create or renew all three by the API, as a super admin; returns their ids. Safe to repeat."""
    wanted = media_type(url, secret, signing)
    found = call("mediatype.get", {"output": ["mediatypeid"], "filter": {"name": wanted["name"]}})
    if found:
        mediatypeid = str(found[0]["mediatypeid"])
        call("mediatype.update", {"mediatypeid": mediatypeid, **wanted})
    else:
        mediatypeid = str(call("mediatype.create", wanted)["mediatypeids"][0])
    kept = call("user.get", {"userids": [userid], "output": ["userid"], "selectMedias": "extend"})[0]["medias"]
    fields = ("mediatypeid", "sendto", "active", "severity", "period")
    others = [{name: one[name] for name in fields} for one in kept if str(one["mediatypeid"]) != mediatypeid]
    call("user.update", {"userid": userid, "medias": [*others, media(mediatypeid)]})
    rule = action(mediatypeid, userid, groupids)
    old = call("action.get", {"output": ["actionid"], "filter": {"name": rule["name"]}})
    if old:
        call("action.delete", [str(one["actionid"]) for one in old])
    actionid = str(call("action.create", rule)["actionids"][0])
    return {"mediatypeid": mediatypeid, "userid": userid, "actionid": actionid}


def main(arguments: list[str] | None = None) -> int:
    """Print the configuration as JSON."""
    parser = argparse.ArgumentParser(prog="python -m connectors.zabbix.push", description=str(__doc__).strip().splitlines()[0])
    parser.add_argument("--url", required=True, help="Tieline's push address of this connector, https://…/in/NAME")
    parser.add_argument("--secret-env", metavar="NAME", help="environment variable that holds the door's secret")
    parser.add_argument("--signing", choices=sorted(DOORS), default="standard_webhooks")
    parser.add_argument("--api", action="store_true", help="print the API calls instead of the import file")
    asked = parser.parse_args(arguments)
    secret = os.environ.get(asked.secret_env, "") if asked.secret_env else ""
    if not secret and asked.signing != "path":
        sys.stderr.write("No secret given: fill in the parameter 'secret' in Zabbix, and the same in the connector's door.\n")
    given = (asked.url, secret or "FILL-ME-IN", asked.signing)
    shown: Any = import_file(*given)
    if asked.api:
        shown = [
            {"method": "mediatype.create", "params": media_type(*given)},
            {"method": "user.update", "params": {"userid": "USERID", "medias": [media("MEDIATYPEID")]}},
            {"method": "action.create", "params": action("MEDIATYPEID", "USERID")},
        ]
    sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stderr.write(f"The connector's door: {orjson.dumps(DOORS[asked.signing]).decode()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
