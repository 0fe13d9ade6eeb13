"""Kind name -> connector class, loaded only when asked for; the one list of what this Tieline can talk to."""

from __future__ import annotations

import difflib
import importlib

from connectors.kit.contract import Connector
from core.errors import NotFoundError

KINDS: dict[str, str] = {
    "alertmanager": "connectors.alertmanager.connector:Alertmanager",
    "kingdee_k3cloud": "connectors.kingdee_k3cloud.connector:K3Cloud",
    "memory": "connectors.memory.connector:Memory",
    "modbus": "connectors.modbus.connector:Modbus",
    "mqtt": "connectors.mqtt.connector:Mqtt",
    "opcua": "connectors.opcua.connector:OpcUa",
    "prometheus": "connectors.prometheus.connector:Prometheus",
    "redmine": "connectors.redmine.connector:Redmine",
    "roundup": "connectors.roundup.connector:Roundup",
    "salesforce": "connectors.salesforce.connector:Salesforce",
    "smtp": "connectors.smtp.connector:Smtp",
    "sql": "connectors.sql.connector:Sql",
    "tryton": "connectors.tryton.connector:Tryton",
    "webhook": "connectors.webhook.connector:Webhook",
    "yonyou_u8": "connectors.yonyou_u8.connector:YonyouU8",
    "yonyou_yonbip": "connectors.yonyou_yonbip.connector:YonBip",
    "zabbix": "connectors.zabbix.connector:Zabbix",
}


def connector_class(kind: str) -> type[Connector]:
    """Return the class of a kind; an unknown name is answered with the known ones and the nearest."""
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        raise NotFoundError(
            f"There is no kind {kind!r}.",
            why=f"Tieline knows: {', '.join(sorted(KINDS))}." + (f" Did you mean {near[0]!r}?" if near else ""),
            fix="Use one of these kinds.",
        )
    module, _, name = KINDS[kind].partition(":")
    found: type[Connector] = getattr(importlib.import_module(module), name)
    return found
