"""Hosts: inventory and tags as one record shape, for the stream and for the lookup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import UnknownVocabularyError
from core.words import Json, Record

STATUSES = {"0": "monitored", "1": "unmonitored"}

WANTED: dict[str, Any] = {
    "output": ["hostid", "host", "name", "status"],
    "selectInventory": "extend",
    "selectTags": "extend",
    "selectInterfaces": ["ip", "dns", "main"],
}
"""What is asked of host.get; macros are not, because they may hold secrets."""


def from_host(host: Mapping[str, Any]) -> Record:
    """Read one host of host.get. Zabbix keeps no time of change, so ``at`` stays None."""
    status = str(host["status"])
    if status not in STATUSES:
        raise UnknownVocabularyError(
            f"Zabbix gives host {host['host']!r} a status we do not know: {status!r}.",
            why="Known are 0 (monitored) and 1 (unmonitored).",
            fix="Report it with the Zabbix version.",
            known=list(STATUSES),
        )
    inventory = host.get("inventory")  # an empty PHP array, [], where inventory is switched off
    interfaces = host.get("interfaces") or []
    main = sorted(interfaces, key=lambda one: str(one.get("main")) != "1")
    data: dict[str, Json] = {
        "hostid": str(host["hostid"]),
        "host": str(host["host"]),
        "name": str(host["name"]),
        "status": STATUSES[status],
        "tags": [{"tag": str(one["tag"]), "value": str(one["value"])} for one in host.get("tags") or []],
        "inventory": {name: value for name, value in inventory.items() if value} if isinstance(inventory, Mapping) else {},
        "ip": (main[0].get("ip") or main[0].get("dns") or None) if main else None,
    }
    for unwanted in ("hostid", "inventory_mode"):
        data["inventory"].pop(unwanted, None)
    return Record("hosts", data["hostid"], data)
