"""What the storekeeper sees and does in the lab's Tryton, over its JSON-RPC; standard library only."""

from __future__ import annotations

import base64
import datetime as dt
import json
import urllib.request
from typing import Any

from core.errors import SetupError
from lab.real.tryton.system import DATABASE, GATEWAY, GATEWAY_PASSWORD, Tryton


class Storekeeper:
    """A person with a session at the ERP."""

    def __init__(self, tryton: Tryton) -> None:
        self._url = f"{tryton.url}/{DATABASE}/rpc/"
        self._session: str | None = None
        self._context: dict[str, Any] = {}

    def stock(self, code: str) -> float:
        """Return how many of a product lie in the warehouse today."""
        today = dt.datetime.now(dt.UTC).date()
        day = {"__class__": "date", "year": today.year, "month": today.month, "day": today.day}
        (warehouse,) = self._call("model.stock.location.search", [["code", "=", "WH"]], 0, None, None, {})
        context = {"locations": [warehouse], "stock_date_end": day, "with_childs": True}
        found = self._call("model.product.product.search_read", [["code", "=", code]], 0, None, None, ["quantity"], context)
        return float(found[0]["quantity"])

    def count(self, code: str, quantity: float) -> None:
        """Count the shelf: the stock of a product is now this."""
        (storage,) = self._call("model.stock.location.search", [["code", "=", "STO"]], 0, None, None, {})
        (product,) = self._call("model.product.product.search", [["code", "=", code]], 0, None, None, {})
        line = {"product": product, "quantity": quantity}
        inventory = self._call("model.stock.inventory.create", [{"location": storage, "lines": [["create", [line]]]}], {})
        self._call("model.stock.inventory.confirm", inventory, {})

    def _call(self, method: str, *params: Any) -> Any:
        """Call with the user's own context under the one given last; sign in first when need be."""
        if self._session is None:
            user, token, *_ = self._ask("common.db.login", [GATEWAY, {"password": GATEWAY_PASSWORD}, "en"])
            self._session = base64.b64encode(f"{GATEWAY}:{user}:{token}".encode()).decode()
            self._context = self._ask("model.res.user.get_preferences", [True, {}])
        return self._ask(method, [*params[:-1], self._context | params[-1]])

    def _ask(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Session {self._session}"} if self._session else {}
        )
        with urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=20) as answer:
            found = json.load(answer)
        if "error" in found:
            raise SetupError(
                f"Tryton refused {method}.", why=str(found["error"])[:300], fix="`python -m lab.real reset tryton`."
            )
        return found["result"]
