"""
A stand-in for U8's public relay: purchase orders, items and stock.

Built from what third parties' clients of the U8 OpenAPI send and read (a C# client with the vendor's comments, public
snippets). The vendor's manual was not read and no U8 has answered it: what is proven here is *declared* and no more. The
names of the fields of a row of stock are invented.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.standins.server import Answer, Request, Server

KEY, SECRET = "opa1234567890", "u8-app-secret-2026"


class Relay(Server):
    """``orders``, ``items`` and ``stock`` are what it holds; ``added`` counts; ``offline`` cuts the customer's client off."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.tokens: set[str] = set()
        self.logins = self.added = 0
        self.offline = False
        self.orders: list[dict[str, Any]] = []
        self.items: dict[str, dict[str, Any]] = {}
        self.stock: list[dict[str, Any]] = []
        self._ids, self._lock = itertools.count(1), threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one request; whatever goes wrong is 200."""
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            if parts.path == "/system/token":
                if (query.get("app_key"), query.get("app_secret")) != (KEY, SECRET):
                    return _failed("20004", "应用验证失败")
                self.logins += 1
                self.tokens.add(f"token-{self.logins}-of-u8")
                return _done({"token": {"appkey": KEY, "expiresIn": 7200, "id": f"token-{self.logins}-of-u8"}})
            if query.get("token") not in self.tokens:
                return _failed("20002", "token 无效或已过期")
            if self.offline:
                return _failed("30001", "企业客户端离线")
            return self._api(parts.path.removeprefix("/api/"), query, request)

    def _api(self, path: str, query: dict[str, str], request: Request) -> Answer:
        if path == "purchaseorder/add":
            order = request.json()["purchaseorder"]
            if not order.get("vendorcode"):
                return _failed("40001", "供应商编码不能为空")
            self.added += 1
            code = f"U8-{next(self._ids):06d}"
            self.orders.append({"code": code, "date": "2026-11-28", "state": "Opening", **order})
            return _done({"id": code, "tradeid": query["biz_id"]})
        if path == "purchaseorder/get":
            found = next((one for one in self.orders if one["code"] == query["id"]), None)
            return _done({"purchaseorder": found}) if found else _failed("40004", "单据不存在")
        if path == "inventory/get":
            item = self.items.get(query["id"])
            return _done({"inventory": item}) if item else _failed("40004", "存货不存在")
        lists = {
            "purchaseorderlist/batch_get": [one for one in self.orders if one["date"] >= query.get("date_begin", "")],
            "currentstock/batch_get": [one for one in self.stock if one["invcode"] == query.get("invcode_begin")],
            "account/batch_get": [{"code": "001"}],
        }
        if path not in lists:
            return _failed("10001", f"no such resource {path}")
        rows, page, size = lists[path], int(query["page_index"]), int(query["rows_per_page"])
        about = {"page_index": str(page), "page_count": str(-(-len(rows) // size)), "row_count": str(len(rows))}
        return _done({**about, path.split("/")[0]: rows[(page - 1) * size : page * size]})


def _done(content: dict[str, Any]) -> Answer:
    return Answer.of({"errcode": "0", "errmsg": "", **content})


def _failed(code: str, message: str) -> Answer:
    return Answer.of({"errcode": code, "errmsg": message})
