"""A stand-in plant and a connector on it, for the tests of this kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.zabbix.connector import Zabbix
from connectors.zabbix.kind import ZabbixSettings
from core.words import Delivery, Page, Record
from lab.standins.zabbix import Zabbix as StandIn

PRESS, LATHE = "10561", "10562"
HOT, CPU_HIGH, VIBRATION, PAYMENT = "23137", "23138", "23139", "23140"
"""The demo's triggers; CPU_HIGH forbids manual close."""


def connector(url: str, **settings: Any) -> Zabbix:
    """Return a connector signed in as the gateway's user, unless the settings say otherwise."""
    given: dict[str, Any] = {"url": url, "timeout_s": 2, **settings}
    if "api_token" not in given:
        given = {"username": "gateway", "password": "Gw-lab-2026!", **given}
    return Zabbix("zabbix-east", ZabbixSettings.model_validate(given))


@contextmanager
def plant(version: str = "6.0.14", *, close_delay_s: float = 0.0, **settings: Any) -> Iterator[tuple[StandIn, Zabbix]]:
    """Give a running stand-in with the demo plant, and a connector on it."""
    with StandIn(version=version, close_delay_s=close_delay_s).demo() as standin:
        made = connector(standin.url, **settings)
        yield standin, made
        made.close()


def records(made: Zabbix, page: Page) -> list[Record]:
    """Parse a page as the inbox would."""
    return made.parse(Delivery("rcp_1", made.name, page.body, {}, 0), made.settings)
