"""The kind yonyou_u8 keeps every law of the kit, against a stand-in built from third parties' clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.yonyou_u8.connector import YonyouU8
from lab.standins.u8 import KEY, SECRET
from lab.standins.u8 import Relay as Standin

ORDER: dict[str, Any] = {"vendorcode": "S01", "entry": [{"inventorycode": "SEAL-80", "quantity": "5"}]}


def fill(standin: Standin) -> None:
    """Put an order, an item and some stock there."""
    standin.orders.append({"code": "PO1", "date": "2026-11-20", "state": "Approved", "vendorname": "密封件厂", **ORDER})
    standin.items["SEAL-80"] = {"code": "SEAL-80", "name": "密封圈", "specs": "80 mm"}
    standin.stock.append({"invcode": "SEAL-80", "whcode": "01", "quantity": "3"})


def settings(url: str) -> dict[str, Any]:
    return {"url": url, "from_account": "us", "to_account": "plant", "app_key": KEY, "app_secret": SECRET}


class TestU8(ConnectorLaws):
    connector = YonyouU8
    acts = {"add_purchase_order": {"order": ORDER}}  # noqa: RUF012 - ClassVar in the laws
    lookups = {"item": {"code": "SEAL-80"}, "stock": {"code": "SEAL-80"}}  # noqa: RUF012

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Standin() as standin:
            fill(standin)
            with http_landscape(standin.url, settings, writes=lambda: standin.added) as land:
                yield land
