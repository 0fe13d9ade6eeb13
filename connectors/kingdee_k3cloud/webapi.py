"""
The WebAPI: every answer is 200, and an error may stand anywhere in it, even as the only cell of the only row.

MsgCode 1 means *wrong credentials*, whatever its text says about a lost session: trying again never helps. An ended
session of the other way to sign in is renewed once. What is already saved is never sent twice on a doubt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connectors.kingdee_k3cloud import signing
from connectors.kingdee_k3cloud.kind import K3CloudSettings
from connectors.kit.answers import Response, UnreadableAnswerError
from connectors.kit.http import Client
from core.clock import SECOND
from core.errors import CredentialsError, PermissionDeniedError, RefusedError, TielineError, TransientError
from core.words import Micros

_SERVICE = "Kingdee.BOS.WebApi.ServicesStub"
_ENDED = ("未登录", "ctx == null", "-10001")
_BUSY = ("已被其他用户", "死锁", "超时", "timeout", "deadlock")
_DENIED = ("没有", "无权", "权限")


class WebApi:
    """What the connector asks of K3Cloud; threads share the pool and the session."""

    def __init__(self, settings: K3CloudSettings, now: Callable[[], Micros]) -> None:
        self._settings, self._now = settings, now
        secret = settings.app_secret.get_secret_value()
        secrets = [secret, signing.client_secret(settings.app_id.partition("_")[2])]
        self.client = Client(
            settings.url, timeout_s=settings.timeout_s, ca_file=settings.ca_file, secrets=secrets, system="K3Cloud"
        )
        self._prefix = urlsplit(settings.url).path.rstrip("/")
        self._lock = threading.Lock()
        self._session: str | None = None

    def rows(
        self, form: str, fields: list[str], where: str, order: str, limit: int, timeout_s: float | None = None
    ) -> list[list[Any]]:
        """Return rows in the order of the fields; a row that is an error is raised."""
        asked = {
            "FormId": form,
            "FieldKeys": ",".join(fields),
            "FilterString": where,
            "OrderString": order,
            "TopRowCount": 0,
            "StartRow": 0,
            "Limit": limit,
        }
        found = self.call("DynamicFormService.ExecuteBillQuery", {"data": asked}, timeout_s)
        if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == len(fields) for one in found):
            raise UnreadableAnswerError(
                "K3Cloud answered a query without rows.", why="ExecuteBillQuery promises a list of lists."
            )
        return found

    def call(self, method: str, body: dict[str, Any], timeout_s: float | None = None) -> Any:
        """Send one call and return what it answers, or raise what stands in it."""
        ends = time.monotonic() + min(timeout_s or self._settings.timeout_s, self._settings.timeout_s)
        if self._settings.sign_in == "headers":
            return self._read(self._send(method, body, None, ends))
        session = self._signed_in(None, ends)
        try:
            return self._read(self._send(method, body, session, ends))
        except CredentialsError as error:
            if error.facts.get("ended") is None and error.facts.get("status") != 401:
                raise  # wrong, not ended
            return self._read(self._send(method, body, self._signed_in(session, ends), ends))

    def _send(self, method: str, body: dict[str, Any], session: str | None, ends: float) -> Response:
        left = ends - time.monotonic()
        if left <= 0:
            raise TransientError("K3Cloud was not asked in time.", why=f"No time was left for {method}.")
        path = f"{_SERVICE}.{method}.common.kdsvc"
        given, stamp = self._settings, str(self._now() // SECOND)
        if session is None and given.sign_in == "headers":
            proof = dict(
                signing.headers(
                    f"{self._prefix}/{path}", stamp, given.account, given.username, given.app_id,
                    given.app_secret.get_secret_value(), given.lcid,
                )
            )  # fmt: skip
        else:
            proof = {"kdservice-sessionid": session} if session else {}
        return self.client.post(path, json=body, headers=proof, timeout_s=left)

    def _signed_in(self, ended: str | None, ends: float) -> str:
        with self._lock:
            if self._session is None or self._session == ended:
                self._session = None
                given, stamp = self._settings, str(self._now() // SECOND)
                secret = given.app_secret.get_secret_value()
                sign = signing.login_sign(given.account, given.username, given.app_id, secret, stamp)
                parameters = [given.account, given.username, given.app_id, stamp, sign, given.lcid]
                answer = self._send("AuthService.LoginBySign", {"parameters": parameters}, None, ends).json()
                if not isinstance(answer, dict) or answer.get("LoginResultType") != 1 or not answer.get("KDSVCSessionId"):
                    said = self.client.redact(str(answer.get("Message") if isinstance(answer, dict) else answer))[:300]
                    raise CredentialsError("K3Cloud does not sign us in.", why=f"It said: {said}", fix=_PASTE, foreign=said)
                self._session = str(answer["KDSVCSessionId"])
            return self._session

    def _read(self, answer: Response) -> Any:
        if answer.text.lstrip('"').startswith("response_error:"):
            raise self._error(answer.text, None)
        found = answer.json()
        inner = found[0][0] if isinstance(found, list) and found and isinstance(found[0], list) and found[0] else found
        result = inner.get("Result") if isinstance(inner, dict) else None
        status = result.get("ResponseStatus") if isinstance(result, dict) else None
        if isinstance(status, dict) and status.get("IsSuccess") is False:
            said = "; ".join(str(one.get("Message")) for one in status.get("Errors") or () if isinstance(one, dict))
            raise self._error(said, status.get("MsgCode"))
        if isinstance(found, list) and found and isinstance(inner, dict):
            raise self._error(str(inner)[:300], None)
        return found

    def _error(self, text: str, code: Any) -> TielineError:
        said = self.client.redact(" ".join(text.split()))[:500]
        why = f"It said: {said}" + (f" (MsgCode {code})" if code is not None else "")
        if str(code) == "1":
            return CredentialsError(
                "K3Cloud does not accept our credentials.",
                why=f"{why}. MsgCode 1 is wrong credentials, not an ended session.",
                fix=_PASTE,
                foreign=said,
            )
        if any(word in said for word in _ENDED):
            return CredentialsError("The session with K3Cloud has ended.", why=why, fix=_PASTE, foreign=said, ended=True)
        if any(word in said.lower() for word in _BUSY):
            return TransientError("K3Cloud was busy with the same thing.", why=why, foreign=said)
        if "权限" in said and any(word in said for word in _DENIED):
            return PermissionDeniedError(
                "K3Cloud does not let us do this.",
                why=why,
                fix="Give the integration user this right on the form.",
                foreign=said,
            )
        return RefusedError("K3Cloud refused.", why=why, fix="Read its words; then change what is sent.", foreign=said)


_PASTE = "Paste data centre, user, application id and secret again from 系统管理 > 第三方系统登录授权."
