"""
A stand-in for Tryton: its JSON-RPC, a small store of spare parts, order points and bills of materials.

Built from the transcript of a Tryton 8.2.1 (login, search, search_read, read, quantities by context, refusals), checked
again against a running 8.2. Recorded traps it keeps: a quantity is 0.0 without ``locations`` in the context; the body's
keys are exactly id, method and params, or errors become HTTP statuses; 401 for a bad password and for a dead session;
business errors are HTTP 200; fields of a relation come back under ``relation.``; a Decimal comes with its class.

    python -m lab.standins.tryton --port 28000        # database lab, gateway / Gw-lab-2026!
"""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterable
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.standins.server import Answer, Request, Server

WAREHOUSE, STORAGE = 5, 3
UNIT, LITRE = {"id": 1, "symbol": "u"}, {"id": 20, "symbol": "l"}
Row = dict[str, Any]


class RefusedError(Exception):
    """A business error: HTTP 200 with an ``error`` inside."""


class Tryton(Server):
    """The whole stand-in; ``.stock`` is (product id, location id) -> quantity."""

    def __init__(self, port: int = 0, *, database: str = "lab") -> None:
        super().__init__(port)
        self.database = database
        self.passwords = {"gateway": "Gw-lab-2026!"}
        self.sessions: dict[str, str] = {}
        self.logins = 0
        self.calls: list[tuple[str, list[Any]]] = []
        self.hidden: set[str] = set()  #: models our user may not read
        self.lock = threading.RLock()
        self.stock: dict[tuple[int, int], float] = {}
        self.tables: dict[str, list[Row]] = {
            "stock.location": [
                {"id": WAREHOUSE, "code": "WH", "name": "Warehouse", "type": "warehouse", "parent": None},
                {"id": STORAGE, "code": "STO", "name": "Storage Zone", "type": "storage", "parent": WAREHOUSE},
            ],
            "product.product": [],
            "stock.order_point": [],
            "production.bom": [],
        }

    def add_product(self, code: str, name: str, quantity: float, *, unit: Row = UNIT, cost: str = "0") -> int:
        """Add a product with its stock in the storage zone; returns its id."""
        products = self.tables["product.product"]
        number = len(products) + 1
        row = {"id": number, "code": code, "type": "goods", "rec_name": f"[{code}] {name}", "default_uom": unit}
        row |= {"template": {"id": number, "name": name}, "list_price": None, "cost_price": decimal(cost)}
        products.append(row)
        self.stock[number, STORAGE] = quantity
        return number

    def add_order_point(self, product: int, minimum: float, target: float) -> None:
        """Let a product be ordered when it falls below a minimum."""
        points = self.tables["stock.order_point"]
        row = self.product(product)
        whole = {"product": row, "unit": row["default_uom"], "location": self.tables["stock.location"][0], "type": "purchase"}
        points.append({"id": len(points) + 1, "min_quantity": minimum, "target_quantity": target, **whole})

    def add_bom(self, code: str, name: str, makes: int, needs: Iterable[tuple[int, float, Row]]) -> None:
        """Add a bill of materials."""
        boms = self.tables["production.bom"]
        inputs = [
            {"id": number, "product": self.product(one), "quantity": quantity, "unit": unit}
            for number, (one, quantity, unit) in enumerate(needs, 1)
        ]
        outputs = [{"id": 1, "product": self.product(makes), "quantity": 1.0}]
        boms.append({"id": len(boms) + 1, "code": code, "name": name, "inputs": inputs, "outputs": outputs})

    def product(self, number: int) -> Row:
        """Return a product by id."""
        return self.tables["product.product"][number - 1]

    def demo(self) -> Tryton:
        """Fill in what the lab's Tryton holds, so that SEAL-80 lies below its order point."""
        seal = self.add_product("SEAL-80", "轴封 80 mm Shaft seal", 3.0, cost="12.25")
        bearing = self.add_product("BRG-6208", "轴承 6208 Bearing", 25.0, cost="9")
        oil = self.add_product("OIL-HLP46", "液压油 HLP 46 Hydraulic oil", 160.0, unit=LITRE, cost="2.10")
        kit = self.add_product("KIT-0007", "压机大修包 Press overhaul kit", 0.0, cost="125")
        self.add_order_point(seal, 5.0, 20.0)
        self.add_order_point(bearing, 8.0, 40.0)
        self.add_bom(
            "BOM-0007", "压机大修包 Press overhaul kit", kit, [(seal, 2.0, UNIT), (bearing, 4.0, UNIT), (oil, 12.5, LITRE)]
        )
        return self

    def end_sessions(self) -> None:
        """Forget every session."""
        self.sessions.clear()

    def answer(self, request: Request) -> Answer:
        """Route: the RPC of the server and of the database, the control call, the page."""
        path = urlsplit(request.path).path
        with self.lock:
            if path == "/rpc/":
                return self._server(request)
            if path.endswith("/rpc/"):
                return self._rpc(request) if path == f"/{self.database}/rpc/" else Answer(404, b"404 Not Found")
            if path == "/control/stock":
                return self._control(request)
            return Answer.page(self._page()) if path == "/" else Answer(404, b"404 Not Found")

    def _server(self, request: Request) -> Answer:
        body = request.json() or {}
        known = {"common.server.version": "8.2", "common.db.list": [self.database]}
        if body.get("method") not in known:
            return Answer(403, b"403 Forbidden")
        return Answer.of({"id": body.get("id"), "result": known[body["method"]]})

    def _rpc(self, request: Request) -> Answer:
        body = request.json()
        if not isinstance(body, dict) or "method" not in body or not isinstance(body.get("params"), list):
            return Answer(400, b"400 Bad Request")
        method, params = str(body["method"]), body["params"]
        self.calls.append((method, params))
        exact = set(body) == {"id", "method", "params"}
        if method == "common.db.login":
            result: Any = self._login(*params)
        elif self._user(request.headers.get("authorization", "")) is None:
            result = None
        else:
            try:
                result = self._call(method, params)
            except RefusedError as error:
                return Answer.of({"id": body["id"], "error": list(error.args)}) if exact else Answer(400, str(error).encode())
            return Answer.of({"id": body["id"], "result": result} if exact else result)
        if result is None:
            return Answer(401, b"401 Unauthorized")
        return Answer.of({"id": body["id"], "result": result} if exact else result)

    def _login(self, name: str, given: Row, language: str = "en") -> list[Any] | None:
        del language
        self.logins += 1
        if self.passwords.get(name) != given.get("password"):
            return None
        token = secrets.token_hex(32)
        self.sessions[token] = name
        return [2, token, None]

    def _user(self, authorization: str) -> str | None:
        try:
            name, _, token = b64decode(authorization.removeprefix("Session ")).decode().split(":")
        except ValueError:
            return None
        return name if self.sessions.get(token) == name else None

    def _call(self, method: str, params: list[Any]) -> Any:
        if method == "common.db.logout":
            return self.end_sessions()
        context = params[-1] if params and isinstance(params[-1], dict) else {}
        if method == "model.res.user.get_preferences":
            return {
                "company": 1,
                "company.rec_name": "苏州工厂 Plant Suzhou",
                "companies": [1],
                "employees": [1],
                "language": "en",
            }
        model, _, verb = method.removeprefix("model.").rpartition(".")
        if model not in self.tables:
            raise RefusedError(f"'{model}'", "")
        if model in self.hidden:
            raise RefusedError("UserError", [f'You are not allowed to access "{model}".', "Within groups: Stock", None])
        if verb == "read":
            wanted, names = params[0], params[1]
            rows = [row for row in self.tables[model] if row["id"] in wanted]
            return [self._shown(row, names, context) for row in rows]
        rows = [row for row in self.tables[model] if self._fits(row, params[0])]
        if verb == "search_count":
            return len(rows)
        offset, limit = (params[1] or 0), (params[2] if len(params) > 2 else None)
        rows = sorted(rows, key=lambda row: int(row["id"]))[offset : None if limit is None else offset + limit]
        if verb == "search":
            return [row["id"] for row in rows]
        if verb == "search_read":
            return [self._shown(row, params[4], context) for row in rows]
        raise RefusedError("UserError", [f"no such method {method}", "", None])

    def _shown(self, row: Row, names: list[str], context: Row) -> Row:
        found: Row = {"id": row["id"]}
        for name in names:
            first, _, rest = name.partition(".")
            if first in ("quantity", "forecast_quantity") and first not in row:
                found[first] = self._quantity(row, context)
            elif first not in row:
                raise RefusedError(f"'{first}'", "")
            elif rest:
                inner = [one.split(".", 1)[1] for one in names if one.startswith(f"{first}.")]
                value = row[first]
                found[f"{first}."] = (
                    [self._shown(one, inner, context) for one in value]
                    if isinstance(value, list)
                    else self._shown(value, inner, context)
                )
            else:
                value = row[first]
                found[first] = value["id"] if isinstance(value, dict) and "id" in value else value
        return found

    def _quantity(self, row: Row, context: Row) -> float:
        """Add up what lies in the context's locations and, with ``with_childs``, below them; 0.0 without any."""
        of_place = "parent" in row
        product = context.get("product") if of_place else row["id"]
        places = {row["id"]} if of_place else set(context.get("locations") or ())
        if context.get("with_childs", of_place or len(places) == 1):
            places |= {one["id"] for one in self.tables["stock.location"] if one["parent"] in places}
        return sum((amount for (one, place), amount in self.stock.items() if one == product and place in places), 0.0)

    def _fits(self, row: Row, domain: list[Any]) -> bool:
        if domain and domain[0] == "OR":
            return any(self._fits(row, [one]) for one in domain[1:])
        return all(self._holds(row, one) for one in domain)

    def _holds(self, row: Row, clause: list[Any]) -> bool:
        if isinstance(clause[0], list) or clause[0] == "OR":
            return self._fits(row, clause)
        name, operator, wanted = clause
        values = list(_reached(row, name.split(".")))
        if operator == "child_of":
            parents = set(wanted)
            return any(value in parents for value in values)
        tests: dict[str, Callable[[Any], bool]] = {
            "=": lambda value: value == wanted,
            "!=": lambda value: value != wanted,
            ">": lambda value: value is not None and value > wanted,
            "in": lambda value: value in wanted,
        }
        return any(tests[operator](value) for value in values)

    def _control(self, request: Request) -> Answer:
        asked = request.json() or {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        for row in self.tables["product.product"]:
            if row["code"] == asked.get("code"):
                self.stock[row["id"], STORAGE] = float(asked["quantity"])
                return Answer.of({"code": row["code"], "quantity": float(asked["quantity"])})
        return Answer.of({"error": f"no product {asked.get('code')!r}"}, 404)

    def _page(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(row['code'])}<td>{escape(row['template']['name'])}<td><form method=post action=/control/stock>"
            f"<input type=hidden name=code value='{escape(row['code'])}'>"
            f"<input name=quantity value='{self.stock[row['id'], STORAGE]:g}' size=6> <button>保存 · save</button></form></tr>"
            for row in self.tables["product.product"]
        )
        return (
            "<!doctype html><meta charset=utf-8><title>Tryton stand-in</title><h1>Tryton 替身 · stand-in</h1>"
            f"<table border=1 cellpadding=4><tr><th>code<th>name<th>库存 · stock</tr>{rows}</table>"
        )


def decimal(text: str) -> Row:
    """Return a Decimal as Tryton sends it."""
    return {"__class__": "Decimal", "decimal": text}


def _reached(value: Any, path: list[str]) -> Iterable[Any]:
    """Follow a dotted name through relations; a relation itself counts as its id."""
    if isinstance(value, list):
        for one in value:
            yield from _reached(one, path)
    elif path:
        yield from _reached(value[path[0]], path[1:])
    else:
        yield value["id"] if isinstance(value, dict) else value


def main(arguments: list[str] | None = None) -> int:
    """Serve the demo store until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m lab.standins.tryton", description="A stand-in for Tryton.")
    parser.add_argument("--port", type=int, default=28000)
    asked = parser.parse_args(arguments)
    with Tryton(asked.port).demo() as server:
        sys.stdout.write(f"ready {server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(0) from None
