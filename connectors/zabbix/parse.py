"""Deliveries into records: what was polled says so itself; what was pushed is a body of our media type."""

from __future__ import annotations

from typing import Any

from connectors.zabbix.hosts import from_host
from connectors.zabbix.kind import ZabbixSettings
from connectors.zabbix.problems import from_event, from_push
from connectors.zabbix.texts import identity
from core.errors import MalformedError, TielineError
from core.strict import read_json
from core.words import Delivery, Record

POLLED = "polled"  #: the key that marks a page of ours; no pushed body has it


def parse(delivery: Delivery, settings: ZabbixSettings) -> list[Record]:
    """Read a delivery into records. Pure, so that any delivery can be handled again at any time."""
    body = read_json(delivery.body)
    if not isinstance(body, dict):
        raise MalformedError(
            "The body is not a JSON object.",
            why=f"It is a {type(body).__name__}.",
            fix="Use the media type that connectors/zabbix/push.py prints.",
        )
    try:
        return _page(body) if POLLED in body else [from_push(body, settings.time_zone)]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise MalformedError(
            "The body lacks something every Zabbix event has.",
            why=f"{type(error).__name__}: {error}.",
            fix="If it was polled: report it with the Zabbix version. If it was pushed: use push.py's media type.",
        ) from error


def _page(body: dict[str, Any]) -> list[Record]:
    if body[POLLED] == "hosts":
        return [from_host(host) for host in body["hosts"]]
    found = [from_event(event, body["r_clocks"]) for event in body["events"]]
    gone = [identity({"gone": eventid}, "gone") for eventid in body["gone"]]
    return found + [Record("problems", eventid, {"eventid": eventid}, deleted=True) for eventid in gone]
