"""The tryton connector: signs in, adds the context that quantities need, and names its errors."""

from __future__ import annotations

import itertools
import re
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.http import Client
from connectors.tryton import stock
from connectors.tryton.kind import TRYTON, TrytonSettings
from connectors.tryton.stock import ModelMissingError
from connectors.tryton.wire import after_today, typed_date
from core.clock import Clock
from core.errors import (
    CredentialsError,
    MalformedError,
    PermissionDeniedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
)
from core.strict import read_json
from core.words import Delivery, Found, Json, Page, Record

_TABLE: tuple[tuple[str, type[TielineError], str, str], ...] = (
    (
        r"not allowed to access|not allowed to (read|modify)|AccessError",
        PermissionDeniedError,
        "Our Tryton user may not read this.",
        "Tryton: Administration > Users: add our user to a group that may read it.",
    ),
    (
        r"^ConcurrencyException|DatabaseOperationalError|database is locked|could not serialize",
        TransientError,
        "Tryton was busy with the same thing.",
        "None needed: it is tried again.",
    ),
    (
        r"^'[\w.]+'",
        ModelMissingError,
        "Tryton does not know a model or field that we read.",
        "Install the module (stock, stock_supply, production), or say which Tryton version this is.",
    ),
)
"""What Tryton says inside an answer with status 200 -> family, what, fix."""


@dataclass(slots=True)
class Session:
    """What signing in gave: the header, the user's own context, and what is read once per session."""

    authorization: str = field(repr=False)
    context: dict[str, Any] = field(repr=False)
    warehouses: list[int] | None = None


class Tryton(Connector):
    """One registered Tryton database. Threads share the pool and the session."""

    kind: ClassVar[Kind] = TRYTON

    def __init__(self, name: str, settings: TrytonSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._client = Client(
            settings.url.rstrip("/"),
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
            secrets=[settings.password.get_secret_value()],
            system="Tryton",
        )
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._number = itertools.count(1)
        self._ends = threading.local()

    def check(self) -> CheckReport:
        """Read only: reach the server, sign in, read each model that the stream and the lookup need."""
        report = CheckReport()
        if not report.run("reachable", self._reach) or not report.run("credentials", self._credentials):
            return report
        report.run("setting:warehouses", lambda: f"{len(self.warehouses())} warehouse(s) count.")
        report.run("permission:product.product", lambda: self._readable("product.product"))
        report.run("permission:stock.order_point", lambda: self._readable("stock.order_point"), needed=False)
        report.run("permission:production.bom", lambda: self._readable("production.bom"), needed=False)
        report.run("sample:stock", self._sample)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page; Tryton does not push."""
        del settings
        body = read_json(delivery.body)
        try:
            return stock.records(body)
        except TielineError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise MalformedError(
                "The page of products cannot be read.",
                why=f"{type(error).__name__}: {error}.",
                fix="Only pages that Tieline polled itself can be read here; Tryton does not push.",
            ) from error

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read one page of products."""
        self.kind.stream(stream)
        return stock.poll(self, cursor, limit)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read for one product; all calls together stay within the time given."""
        self.kind.lookup(name)
        self._ends.at = time.monotonic() + timeout_s
        try:
            return stock.lookup(self, inputs, self.clock.now())
        finally:
            self._ends.at = None

    def close(self) -> None:
        """End our session there and give the sockets back."""
        with self._lock:
            session, self._session = self._session, None
        try:
            if session is not None:
                self._send("common.db.logout", [], session)
        except TielineError:
            pass  # it runs out there by itself
        finally:
            self._client.close()

    def call(self, method: str, params: list[Any], **context: Any) -> Any:
        """Call one method, signed in, with the user's context last; an ended session is renewed once."""
        session = self._signed_in(None)
        try:
            return self._send(method, [*params, {**session.context, **context}], session)
        except CredentialsError:
            session = self._signed_in(session)
            return self._send(method, [*params, {**session.context, **context}], session)

    def stock_context(self) -> dict[str, Any]:
        """Return what a quantity must be asked with; without it Tryton answers 0.0 and no error."""
        day = typed_date(after_today(self.clock.now()))
        return {"locations": self.warehouses(), "stock_date_end": day, "with_childs": True}

    def warehouses(self) -> list[int]:
        """Return the ids of the warehouses that count; read once per session."""
        session = self._signed_in(None)
        if session.warehouses is None:
            wanted = list(self.settings.warehouses)
            domain: list[Any] = [["type", "=", "warehouse"]] + ([["code", "in", wanted]] if wanted else [])
            found = self.call("model.stock.location.search_read", [domain, 0, None, [["id", "ASC"]], ["code", "name"]])
            missing = sorted(set(wanted) - {one["code"] for one in found})
            if missing or not found:
                raise SetupError(
                    f"Tryton has no warehouse {', '.join(missing)}." if missing else "Tryton shows us no warehouse.",
                    why="A quantity without a warehouse would be 0.0 without any error.",
                    fix="Correct the warehouses of the connector, or let its user read stock locations.",
                )
            session.warehouses = [int(one["id"]) for one in found]
        return session.warehouses

    def _signed_in(self, ended: Session | None) -> Session:
        """Return the session; sign in where there is none, or where it is still the one that ended. One thread does it."""
        with self._lock:
            if self._session is None or self._session is ended:
                self._session = None
                self._session = self._sign_in()
            return self._session

    def _sign_in(self) -> Session:
        name, password = self.settings.username, self.settings.password.get_secret_value()
        try:
            found = self._send("common.db.login", [name, {"password": password}, "en"], None)
        except RefusedError as error:
            if error.facts.get("status") != 404:
                raise
            raise SetupError(
                f"Tryton has no database {self.settings.database!r}.", why=error.why, fix="Correct the connector's database."
            ) from error
        token = b64encode(f"{name}:{found[0]}:{found[1]}".encode()).decode()
        session = Session(f"Session {token}", {})
        session.context = dict(self._send("model.res.user.get_preferences", [True, {}], session))
        return session

    def _send(self, method: str, params: list[Any], session: Session | None, path: str | None = None) -> Any:
        """Send one call. The body holds id, method and params and nothing else: one key more, and errors change their form."""
        ends = getattr(self._ends, "at", None)
        left = None if ends is None else min(self.settings.timeout_s, ends - time.monotonic())
        if left is not None and left <= 0:
            raise TransientError("Tryton was not asked in time.", why=f"No time was left for {method}.")
        answer = self._client.post(
            f"{self.settings.database}/rpc/" if path is None else path,
            json={"id": next(self._number), "method": method, "params": params},
            headers={"Authorization": session.authorization} if session else {},
            timeout_s=left,
        ).json()
        if not isinstance(answer, dict) or not {"result", "error"} & set(answer):
            raise UnreadableAnswerError(
                f"Tryton answered {method} without a result.", why=f"It answered a {type(answer).__name__}."
            )
        if "error" in answer:
            raise self._translate(answer["error"], method)
        return answer["result"]

    def _translate(self, said: Any, method: str) -> TielineError:
        words = self._client.redact(" ".join(_texts(said)))[:500]
        for pattern, family, what, fix in _TABLE:
            if re.search(pattern, words):
                return family(what, why=f"{method}: {words}", fix=fix, foreign=words)
        return RefusedError(
            "Tryton refused the call.", why=f"{method}: {words}", fix="Read its words; then change what is sent.", foreign=words
        )

    def _reach(self) -> str:
        return f"Tryton {self._send('common.server.version', [], None, 'rpc/')} answers at {self._client.origin}."

    def _credentials(self) -> str:
        context = self._signed_in(None).context
        return f"Signed in as {self.settings.username}, company {context.get('company.rec_name') or context.get('company')}."

    def _readable(self, model: str) -> str:
        return f"{self.call(f'model.{model}.search_count', [[]])} found."

    def _sample(self) -> str:
        page = stock.poll(self, None, 1)
        found = self.parse(Delivery("check", self.name, page.body, {}, 0, stream="stock"), self.settings)
        return f"Read: {found[0].data['code']}, {found[0].data['quantity']}." if found else "There is no product with a code."


def _texts(said: Any) -> list[str]:
    """
    Return the words of an error such as ["UserError", ["message", "description", null]].

    >>> _texts(["UserError", ["The code must be unique.", "", None]])
    ['UserError', 'The code must be unique.']
    """
    if isinstance(said, list):
        return [word for one in said for word in _texts(one)]
    return [str(said)] if said not in (None, "") else []
