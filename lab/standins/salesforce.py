"""
A stand-in for a Salesforce org: the token endpoint and the part of the REST API that cases and accounts need.

Built from the documentation (REST API developer guide: query, upsert by external id, describe, limits) and from the
requests of simple-salesforce 1.12.10. No org of Salesforce's has answered it: what is proven here is *documented* and no more.
Its SOQL is the few forms that the connector writes.
"""

from __future__ import annotations

import base64
import itertools
import re
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from lab.standins.server import Answer, Request, Server

KEY, SECRET = "3MVG9consumer", "sf-consumer-secret-2026"
REF = "Tieline_Ref__c"


class Salesforce(Server):
    """``rows`` are objects by name and id; ``written`` counts writes; ``public_key`` opens the JWT flow."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.tokens: set[str] = set()
        self.logins = 0
        self.page = 2000
        self.written = 0
        self.instance: str | None = None
        self.public_key: str | None = None
        self.rows: dict[str, dict[str, dict[str, Any]]] = {"Account": {}, "Case": {}, "Task": {}, "Event": {}}
        self._number, self._lock = itertools.count(1), threading.Lock()
        self._kept: dict[str, list[dict[str, Any]]] = {}

    def add(self, thing: str, **fields: Any) -> str:
        """Put a record there."""
        number = next(self._number)
        id_ = f"{'500' if thing == 'Case' else '001'}{number:012d}AAA"
        now = _now()
        self.rows[thing][id_] = {
            "Id": id_,
            "CreatedDate": now,
            "SystemModstamp": now,
            "LastModifiedById": "005000000000001AAA",
            **fields,
        }
        if thing == "Case":
            self.rows[thing][id_] = {"CaseNumber": f"{number:08d}", "Status": "New", "IsClosed": False, **self.rows[thing][id_]}
        return id_

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        parts = urlsplit(request.path)
        with self._lock:
            if parts.path == "/services/oauth2/token":
                return self._token(request)
            if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
            path = parts.path.removeprefix("/services/data/v59.0/")
            if path == "query/":
                return self._query(parse_qs(parts.query)["q"][0])
            if path.startswith("query/"):
                return self._paged(self._kept.pop(path.removeprefix("query/")))
            if path == "limits/":
                return Answer.of({"DailyApiRequests": {"Max": 15000, "Remaining": 14990}})
            if path == "sobjects/Case/describe":
                fields = [{"name": REF, "externalId": True, "unique": True}, {"name": "Subject"}]
                return Answer.of({"queryable": True, "createable": True, "updateable": True, "fields": fields})
            if found := re.fullmatch(rf"sobjects/Case/{REF}/(.+)", path):
                return self._by_ref(unquote(found[1]), request)
            if found := re.fullmatch(r"sobjects/Case/(\w+)", path):
                return self._by_id(found[1], request)
        return _error(404, "NOT_FOUND", "The requested resource does not exist")

    def _token(self, request: Request) -> Answer:
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        flow, right = given.get("grant_type", ""), False
        if flow == "client_credentials":
            pair = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            right = request.headers.get("authorization") == f"Basic {pair}"
        elif flow == "password":
            right = (given.get("client_id"), given.get("client_secret"), given.get("password")) == (
                KEY,
                SECRET,
                "pw+token-2026",
            )
        elif flow.endswith("jwt-bearer") and self.public_key:
            try:
                claims = jwt.decode(given["assertion"], RSAKey.import_key(self.public_key), algorithms=["RS256"]).claims
                jwt.JWTClaimsRegistry(exp={"essential": True}, iss={"essential": True, "value": KEY}).validate(claims)
                right = claims["exp"] <= time.time() + 300
            except (JoseError, ValueError):
                right = False
        if not right:
            return Answer.of({"error": "invalid_grant", "error_description": "authentication failure"}, 400)
        self.logins += 1
        token = f"00Dtoken-{self.logins}-of-the-org"
        self.tokens.add(token)
        return Answer.of({"access_token": token, "instance_url": self.instance or self.url, "token_type": "Bearer"})

    def _query(self, soql: str) -> Answer:
        found = re.fullmatch(r"SELECT (.+) FROM (\w+)(?: WHERE (.+?))? ORDER BY (\w+).*?( DESC)? LIMIT (\d+)", soql)
        if found is None:
            return _error(400, "MALFORMED_QUERY", f"unexpected token in {soql[:40]}")
        names, thing, where, order, down, limit = found.groups()
        rows = list(self.rows[thing].values())
        if where and (since := re.fullmatch(r"SystemModstamp >= (\S+)Z", where)):
            rows = [one for one in rows if one["SystemModstamp"] >= since[1]]
        elif where and (of := re.fullmatch(r"AccountId = '(\w+)'", where)):
            rows = [one for one in rows if one.get("AccountId") == of[1]]
        rows.sort(key=lambda one: (one.get(order) or "", one["Id"]), reverse=bool(down))
        wanted = names.split(", ")
        shown = [{"attributes": {"type": thing}, **{name: one.get(name) for name in wanted}} for one in rows[: int(limit)]]
        return self._paged(shown)

    def _paged(self, rows: list[dict[str, Any]]) -> Answer:
        if len(rows) <= self.page:
            return Answer.of({"totalSize": len(rows), "done": True, "records": rows})
        after = f"01g{next(self._number):012d}-{self.page}"
        self._kept[after] = rows[self.page :]
        url = f"/services/data/v59.0/query/{after}"
        return Answer.of({"totalSize": len(rows), "done": False, "nextRecordsUrl": url, "records": rows[: self.page]})

    def _by_ref(self, reference: str, request: Request) -> Answer:
        same = [one for one in self.rows["Case"].values() if one.get(REF) == reference]
        if len(same) > 1:
            return Answer.of([f"/services/data/v59.0/sobjects/Case/{one['Id']}" for one in same], 300)
        if request.method == "GET":
            return Answer.of(same[0]) if same else _error(404, "NOT_FOUND", "Provided external ID field does not exist")
        if same:
            return self._changed(same[0], request.json())
        self.written += 1
        id_ = self.add("Case", **request.json(), **{REF: reference})
        return Answer.of({"id": id_, "success": True, "errors": []}, 201)

    def _by_id(self, id_: str, request: Request) -> Answer:
        row = self.rows["Case"].get(id_)
        if row is None:
            return _error(404, "NOT_FOUND", "Provided external ID field does not exist")
        return self._changed(row, request.json()) if request.method == "PATCH" else Answer.of(row)

    def _changed(self, row: dict[str, Any], given: dict[str, Any]) -> Answer:
        if given.get("Status") == "nonsense":
            return _error(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field: nonsense")
        if any(row.get(name) != value for name, value in given.items()):
            row.update(given, SystemModstamp=_now())
            self.written += 1
        return Answer(204)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer.of([{"errorCode": code, "message": message}], status)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
