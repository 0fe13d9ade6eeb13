"""
The lab's own small client of the Zabbix API: standard library only, so that it proves nothing about Tieline's.

Zabbix 6.0 takes the token in the body (``auth``); its errors are HTTP 200 with ``error``.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from core.errors import SetupError


class Api:
    """Calls one frontend; signs in again when the session is gone."""

    def __init__(self, url: str, user: str = "Admin", password: str = "zabbix") -> None:
        self.url, self.user, self.password = f"{url}/api_jsonrpc.php", user, password
        self._token: str | None = None

    def version(self) -> str | None:
        """Return the version of the API, or None while it does not answer."""
        try:
            answer = self._post("apiinfo.version", {}, None, 2)
        except (OSError, ValueError):
            return None
        result = answer.get("result")
        return result if isinstance(result, str) else None

    def call(self, method: str, params: Any) -> Any:
        """Return the result of one method, or say what Zabbix said."""
        if self._token is None:
            self._token = self._result("user.login", {"username": self.user, "password": self.password}, None)
        return self._result(method, params, self._token)

    def find(self, what: str, name_field: str, name: str, **more: Any) -> dict[str, Any] | None:
        """Return the one object of that name, or None."""
        found = self.call(f"{what}.get", {"filter": {name_field: [name]}, "output": "extend", **more})
        return dict(found[0]) if found else None

    def _result(self, method: str, params: Any, token: str | None) -> Any:
        answer = self._post(method, params, token, 30)
        if "error" in answer:
            said = f"{answer['error'].get('message')} {answer['error'].get('data')}"
            raise SetupError(
                f"Zabbix refused {method}.", why=said, fix="`python -m lab.real purge zabbix`, then up.", foreign=said
            )
        return answer["result"]

    def _post(self, method: str, params: Any, token: str | None, seconds: float) -> dict[str, Any]:
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        if token:
            body["auth"] = token
        request = urllib.request.Request(self.url, json.dumps(body).encode(), {"Content-Type": "application/json-rpc"})
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
