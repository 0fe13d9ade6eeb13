"""Hosts: inventory and tags as one record shape, for the stream and for the lookup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.zabbix.texts import identity, text
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
    status = text(host, "status")
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
        "hostid": identity(host, "hostid"),
        "host": text(host, "host"),
        "name": text(host, "name"),
        "status": STATUSES[status],
        "tags": [{"tag": text(one, "tag"), "value": text(one, "value")} for one in host.get("tags") or []],
        "inventory": {name: value for name, value in inventory.items() if value} if isinstance(inventory, Mapping) else {},
        "ip": (_first_text(main[0], "ip", "dns")) if main else None,
    }
    for unwanted in ("hostid", "inventory_mode"):
        data["inventory"].pop(unwanted, None)
    return Record("hosts", data["hostid"], data)


def _first_text(holder: Mapping[str, Any], *names: str) -> str | None:
    return next((text(holder, name) for name in names if holder.get(name)), None)
