"""
How pyzabbix reaches Zabbix: over the kit's HTTP client, one pyzabbix client per thread, one session for all.

pyzabbix shares an id counter and a token without a lock, has no timeout of its own, and as a context
manager swallows its own exceptions: so it is never a context manager here, never shared by threads, and
its transport is replaced by the kit's, which has the timeout, the cap and the masks. It logs whole
requests, passwords included, at DEBUG: its logger is kept above that.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from packaging.version import Version
from pyzabbix.api import ZabbixAPI

from connectors.kit.answers import Response
from connectors.kit.http import Client

logging.getLogger("pyzabbix").setLevel(logging.WARNING)

ENDPOINT = "api_jsonrpc.php"


@dataclass(frozen=True, slots=True)
class Session:
    """What signing in gave: the token, the version that decides where it goes, and a count to tell it from the next."""

    token: str
    version: Version
    number: int

    def __repr__(self) -> str:
        return f"<Session {self.number} on Zabbix {self.version}>"


class _Answer:
    """The four things pyzabbix reads of a ``requests`` response; failures were raised before this exists."""

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.text = response.text
        self.json = response.json

    def raise_for_status(self) -> None:
        """Do nothing: the kit's client has raised already."""


class Transport:
    """What pyzabbix takes for a ``requests`` session. One per thread; remembers the Date of the last answer."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.headers: dict[str, str] = {}
        self.date: int | None = None

    def post(self, url: str, *, json: Any, headers: dict[str, str], timeout: float | None) -> _Answer:
        """Send one JSON-RPC call; ``url`` is pyzabbix' own idea and not needed."""
        del url
        response = self.client.post(
            ENDPOINT, json=json, headers={"Content-Type": "application/json-rpc", **headers}, timeout_s=timeout
        )
        self.date = _seconds(response.headers.get("date"))
        return _Answer(response)


class Threads:
    """One pyzabbix client per thread over one shared pool."""

    def __init__(self, client: Client, url: str, timeout_s: float) -> None:
        self._client, self._url, self._timeout_s = client, url, timeout_s
        self._local = threading.local()

    def mine(self, session: Session | None, timeout_s: float | None = None) -> ZabbixAPI:
        """Return this thread's client, carrying this session (None: nobody is signed in)."""
        api: ZabbixAPI | None = getattr(self._local, "api", None)
        if api is None:
            transport: Any = Transport(self._client)  # pyzabbix asks for a requests.Session and uses only .headers and .post
            api = ZabbixAPI(self._url, session=transport, detect_version=False)
            self._local.api = api
        api.timeout = timeout_s or self._timeout_s
        api.auth, api.version = (session.token, session.version) if session else ("", None)
        return api

    def last_date(self) -> int | None:
        """Return the far side's clock, in unix seconds, as of this thread's last answer."""
        api = getattr(self._local, "api", None)
        return api.session.date if api is not None else None


def _seconds(date: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp()) if date else None
    except (TypeError, ValueError):
        return None
