"""The kind yonyou_yonbip keeps every law of the kit, against a stand-in built from the vendor's SDK and manual."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.yonyou_yonbip.connector import YonBip
from lab.standins.yonbip import KEY, SECRET
from lab.standins.yonbip import YonBip as Standin

ORDER: dict[str, Any] = {"vendor_code": "S01", "purchaseOrders": [{"product_cCode": "SEAL-80", "subQty": 5}]}


def row(number: int, changed: str = "2026-11-20 08:00:00", **more: Any) -> dict[str, Any]:
    """Return a row of a purchase order as YonBIP names it."""
    return {
        "id": number,
        "code": f"CG{number}",
        "purchaseOrders_id": number * 10,
        "vouchdate": "2026-11-01 00:00:00",
        "vendor": 77,
        "vendor_name": "密封件厂",
        "product_cCode": "SEAL-80",
        "subQty": 20.0,
        "planArrivalDate": "2026-11-25 00:00:00",
        "purchaseOrders_totalInSubqty": 0,
        "status": 1,
        "pubts": changed,
        **more,
    }


def fill(standin: Standin) -> None:
    """Put two orders and some stock there."""
    standin.orders += [row(1), row(2)]
    for place, quantity in (("主仓", 2.0), ("线边仓", 1.5)):
        standin.stock.append(
            {"product_code": "SEAL-80", "warehouse_name": place, "currentqty": quantity, "availableqty": quantity}
        )
    standin.stock.append({"product_code": "BRG-6208", "warehouse_name": "主仓", "currentqty": 9, "availableqty": 9})


def settings(url: str) -> dict[str, Any]:
    return {"url": f"{url}/iuap-api-gateway", "auth_url": f"{url}/iuap-api-auth", "app_key": KEY, "app_secret": SECRET}


class TestYonBip(ConnectorLaws):
    connector = YonBip
    acts = {"create_purchase_order": {"order": ORDER}}  # noqa: RUF012 - ClassVar in the laws
    lookups = {"stock": {"product": "SEAL-80"}}  # noqa: RUF012

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Standin() as standin:
            fill(standin)
            with http_landscape(standin.url, settings, writes=lambda: len(standin.saved)) as land:
                yield land
