"""
One org: a token, where it sent us, and its REST interface.

A token says nothing about its end, so an ended one (401) is renewed once by one thread and the call repeated. The token's
answer names the host of the data; only a host of Salesforce's, or the one we signed in at, is believed.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from connectors.kit.answers import Response, UnreadableAnswerError
from connectors.kit.assertions import JWT_BEARER, assertion
from connectors.kit.http import Client
from connectors.salesforce.kind import SalesforceSettings
from core.clock import Clock
from core.errors import CredentialsError, PermissionDeniedError, RateLimitedError, RefusedError, SetupError, TransientError

_TOKEN = "services/oauth2/token"  # noqa: S105 - a path
_HOSTS = (".salesforce.com", ".force.com", ".salesforce.mil", ".cloudforce.com", ".sfcrmproducts.cn")


@dataclass(slots=True)
class _Session:
    client: Client
    authorization: str = field(repr=False)


class Org:
    """What the connector asks of Salesforce; threads share the session."""

    def __init__(self, settings: SalesforceSettings, clock: Clock) -> None:
        self.settings, self._clock = settings, clock
        given = (settings.consumer_secret, settings.password, settings.private_key)
        self._secrets = [one.get_secret_value() for one in given if one is not None]
        self._login = self._client(settings.url)
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def close(self) -> None:
        """Give the sockets back."""
        self._login.close()
        if self._session is not None:
            self._session.client.close()

    def signed_in(self) -> str:
        """Sign in where we are not, and say where."""
        return self._signed_in(None).client.origin

    def get(self, path: str, query: Mapping[str, Any] | None = None, timeout_s: float | None = None) -> Any:
        """Read below /services/data/vNN.0/."""
        return self.call("GET", path, query=query, timeout_s=timeout_s).json()

    def call(self, method: str, path: str, *, accept: Iterable[int] = (), **more: Any) -> Response:
        """Send one call, signed in; an ended session is renewed once."""
        ends = time.monotonic() + min(more.pop("timeout_s", None) or self.settings.timeout_s, self.settings.timeout_s)
        session = self._signed_in(None)
        try:
            return self._send(session, method, path, ends, accept, more)
        except CredentialsError:
            session = self._signed_in(session)
            return self._send(session, method, path, ends, accept, more)

    def query(self, soql: str, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """Return all records of a query, page after page; a next page that is this page again ends it."""
        found = self.get("query/", {"q": soql}, timeout_s)
        records: list[dict[str, Any]] = []
        asked: set[str] = set()
        while True:
            if not isinstance(found, dict) or not isinstance(found.get("records"), list):
                raise UnreadableAnswerError("Salesforce answered a query without records.", why="Its manual promises them.")
            records += [one for one in found["records"] if isinstance(one, dict)]
            after = str(found.get("nextRecordsUrl") or "")
            if found.get("done", True) or not after or after in asked:
                return records
            asked.add(after)
            found = self.get(after.rpartition(f"/v{self.settings.api_version}/")[2], None, timeout_s)

    def _send(
        self, session: _Session, method: str, path: str, ends: float, accept: Iterable[int], more: dict[str, Any]
    ) -> Response:
        left = ends - time.monotonic()
        if left <= 0:
            raise TransientError("Salesforce was not asked in time.", why=f"No time was left for {path}.")
        place = f"services/data/v{self.settings.api_version}/{path}"
        headers = {"authorization": session.authorization}
        try:
            return session.client.request(method, place, headers=headers, timeout_s=left, accept=accept, **more)
        except PermissionDeniedError as error:  # the daily allowance of calls is spent: that also comes as 403
            if "REQUEST_LIMIT" in error.why or "limit exceeded" in error.why.lower():
                raise RateLimitedError("Salesforce's allowance of calls is spent.", why=error.why, **error.facts) from None
            raise

    def _signed_in(self, ended: _Session | None) -> _Session:
        with self._lock:
            if self._session is None or self._session is ended:
                self._session = None
                self._session = self._sign_in()
            return self._session

    def _sign_in(self) -> _Session:
        try:
            answer = self._login.post(_TOKEN, **self._proof())
        except RefusedError as error:
            if error.facts.get("status") == 400 and "invalid_" in error.why:
                raise CredentialsError(
                    "Salesforce does not sign us in.",
                    why=error.why,
                    fix="Correct key, secret and user; for jwt the app has to be pre-authorised for the user.",
                    **error.facts,
                ) from None
            raise
        content = answer.json()
        token = content.get("access_token") if isinstance(content, dict) else None
        place = content.get("instance_url") if isinstance(content, dict) else None
        if not isinstance(token, str) or not isinstance(place, str):
            raise UnreadableAnswerError(
                "Salesforce signed us in without a token.", why="Its answer lacks access_token or instance_url."
            )
        return _Session(self._client(self._believed(place), token), f"Bearer {token}")

    def _proof(self) -> dict[str, Any]:
        given = self.settings
        secret = given.consumer_secret.get_secret_value() if given.consumer_secret else ""
        if given.flow == "client_credentials":
            pair = b64encode(f"{given.consumer_key}:{secret}".encode()).decode()
            return {"form": {"grant_type": "client_credentials"}, "headers": {"authorization": f"Basic {pair}"}}
        if given.flow == "password":
            password = given.password.get_secret_value() if given.password else ""
            return {
                "form": {
                    "grant_type": "password",
                    "client_id": given.consumer_key,
                    "client_secret": secret,
                    "username": given.username,
                    "password": password,
                }
            }
        signed = assertion(
            given.private_key.get_secret_value() if given.private_key else "",
            issuer=given.consumer_key,
            subject=given.username or "",
            audience=given.url,
            now=self._clock.now(),
            whose="Salesforce's connector",
        )
        return {"form": {"grant_type": JWT_BEARER, "assertion": signed}}

    def _believed(self, place: str) -> str:
        host, ours = urlsplit(place).hostname or "", urlsplit(self.settings.url)
        if host == ours.hostname:
            return self.settings.url if ours.scheme == "http" else place
        if urlsplit(place).scheme == "https" and host.endswith(_HOSTS):
            return place
        raise SetupError(
            "Salesforce sends us to a place that is not its own.",
            why=f"instance_url names {host!r}; our token goes only to {', '.join(_HOSTS)} and {ours.hostname}.",
            fix="See whether url really leads to Salesforce.",
        )

    def _client(self, url: str, token: str | None = None) -> Client:
        secrets = [*self._secrets, *([token] if token else [])]
        return Client(
            url, timeout_s=self.settings.timeout_s, ca_file=self.settings.ca_file, secrets=secrets, system="Salesforce"
        )
