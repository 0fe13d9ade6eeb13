"""
The gateway: a token by a signature, and calls whose errors are 200 with a code that is a number or a text.

A token is fetched by one thread, five minutes before its end. One that is refused (310001, 310036) is renewed once;
one API says so in plain text.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.http import Client
from connectors.yonyou_yonbip.kind import YonBipSettings
from core.clock import SECOND
from core.errors import CredentialsError, PermissionDeniedError, RateLimitedError, RefusedError, TielineError, TransientError
from core.words import Micros

_MARGIN_S = 300
_TOKEN = "open-auth/selfAppAuth/base/v1/getAccessToken"  # noqa: S105 - a path
_RENEW = ("310001", "310036")
_CODES: dict[str, tuple[type[TielineError], str]] = {
    **dict.fromkeys(
        ("310001", "310036", "10018"), (CredentialsError, "Correct app key and secret; see whether the app is enabled.")
    ),
    "310037": (PermissionDeniedError, "Let an administrator tick this API category for the app."),
    **dict.fromkeys(("310032", "310039", "310042", "310046"), (RateLimitedError, "None needed: it is tried again.")),
    **dict.fromkeys(("202", "310504"), (TransientError, "None needed: it is tried again with the same key.")),
}


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """
    Return the signature of a token's request: base64 of HMAC-SHA256 over names and values, sorted by name.

    >>> signature({"timestamp": "1568098531823", "appKey": "41832a3d2df94989b500da6a22268747"}, "secret-demo")
    'qGeotJmOgaIr8q8GvKaWuRsGlc5fGyOJJlwiiLl0CFU='
    """
    text = "".join(name + value for name, value in sorted(parameters.items()))
    return b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Gateway:
    """What the connector asks of YonBIP; threads share the pools and the token."""

    def __init__(self, settings: YonBipSettings, now: Callable[[], Micros]) -> None:
        self._settings, self._now = settings, now
        self._secret = settings.app_secret.get_secret_value()
        more: dict[str, Any] = {"timeout_s": settings.timeout_s, "ca_file": settings.ca_file, "secrets": [self._secret]}
        self._auth = Client(settings.auth_url, system="YonBIP's token service", **more)
        self._api = Client(settings.url, system="YonBIP", **more)
        self._lock = threading.Lock()
        self._token: tuple[str, Micros] | None = None

    def close(self) -> None:
        """Give the sockets back."""
        self._auth.close()
        self._api.close()

    def call(self, path: str, body: Any, *, timeout_s: float | None = None, fine: tuple[str, ...] = ()) -> dict[str, Any]:
        """Post to a path and return the whole answer; ``fine`` are codes besides 200 that are no errors."""
        ends = time.monotonic() + min(timeout_s or self._settings.timeout_s, self._settings.timeout_s)
        token = self._signed_in(None, ends)
        try:
            return self._send(path, body, token, ends, fine)
        except CredentialsError as error:
            if error.facts.get("code_said") not in _RENEW:
                raise
            return self._send(path, body, self._signed_in(token, ends), ends, fine)

    def _send(self, path: str, body: Any, token: str, ends: float, fine: tuple[str, ...]) -> dict[str, Any]:
        answer = self._api.post(path, json=body, query={"access_token": token}, timeout_s=_left(ends, path))
        try:
            content = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            if "非法token" in answer.text:
                raise self._error("310036", answer.text) from None
            content = answer.json()
        if not isinstance(content, dict) or "code" not in content:
            raise UnreadableAnswerError("YonBIP answered without a code.", why="Its manual promises one.")
        code = str(content["code"])
        if code != "200" and code not in fine:
            raise self._error(code, str(content.get("message") or content.get("displayCode") or ""))
        return content

    def _signed_in(self, refused: str | None, ends: float) -> str:
        with self._lock:
            if self._token is None or self._token[0] == refused or self._now() > self._token[1]:
                self._token = None
                given = {"appKey": self._settings.app_key, "timestamp": str(self._now() // 1000)}
                query = {**given, "signature": signature(given, self._secret)}
                content = self._auth.get(_TOKEN, query=query, timeout_s=_left(ends, "a token")).json()
                inner = content.get("data") if isinstance(content, dict) else None
                if not isinstance(content, dict) or str(content.get("code")) != "00000":
                    code = str(content.get("code")) if isinstance(content, dict) else "none"
                    said = str(content.get("message") or "") if isinstance(content, dict) else ""
                    raise self._error(code if code in _CODES else "10018", said)
                if not isinstance(inner, dict) or not isinstance(inner.get("access_token"), str):
                    raise UnreadableAnswerError("YonBIP signed us in without a token.", why="Its answer lacks access_token.")
                life = max(int(inner.get("expire") or 0) - _MARGIN_S, 60)
                self._token = (inner["access_token"], self._now() + life * SECOND)
            return self._token[0]

    def _error(self, code: str, text: str) -> TielineError:
        said = self._api.redact(" ".join(text.split()))[:500]
        family, fix = _CODES.get(code, (RefusedError, "Read its words; then change what is sent."))
        return family(f"YonBIP answered {code}.", why=f"It said: {said or 'nothing'}", fix=fix, foreign=said, code_said=code)


def _left(ends: float, what: str) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TransientError("YonBIP was not asked in time.", why=f"No time was left for {what}.")
    return left
