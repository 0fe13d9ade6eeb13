"""Tieline's API as a user's script would call it: a key, JSON, and the three sentences of a refusal."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from core.errors import SetupError

SECONDS = 20.0


class Api:
    """One Tieline, one key."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.key = url.rstrip("/"), key

    def get(self, path: str, **query: str | int) -> Any:
        """Read."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._send("GET", f"/api/v1{path}{asked}", None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Write."""
        return self._send("POST", f"/api/v1{path}", body or {})

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Change."""
        return self._send("PATCH", f"/api/v1{path}", body)

    def ready(self) -> bool:
        """Say whether it answers and its database does."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise refusal(method, path, error) from None


def refusal(method: str, path: str, error: urllib.error.HTTPError) -> SetupError:
    """Read a problem document back into its three sentences."""
    try:
        told = json.loads(error.read())
    except ValueError:
        told = {}
    what = told.get("what") or told.get("title") or f"{method} {path} was answered with {error.code}."
    why = str(told.get("why") or told.get("detail") or "No reason was given.")
    return SetupError(what, why=why, fix=str(told.get("fix") or "See the log of Tieline."), status=error.code)
