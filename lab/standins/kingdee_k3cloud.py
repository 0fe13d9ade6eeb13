"""
A stand-in for a K3Cloud WebAPI: queries, bills, signed headers and LoginBySign.

Built from the vendor's Python SDK 8.2.0 (headers and signatures, which it computes by itself here, and the list of
methods) and from what third parties measured on tenants (the envelope, errors inside [[{...}]], MsgCode 1). No K3Cloud has
answered it: what is proven here is *documented* and no more. A filter is read in the few forms that the connector writes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from typing import Any
from urllib.parse import quote, urlsplit

from lab.standins.server import Answer, Request, Server

APP_ID, APP_SECRET = "200000_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", "0123456789abcdef0123456789abcdef"
ACCOUNT, USER = "65000000000001", "demo"
CLIENT_SECRET = "cXJ2cCN1fn8qfHl/eX14aDNiajc0YTNr"


class K3Cloud(Server):
    """``orders`` and ``stock`` are rows by field name; ``bills`` is by (form, number); ``written`` counts saved bills."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.origin, self.url = self.url, f"{self.url}/k3cloud"
        self.secret = APP_SECRET
        self.sessions: set[str] = set()
        self.logins = self.written = 0
        self.orders: list[dict[str, Any]] = []
        self.stock: list[dict[str, Any]] = []
        self.bills: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one call; whatever goes wrong is 200."""
        path = urlsplit(request.path).path
        method = path.removesuffix(".common.kdsvc").rpartition("ServicesStub.")[2]
        body = request.json() or {}
        with self._lock:
            self.calls.append(method)
            if method == "AuthService.LoginBySign":
                return self._login(body["parameters"])
            refused = self._known(path, request.headers)
            if refused is not None:
                return Answer.of([[refused]] if method.endswith("ExecuteBillQuery") else refused)
            name = method.rpartition(".")[2]
            if name == "ExecuteBillQuery":
                return Answer.of(self._rows(body["data"]))
            return Answer.of(self._bill(name, body["formid"], body["data"]))

    def _known(self, path: str, headers: dict[str, str]) -> dict[str, Any] | None:
        session = headers.get("kdservice-sessionid")
        if session is not None:
            return None if session in self.sessions else _failed("ctx == null, 未登录", 9)
        stamp, about = headers.get("x-api-timestamp", ""), f"{ACCOUNT},{USER},2052,0"
        to_sign = f"POST\n{quote(path, safe='')}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"
        right = (
            headers.get("x-api-signature") == _signed(CLIENT_SECRET, to_sign)
            and headers.get("x-kd-signature") == _signed(self.secret, APP_ID + about)
            and headers.get("x-kd-appdata") == base64.b64encode(about.encode()).decode()
        )
        return None if right else _failed("会话信息已丢失，请重新登录", 1)

    def _login(self, given: list[Any]) -> Answer:
        account, user, app_id, stamp, sign, _ = given
        wanted = hashlib.sha256("".join(sorted([account, user, app_id, self.secret, stamp])).encode()).hexdigest()
        if sign != wanted:
            return Answer.of({"LoginResultType": 0, "Message": "用户名或密码错误", "KDSVCSessionId": ""})
        self.logins += 1
        self.sessions.add(f"session-{self.logins}-of-k3cloud")
        return Answer.of({"LoginResultType": 1, "Message": None, "KDSVCSessionId": f"session-{self.logins}-of-k3cloud"})

    def _rows(self, asked: dict[str, Any]) -> list[list[Any]]:
        source = {"PUR_PurchaseOrder": self.orders, "STK_Inventory": self.stock}.get(asked["FormId"], [{"FNumber": "SEAL-80"}])
        rows = list(source)
        if found := re.fullmatch(r"(\S+) (>=|=) '(.*)'", asked["FilterString"]):
            name, how, value = found[1], found[2], found[3].replace("''", "'")
            rows = [one for one in rows if (one[name] >= value if how == ">=" else one[name] == value)]
        for part in reversed([one.split()[0] for one in asked["OrderString"].split(",") if one.strip()]):
            rows.sort(key=lambda one, part=part: one[part])  # type: ignore[misc]
        return [[one.get(name) for name in asked["FieldKeys"].split(",")] for one in rows[: asked["Limit"]]]

    def _bill(self, name: str, form: str, given: dict[str, Any]) -> dict[str, Any]:
        if name == "Save":
            number = given["Model"]["FBillNo"]
            if (form, number) in self.bills:
                return _failed(f"单据编号 {number} 已存在", 9)
            if not given["Model"].get("FSupplierId"):
                return _failed("FSupplierId 不能为空", 9)
            self.bills[(form, number)] = {"BillNo": number, "DocumentStatus": "A", **given["Model"]}
            self.written += 1
            return _done(number)
        number = given["Number"] if name == "View" else given["Numbers"][0]
        bill = self.bills.get((form, number))
        if bill is None:
            return _failed(f"编码 {number} 的数据不存在", 4)
        if name == "View":
            return {"Result": {"ResponseStatus": None, "Result": bill}}
        wanted, becomes = {"Submit": ("AZD", "B"), "Audit": ("B", "C")}[name]
        if bill["DocumentStatus"] not in wanted:
            return _failed(f"单据状态 {bill['DocumentStatus']} 不允许 {name}", 9)
        bill["DocumentStatus"] = becomes
        return _done(number)


def _done(number: str) -> dict[str, Any]:
    return {"Result": {"ResponseStatus": {"IsSuccess": True, "ErrorCode": 0, "MsgCode": 0, "Errors": []}, "Number": number}}


def _failed(message: str, code: int) -> dict[str, Any]:
    status = {"IsSuccess": False, "MsgCode": code, "Errors": [{"FieldName": "", "Message": message, "DIndex": 0}]}
    return {"Result": {"ResponseStatus": status}}


def _signed(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest().encode()).decode()
