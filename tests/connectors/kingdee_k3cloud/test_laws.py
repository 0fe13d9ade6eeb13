"""The kind kingdee_k3cloud keeps every law of the kit, against a stand-in built from the vendor's SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.kingdee_k3cloud.connector import K3Cloud
from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from lab.standins.kingdee_k3cloud import ACCOUNT, APP_ID, APP_SECRET, USER
from lab.standins.kingdee_k3cloud import K3Cloud as Standin

MODEL: dict[str, Any] = {
    "FSupplierId": {"FNumber": "S01"},
    "FPOOrderEntry": [{"FMaterialId": {"FNumber": "SEAL-80"}, "FQty": 5}],
}


def order(number: str, row: int = 1, changed: str = "2026-11-20T08:00:00", **more: Any) -> dict[str, Any]:
    """Return a row of a purchase order as K3Cloud names it."""
    return {
        "FBillNo": number,
        "FDate": "2026-11-01T00:00:00",
        "FSupplierId.FNumber": "S01",
        "FMaterialId.FNumber": "SEAL-80",
        "FQty": 20.0,
        "FDeliveryDate": "2026-11-25T00:00:00",
        "FStockInQty": 0.0,
        "FDocumentStatus": "C",
        "FModifyDate": changed,
        "FPOOrderEntry_FEntryID": row,
        **more,
    }


def fill(standin: Standin) -> None:
    """Put two orders and some stock there."""
    standin.orders += [order("PO1"), order("PO1", 2), order("PO2", 3)]
    for place, quantity in (("主仓", 2.0), ("线边仓", 1.5)):
        named = {"FMaterialId.FNumber": "SEAL-80", "FMaterialId.FName": "密封圈", "FStockId.FName": place}
        standin.stock.append({**named, "FBaseQty": quantity, "FAVBQty": quantity, "FBaseUnitId.FName": "件"})
    standin.bills[("PUR_PurchaseOrder", "PO1")] = {"BillNo": "PO1", "DocumentStatus": "C"}


def settings(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "account": ACCOUNT, "username": USER, "app_id": APP_ID, "app_secret": APP_SECRET, **more}


class TestK3Cloud(ConnectorLaws):
    connector = K3Cloud
    acts = {"save_bill": {"form_id": "PUR_PurchaseOrder", "model": MODEL}}  # noqa: RUF012 - ClassVar in the laws
    lookups = {  # noqa: RUF012
        "stock": {"material": "SEAL-80"},
        "bill": {"form_id": "PUR_PurchaseOrder", "number": "PO1"},
    }

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Standin() as standin:
            fill(standin)
            with http_landscape(standin.origin, lambda url: settings(f"{url}/k3cloud"), writes=lambda: standin.written) as land:
                yield land
