"""
A stand-in for YonBIP's token service and gateway: purchase orders and stock.

Built from the vendor's Python SDK (signature and token) and from ingested manual pages of 2026-06 (lists, saving, codes).
YonBIP has not answered it: what is proven here is *documented* and no more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.standins.server import Answer, Request, Server

KEY, SECRET = "41832a3d2df94989b500da6a22268747", "secret-demo-2026"


class YonBip(Server):
    """``orders`` and ``stock`` are rows; ``saved`` is by resubmitCheckKey; ``said`` are codes to answer next."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.tokens: set[str] = set()
        self.logins = 0
        self.orders: list[dict[str, Any]] = []
        self.stock: list[dict[str, Any]] = []
        self.saved: dict[str, int] = {}
        self.said: list[Answer] = []
        self._ids, self._lock = itertools.count(1001), threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            if parts.path.endswith("getAccessToken"):
                return self._sign_in(query)
            if query.get("access_token") not in self.tokens:
                return Answer.of({"code": 310036, "message": "非法token"})
            if self.said:
                return self.said.pop(0)
            name = parts.path.rpartition("/")[2]
            body = request.json()
            if name == "list":
                return self._list(body)
            if name == "singleSave_v1":
                return self._save(body["data"])
            if name == "QueryCurrentStocksByCondition":
                return Answer.of({"code": "200", "message": "操作成功", "data": self.stock})
        return Answer.of({"code": 310404, "message": "path not registered"}, 404)

    def _sign_in(self, query: dict[str, str]) -> Answer:
        text = f"appKey{query.get('appKey')}timestamp{query.get('timestamp')}"
        wanted = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()
        if query.get("appKey") != KEY or query.get("signature") != wanted:
            return Answer.of({"code": "10018", "message": "应用不存在或签名错误"})
        self.logins += 1
        token = f"token+{self.logins}/of=yonbip"
        self.tokens.add(token)
        return Answer.of({"code": "00000", "data": {"access_token": token, "expire": 7200}})

    def _list(self, asked: dict[str, Any]) -> Answer:
        rows = list(self.orders)
        for one in asked.get("simpleVOs", ()):
            name, wanted = one["field"], one["value1"]
            rows = [row for row in rows if (row[name] > wanted if one["op"] == "gt" else str(row[name]) == str(wanted))]
        rows.sort(key=lambda row: row["pubts"])
        first = (asked["pageIndex"] - 1) * asked["pageSize"]
        found = rows[first : first + asked["pageSize"]]
        return Answer.of(
            {"code": "200", "data": {"recordList": found, "recordCount": len(rows), "pageIndex": asked["pageIndex"]}}
        )

    def _save(self, given: dict[str, Any]) -> Answer:
        if not given.get("vendor_code"):
            return Answer.of({"code": 999, "message": "供应商不能为空"})
        key = given["resubmitCheckKey"]
        if key in self.saved:
            return Answer.of({"code": "10004", "message": "重复提交", "data": {"id": self.saved[key]}})
        self.saved[key] = next(self._ids)
        self.orders.append({"id": self.saved[key], "code": f"CG{self.saved[key]}", "status": 0, "pubts": "2026-11-28 08:00:00"})
        return Answer.of({"code": "200", "data": {"id": self.saved[key], "code": f"CG{self.saved[key]}"}})
