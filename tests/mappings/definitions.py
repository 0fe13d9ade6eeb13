"""A small world of definitions that several tests share."""

from __future__ import annotations

from typing import Any

from mappings.catalogue import Catalogue, Written, build

TITLE = {"en": "x", "zh": "某"}
DEVICE: dict[str, Any] = {
    "name": "device",
    "prefix": "DEV",
    "title": TITLE,
    "fields": {"name": {"type": "string"}, "site": {"type": "ref", "to": "site"}},
}
SITE: dict[str, Any] = {"name": "site", "prefix": "SITE", "title": TITLE, "fields": {"name": {"type": "string"}}}
ALERT: dict[str, Any] = {
    "name": "alert",
    "prefix": "ALRT",
    "title": TITLE,
    "fields": {
        "title": {"type": "string"},
        "severity": {"type": "integer"},
        "priority": {"type": "string", "words": ["P1", "P2"]},
        "urgent": {"type": "boolean"},
        "device": {"type": "ref", "to": "device"},
    },
    "sources": {"title": ["east", "west"]},
}
PRIORITY: dict[str, Any] = {
    "name": "alert-priority",
    "of": "alert.priority",
    "expression": 'alert.severity >= 4 ? "P1" : "P2"',
}
URGENT: dict[str, Any] = {"name": "alert-urgent", "of": "alert.urgent", "expression": 'alert.priority == "P1"'}
MAPPING: dict[str, Any] = {
    "name": "zabbix-problems",
    "from": {"kind": "zabbix", "stream": "problems"},
    "to": "alert",
    "fields": {"title": "$.name", "severity": {"from": "$.severity", "steps": ["integer"]}, "device": "$.host.hostid"},
}


def world(*more: Written) -> Catalogue:
    """Return a catalogue of the definitions above and more."""
    return build(
        [
            *(Written("entity", spec["name"], spec, n) for n, spec in enumerate((SITE, DEVICE, ALERT), 1)),
            Written("mapping", "zabbix-problems", MAPPING, 10),
            Written("formula", "alert-priority", PRIORITY, 20),
            Written("formula", "alert-urgent", URGENT, 21),
            *more,
        ]
    )
