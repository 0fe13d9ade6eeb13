"""Recorded deliveries and the records they must become. ``python -m tests.connectors.zabbix.goldens`` rewrites the latter."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connectors.zabbix.connector import Zabbix
from connectors.zabbix.kind import ZabbixSettings
from core.words import Delivery

HERE = Path(__file__).parent
DELIVERIES = sorted((HERE / "deliveries").glob("*.json"))
SETTINGS = ZabbixSettings.model_validate({"url": "http://zabbix.test", "username": "gateway", "password": "s3cret-pw"})


def body(name: str) -> dict[str, Any]:
    """Return a recorded body."""
    found: dict[str, Any] = json.loads((HERE / "deliveries" / f"{name}.json").read_text())
    return found


def parsed(content: Any, settings: ZabbixSettings = SETTINGS) -> list[dict[str, Any]]:
    """Parse a body as it would arrive."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return [asdict(one) for one in Zabbix.parse(Delivery("rcp_1", "zabbix-east", raw, {}, 0), settings)]


def record_file(delivery: Path) -> Path:
    """Return where a delivery's records are kept."""
    return HERE / "records" / delivery.name


if __name__ == "__main__":
    for one in DELIVERIES:
        text = json.dumps(parsed(one.read_bytes()), ensure_ascii=False, indent=1)
        record_file(one).write_text(text + "\n")
