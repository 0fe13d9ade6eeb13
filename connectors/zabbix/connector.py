"""The zabbix connector: signs in, calls, and turns what pyzabbix and Zabbix say into our four families."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from packaging.version import InvalidVersion, Version
from pyzabbix.api import ZabbixAPIException

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.http import Client
from connectors.zabbix import acts, lookups, poll
from connectors.zabbix.check import check
from connectors.zabbix.kind import ZABBIX, ZabbixSettings
from connectors.zabbix.parse import parse
from connectors.zabbix.wire import Session, Threads
from core.clock import SECOND, Clock
from core.errors import CredentialsError, PermissionDeniedError, RefusedError, SetupError, TielineError, TransientError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

Params: TypeAlias = Mapping[str, Any] | list[Any]

SEVEN = Version("7.0")
OLDEST = Version("5.0")


class SessionEndedError(CredentialsError):
    """The session ran out or was ended there; signing in again usually helps, and is tried once."""

    code = "session-ended"
    title, title_zh = "The session has ended", "会话已失效"


_TABLE: tuple[tuple[str, type[TielineError], str, str], ...] = (
    (
        r"re-login|Not authori[sz]ed|Session terminated",
        SessionEndedError,
        "Zabbix does not accept our session or token.",
        "Renew the API token, or correct user and password.",
    ),
    (
        r"API token expired|token.*(expired|disabled)",
        CredentialsError,
        "Our API token is expired or disabled.",
        "Zabbix: Users > API tokens: renew or enable it, then authorise the connector again.",
    ),
    (
        r"user name or password|name or password is incorrect|temporarily blocked|No permissions for system access",
        CredentialsError,
        "Zabbix does not accept our user name and password.",
        "Correct them; after five wrong tries Zabbix blocks the user for a while.",
    ),
    (
        r"does not allow manual clos",
        acts.ManualCloseForbiddenError,
        "Zabbix will not close this problem by hand.",
        "Allow manual close in the trigger, or let the value recover.",
    ),
    (
        r"No permissions to call|no permissions to|Access denied|You do not have permission",
        PermissionDeniedError,
        "Our Zabbix user may not do this.",
        "Zabbix: Administration > User roles: allow it for our user's role.",
    ),
    (
        r"No permissions to referred object",
        PermissionDeniedError,
        "Zabbix shows us no such object, or we may not change it.",
        "Give our user's group read-write on the host group, or check that the object still exists.",
    ),
    (
        r"SQL|DBEXECUTE|database|maintenance|timed? ?out",
        TransientError,
        "Zabbix cannot serve us now.",
        "None needed: it is tried again.",
    ),
)
"""
What Zabbix says in ``error.data`` -> family, what, fix.

The code alone tells nothing: -32602 is both a bad parameter and a dead session.
"""

_CODES: dict[int, tuple[type[TielineError], str, str]] = {
    -32601: (
        SetupError,
        "This Zabbix does not know the method.",
        "Use Zabbix 5.0 or newer, and let the role call this API method.",
    ),
    -32603: (TransientError, "Zabbix had an internal error.", "None needed: it is tried again."),
    -32400: (TransientError, "Zabbix had a system error.", "None needed: it is tried again."),
    -32300: (TransientError, "Zabbix had a transport error.", "None needed: it is tried again."),
}


class Zabbix(Connector):
    """One registered Zabbix. Threads share the session and the pool, each with a pyzabbix client of its own."""

    kind: ClassVar[Kind] = ZABBIX

    def __init__(self, name: str, settings: ZabbixSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        url = re.sub(r"/api_jsonrpc\.php/?$", "", settings.url.rstrip("/"))
        secrets = [secret.get_secret_value() for secret in (settings.api_token, settings.password) if secret]
        self._client = Client(url, timeout_s=settings.timeout_s, ca_file=settings.ca_file, secrets=secrets, system="Zabbix")
        self._threads = Threads(self._client, url, settings.timeout_s)
        self._lock = threading.Lock()
        self._session: Session | None = None

    def call(self, method: str, params: Params, *, ends: float | None = None) -> Any:
        """Call one API method, signed in; an ended session is renewed once. ``ends`` is a monotonic deadline."""
        session = self._signed_in(None, ends)
        try:
            return self._send(method, params, session, ends)
        except SessionEndedError:
            return self._send(method, params, self._signed_in(session, ends), ends)

    def check(self) -> CheckReport:
        """Read only; see check.py for what each step proves."""
        return check(self.call, self._reach, self._who, self._skew, self._sample, self.settings.username)

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page or a body of our media type."""
        return parse(delivery, settings)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read one page of problems or hosts."""
        self.kind.stream(stream)
        return {"problems": poll.problems, "hosts": poll.hosts}[stream](self.call, cursor, limit)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read for one host; all calls together stay within the time given."""
        self.kind.lookup(name)
        ends = time.monotonic() + timeout_s

        def call(method: str, params: Params) -> Any:
            return self.call(method, params, ends=ends)

        if name == "cpu_mean":
            return lookups.cpu_mean(call, inputs, self.settings.cpu_keys, self.clock.now())
        return lookups.host(call, inputs, self.clock.now())

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Acknowledge or close. The key leaves no trace in Zabbix: what is there already is looked up instead."""
        del key
        self.kind.act(name)
        return {"acknowledge": acts.acknowledge, "close_problem": acts.close}[name](self.call, arguments)

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the event back."""
        self.kind.act(name)
        return acts.verify(self.call, name, arguments, outcome)

    def close(self) -> None:
        """End our session there and give the sockets back. An API token is no session and is left alone."""
        with self._lock:
            session, self._session = self._session, None
        try:
            if session is not None and self.settings.api_token is None:
                self._send("user.logout", {}, session, time.monotonic() + 2)
        except TielineError:
            pass  # it runs out there by itself
        finally:
            self._client.close()

    def _signed_in(self, ended: Session | None, ends: float | None) -> Session:
        """Return the session; sign in where there is none, or where it is still the one that ended. One thread does it."""
        with self._lock:
            if self._session is None or self._session is ended:
                number = self._session.number + 1 if self._session else 1
                self._session = None
                version = self._version(ends)
                token = self._token(version, ends)
                self._session = Session(token, version, number)
            return self._session

    def _token(self, version: Version, ends: float | None) -> str:
        if self.settings.api_token is not None:
            return str(self.settings.api_token.get_secret_value())
        name = "username" if version >= Version("5.4") else "user"
        credentials = {name: self.settings.username, "password": self.settings.password.get_secret_value()}
        return str(self._send("user.login", credentials, None, ends))

    def _version(self, ends: float | None) -> Version:
        said = self._send("apiinfo.version", {}, None, ends)
        try:
            version = Version(str(said))
        except InvalidVersion as error:
            raise UnreadableAnswerError("Zabbix names no version.", why=f"apiinfo.version answered {said!r}.") from error
        if version < OLDEST:
            raise SetupError(
                f"Zabbix {version} is too old.", why="The acknowledge bits used here exist since 5.0.", fix="Update Zabbix."
            )
        return version

    def _send(self, method: str, params: Params, session: Session | None, ends: float | None) -> Any:
        left = self.settings.timeout_s if ends is None else min(self.settings.timeout_s, ends - time.monotonic())
        if left <= 0:
            raise TransientError("Zabbix was not asked in time.", why=f"No time was left for {method}.")
        api = self._threads.mine(session, left)
        try:
            return api.do_request(method, self._dialect(params, session))["result"]
        except ZabbixAPIException as error:
            raise self._translate(error, method) from None  # its text may quote what we sent
        except (KeyError, TypeError, AttributeError) as error:
            raise UnreadableAnswerError(
                f"Zabbix answered {method} with something that is not JSON-RPC.", why=f"{type(error).__name__}: {error}."
            ) from error

    def _dialect(self, params: Params, session: Session | None) -> Any:
        """Rename what Zabbix renamed: 7.0 refuses unknown parameters, older ones ignore them silently."""
        if session is None or session.version < SEVEN or not isinstance(params, Mapping):
            return params
        renamed = {"select_acknowledges": "selectAcknowledges"}
        return {renamed.get(name, name): value for name, value in params.items()}

    def _translate(self, error: ZabbixAPIException, method: str) -> TielineError:
        said = error.error or {}
        data = self._client.redact(f"{said.get('message', '')} {said.get('data', '')}".strip() or str(error))[:500]
        why = f"{method}: {data}"
        if error.error is None:
            return UnreadableAnswerError(
                "Zabbix answered with nothing or no JSON.", why=why, fix="Check that url is the frontend's address."
            )
        facts = {"foreign": data, "foreign_code": said.get("code")}
        for pattern, family, what, fix in _TABLE:
            if re.search(pattern, data):
                return family(what, why=why, fix=fix, **facts)
        family, what, fix = _CODES.get(
            int(said.get("code", 0)), (RefusedError, "Zabbix refused the call.", "Read its words; then change what is sent.")
        )
        return family(what, why=why, fix=fix, **facts)

    def _reach(self) -> str:
        return f"Zabbix {self._version(None)} answers at {self._client.origin}."

    def _who(self) -> dict[str, Any]:
        """Ask who we are there; an API token is only recognised by newer versions, and then the setting is all we know."""
        session = self._signed_in(None, None)
        name = "sessionid" if self.settings.api_token is None else "token"
        try:
            found = self._send("user.checkAuthentication", {name: session.token}, None, None)
        except (RefusedError, SetupError):
            return {}
        return dict(found)

    def _skew(self) -> float | None:
        date = self._threads.last_date()
        return None if date is None else date - self.clock.now() / SECOND

    def _sample(self) -> str:
        page = poll.problems(self.call, None, 1)
        records = self.parse(Delivery("check", self.name, page.body, {}, 0, stream="problems"), self.settings)
        return (
            f"Read: {records[0].data['name']!r}." if records else "There is no open problem to read; the calls were answered."
        )
