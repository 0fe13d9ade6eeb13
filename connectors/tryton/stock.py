"""Stock as records and as an answer. What is read comes through ``Erp``; the records are made purely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from connectors.tryton.wire import number
from core.errors import InputError, MalformedError, PermissionDeniedError, SetupError
from core.jsons import dumps
from core.words import Found, Json, Micros, Page, Record

POLLED = "polled"  #: the key that marks a page of ours
MOST_BOMS, MOST_PLACES = 20, 200
ORDERS = ["purchase", "production"]
"""Types of order points that bring stock in; ``internal`` ones only move it."""

PRODUCT_FIELDS = ["code", "template.name", "default_uom.symbol", "quantity"]
POINT_FIELDS = ["product", "min_quantity", "target_quantity"]
BOM_FIELDS = ["code", "name", "inputs.product.code", "inputs.product.template.name", "inputs.quantity", "inputs.unit.symbol"]


class ModelMissingError(SetupError):
    """A module of Tryton that this read needs is not installed there, or this version names a field differently."""

    code = "model-missing"
    title, title_zh = "A module is missing in Tryton", "Tryton 中缺少模块"


class Erp(Protocol):
    """Whoever can call Tryton with the right context."""

    def call(self, method: str, params: list[Any], **context: Any) -> Any:
        """Call one method; the user's own context is added."""

    def stock_context(self) -> dict[str, Any]:
        """Return what a quantity must be asked with; without it Tryton answers 0.0 and no error."""

    def warehouses(self) -> list[int]:
        """Return the ids of the warehouses that count."""


def poll(erp: Erp, cursor: Json, limit: int) -> Page:
    """Read one page of products by id, with their order points."""
    after = int((cursor or {}).get("after", 0))
    domain = [["id", ">", after], ["type", "=", "goods"], ["code", "!=", None], ["code", "!=", ""]]
    asked = [domain, 0, limit, [["id", "ASC"]], PRODUCT_FIELDS]
    products = erp.call("model.product.product.search_read", asked, **erp.stock_context())
    points = order_points(erp, [int(one["id"]) for one in products])
    more = len(products) == limit
    body = {POLLED: "stock", "products": products, "order_points": points}
    return Page(dumps(body).encode(), {"after": products[-1]["id"]} if more else None, more=more, count=len(products))


def lookup(erp: Erp, inputs: Mapping[str, Json], now: Micros) -> Found:
    """Return the stock of one product by code, with its places, order point and bills of materials."""
    code = inputs.get("code")
    if not isinstance(code, str) or not code.strip():
        raise InputError("The product code is empty.", why=f"It is {code!r}.", fix="Pass the code that the ERP knows.")
    asked = [[["code", "=", code.strip()]], 0, 2, [["id", "ASC"]], [*PRODUCT_FIELDS, "forecast_quantity"]]
    found = erp.call("model.product.product.search_read", asked, **erp.stock_context())
    source = f"tryton product.product code {code.strip()} in warehouses {', '.join(map(str, erp.warehouses()))}"
    if not found:
        return Found({}, None, source, absent=True)
    if len(found) > 1:
        raise SetupError(
            f"Two products have the code {code.strip()!r} in Tryton.",
            why=f"They are the products {found[0]['id']} and {found[1]['id']}; nobody can say whose stock is meant.",
            fix="Give one of them another code, or deactivate it.",
        )
    product = int(found[0]["id"])
    values = {
        **_record_of(found[0], order_points(erp, [product])),
        "forecast": number(found[0].get("forecast_quantity")),
        "bom": _boms(erp, code.strip()),
        "locations": _places(erp, product),
    }
    return Found(values, now, source)


def order_points(erp: Erp, products: list[int]) -> list[dict[str, Any]]:
    """Return the order points of these products that bring stock into our warehouses; none without the module."""
    if not products:
        return []
    domain = [["product", "in", products], ["type", "in", ORDERS], ["location", "in", erp.warehouses()]]
    try:
        found: list[dict[str, Any]] = erp.call("model.stock.order_point.search_read", [domain, 0, None, None, POINT_FIELDS])
    except ModelMissingError:
        return []
    return found


def _boms(erp: Erp, code: str) -> list[dict[str, Json]] | None:
    """Return every input of the bills this product is part of; None where Tryton has none or does not show them."""
    domain = ["OR", ["inputs.product.code", "=", code], ["outputs.product.code", "=", code]]
    try:
        found = erp.call("model.production.bom.search_read", [domain, 0, MOST_BOMS, [["id", "ASC"]], BOM_FIELDS])
    except (ModelMissingError, PermissionDeniedError):
        return None
    return [
        {
            "bom": bom.get("code") or bom["name"],
            "code": (one.get("product.") or {}).get("code"),
            "name": _name(one.get("product.") or {}),
            "quantity": number(one["quantity"]),
            "unit": (one.get("unit.") or {}).get("symbol"),
        }
        for bom in found
        for one in bom.get("inputs.") or []
    ]


def _places(erp: Erp, product: int) -> list[dict[str, Json]]:
    """Return the storage places within our warehouses that hold some of a product."""
    domain = [["type", "=", "storage"], ["parent", "child_of", erp.warehouses()]]
    asked = [domain, 0, MOST_PLACES, [["id", "ASC"]], ["code", "name", "quantity"]]
    context = {**erp.stock_context(), "product": product, "with_childs": False}
    found = erp.call("model.stock.location.search_read", asked, **context)
    return [
        {"location": one.get("code") or str(one["id"]), "name": one["name"], "quantity": number(one["quantity"])}
        for one in found
        if number(one["quantity"])
    ]


def records(body: Mapping[str, Any]) -> list[Record]:
    """Make the records of a polled page. Tryton keeps no time for a quantity, so ``at`` stays None."""
    points: dict[int, list[dict[str, Any]]] = {}
    for point in body["order_points"]:
        points.setdefault(int(point["product"]), []).append(point)
    made = [_record_of(product, points.get(int(product["id"]), [])) for product in body["products"]]
    return [Record("stock", str(data["code"]), data) for data in made]


def _record_of(product: Mapping[str, Any], points: list[dict[str, Any]]) -> dict[str, Json]:
    code = product["code"]
    if not isinstance(code, str) or not code:
        raise MalformedError("A product has no code.", why=f"It holds {code!r}.", fix="Report it with the Tryton version.")
    unit = (product.get("default_uom.") or {}).get("symbol")
    return {
        "code": code,
        "name": _name(product),
        "quantity": number(product["quantity"]),
        "unit": None if unit is None else str(unit),
        "order_point": _sum(points, "min_quantity"),
        "target": _sum(points, "target_quantity"),
    }


def _name(product: Mapping[str, Any]) -> str | None:
    name = (product.get("template.") or {}).get("name")
    return None if name is None else str(name)


def _sum(points: list[dict[str, Any]], name: str) -> float | None:
    """Add up over the warehouses; no order point is None, which is not zero."""
    told = [found for point in points if (found := number(point[name])) is not None]
    return sum(told) if told else None
