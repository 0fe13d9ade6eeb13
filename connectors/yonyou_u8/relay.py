"""The relay: a token by a secret in the address (redacted everywhere); its errors are 200 with an errcode, which is a text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.http import Client
from connectors.yonyou_u8.kind import U8Settings
from core.clock import SECOND
from core.errors import CredentialsError, RefusedError, TielineError, TransientError
from core.words import Micros

_MARGIN_S = 300
_OFFLINE = ("客户端", "离线", "未连接", "超时")


class Relay:
    """What the connector asks of U8; threads share the pool and the token."""

    def __init__(self, settings: U8Settings, now: Callable[[], Micros]) -> None:
        self._settings, self._now = settings, now
        secret = settings.app_secret.get_secret_value()
        self.client = Client(
            settings.url, timeout_s=settings.timeout_s, ca_file=settings.ca_file, secrets=[secret], system="U8's relay"
        )
        self._lock = threading.Lock()
        self._token: tuple[str, Micros] | None = None

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        *,
        body: Any = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Send one call for the data owner; a token that is refused is renewed once."""
        ends = time.monotonic() + min(timeout_s or self._settings.timeout_s, self._settings.timeout_s)
        token = self._signed_in(None, ends)
        try:
            return self._send(method, path, query, body, token, ends)
        except CredentialsError as error:
            if "token" not in error.why.lower():
                raise
            return self._send(method, path, query, body, self._signed_in(token, ends), ends)

    def _send(self, method: str, path: str, query: Mapping[str, Any], body: Any, token: str, ends: float) -> dict[str, Any]:
        given = self._settings
        about = {
            "from_account": given.from_account,
            "to_account": given.to_account,
            "app_key": given.app_key,
            "token": token,
            "ds_sequence": given.ds_sequence,
        }
        answer = self.client.request(method, path, query={**about, **query}, json=body, timeout_s=_left(ends, path))
        return self._read(answer.json())

    def _signed_in(self, refused: str | None, ends: float) -> str:
        with self._lock:
            if self._token is None or self._token[0] == refused or self._now() > self._token[1]:
                self._token = None
                given = self._settings
                query = {
                    "from_account": given.from_account,
                    "app_key": given.app_key,
                    "app_secret": given.app_secret.get_secret_value(),
                }
                content = self._read(
                    self.client.get("system/token", query=query, timeout_s=_left(ends, "a token")).json(), signing_in=True
                )
                inner = content.get("token")
                if not isinstance(inner, dict) or not isinstance(inner.get("id"), str):
                    raise UnreadableAnswerError("U8's relay signed us in without a token.", why="Its answer lacks token.id.")
                life = max(int(inner.get("expiresIn") or 0) - _MARGIN_S, 60)
                self._token = (inner["id"], self._now() + life * SECOND)
            return self._token[0]

    def _read(self, content: Any, *, signing_in: bool = False) -> dict[str, Any]:
        if not isinstance(content, dict) or "errcode" not in content:
            raise UnreadableAnswerError("U8's relay answered without errcode.", why="Each of its answers has one.")
        if str(content["errcode"]) == "0":
            return content
        said = self.client.redact(f"{content['errcode']} {content.get('errmsg') or ''}".strip())[:500]
        raise _error(said, signing_in=signing_in)


def _error(said: str, *, signing_in: bool) -> TielineError:
    if signing_in or "token" in said.lower():
        fix = "Correct account, app key and secret; see whether the enterprise has granted the app."
        return CredentialsError("U8's relay does not accept our credentials.", why=f"It said: {said}", fix=fix, foreign=said)
    if any(word in said for word in _OFFLINE):
        fix = "See whether 用友开放平台客户端 runs on the customer's U8 server. It is tried again."
        return TransientError("U8 cannot be reached through its relay.", why=f"It said: {said}", fix=fix, foreign=said)
    return RefusedError("U8 refused.", why=f"It said: {said}", fix="Read its words; then change what is sent.", foreign=said)


def _left(ends: float, what: str) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TransientError("U8's relay was not asked in time.", why=f"No time was left for {what}.")
    return left
