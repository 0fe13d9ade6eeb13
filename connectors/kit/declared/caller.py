"""Sends the requests of a manifest: slots filled, credentials put on, signed, sent, judged; a token renewed once if it must."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from connectors.kit.answers import Response
from connectors.kit.declared import grants
from connectors.kit.declared.budgets import Budget
from connectors.kit.declared.credentials import BasicAuth, KeyAuth, OAuth2, Send, SignAuth, TokenAuth
from connectors.kit.declared.hosts import judge_host
from connectors.kit.declared.judging import ExpiredError, Got, Judge
from connectors.kit.declared.manifest import Before, Manifest
from connectors.kit.declared.outgoing import Outgoing
from connectors.kit.declared.signers import SIGNERS, SigningError
from connectors.kit.declared.slots import EmptySlotError, Fill, Scope, as_text, filler, needed, slots_of, texts_in
from connectors.kit.declared.wire import Request, Sign
from connectors.kit.http import Client
from connectors.kit.reach import Reach, read_networks
from connectors.kit.redact import MASK, Redactor
from connectors.kit.tokens import Keeper, Token, Tokens
from core.clock import Clock
from core.errors import InputError

_EVERY_STATUS = range(100, 600)


@dataclass(frozen=True, slots=True)
class Plan:
    """One compiled request."""

    method: str
    to: Fill | None
    path: Fill
    path_text: str
    query: Fill
    headers: Fill | None
    body: Fill | None
    kind_of_body: str
    before: str | None
    auth: bool
    sign: tuple[str, Fill] | None
    judge: Judge
    unique: bool


def planned(request: Request, manifest: Manifest) -> Plan:
    """Compile one request of a manifest."""
    kind = "json" if request.json_ is not None else "form" if request.form is not None else "text" if request.text else ""
    body = {"json": request.json_, "form": request.form, "text": request.text, "": None}[kind]
    texts = [text for _, text in texts_in(request.model_dump(by_alias=True, exclude={"answer"}))]
    texts += [*manifest.texts.values(), *(text for _, text in texts_in(manifest.auth.model_dump(by_alias=True)))]
    return Plan(
        method=request.method,
        to=filler(request.to) if request.to is not None else None,
        path=filler(request.path, "path"),
        path_text=request.path,
        query=filler(request.query),
        headers=filler({name.lower(): text for name, text in request.headers.items()}) if request.headers else None,
        body=filler(body) if kind else None,
        kind_of_body=kind,
        before=request.before,
        auth=request.auth,
        sign=(request.sign.signer, filler(dict(request.sign.with_))) if request.sign is not None else None,
        judge=Judge(request.answer, manifest.answer),
        unique=any(name == "uuid" for text in texts for name, _ in slots_of(text)),
    )


class Caller:
    """One connector's way out. Threads share it."""

    def __init__(
        self, name: str, manifest: Manifest, settings: Mapping[str, Any], clock: Clock, tokens: Callable[[], Tokens]
    ) -> None:
        self.name, self.manifest, self.clock = name, manifest, clock
        self.fixed: dict[str, Any] = {**settings}
        self.timeout_s = float(settings.get("timeout_s") or 10.0)
        self._secret = [str(settings[one]) for one, spec in manifest.settings.items() if spec.secret and settings.get(one)]
        self._reach = Reach(read_networks(settings.get("allowed_networks") or ()))
        self._texts = {one: filler(text) for one, text in manifest.texts.items()}
        self._address = filler(manifest.address)
        fixed = all(name in settings for name, _ in slots_of(manifest.address))
        self._fixed_address: str | None = self._address(self.fixed) if fixed else None
        self._common = filler({k.lower(): v for k, v in manifest.headers.items()}) if manifest.headers else None
        self._plans: dict[int, tuple[Request, Plan]] = {}
        self.own_requests: dict[str, Request] = {}
        self._clients: dict[str, Client] = {}
        self._lock = threading.RLock()
        self._kept_before: dict[str, tuple[float, dict[str, str]]] = {}
        self._tokens = tokens
        self._keeper: Keeper | None = None
        self._auth = self._authorising()
        self._budget = Budget(manifest.budget.calls, manifest.budget.per_s) if manifest.budget else None
        self.redact = Redactor(self._secret)

    def plan(self, request: Request) -> Plan:
        """Return the compiled form of a request of this manifest."""
        kept = self._plans.get(id(request))
        if kept is None:
            kept = self._plans[id(request)] = (request, planned(request, self.manifest))
        return kept[1]

    def send(
        self,
        request: Request,
        more: Scope,
        *,
        timeout_s: float | None = None,
        signed_in: bool = True,
        link: str | None = None,
    ) -> Got:
        """
        Send one request; an expired token is renewed once, then the request is sent again.

        ``link`` is an address that an answer gave for the next page; it takes the place of path and query.
        """
        plan = self.plan(request)
        limit = timeout_s if timeout_s is not None else self.timeout_s
        ends = time.monotonic() + limit
        if self._budget is not None:
            self._budget.take(self.name, limit)
        if not signed_in or not plan.auth or not isinstance(self.manifest.auth, TokenAuth | OAuth2):
            scope = self._scope(plan, more, ends, None)
            return self._once(plan, scope, ends, None, shown=signed_in and plan.auth, link=link)
        token = self.token(wait_s=limit)
        try:
            return self._once(plan, self._scope(plan, more, ends, token), ends, token, link=link)
        except ExpiredError:
            token = self.token(refused=token.access, wait_s=max(ends - time.monotonic(), 0.1))
            with self._lock:
                self._kept_before.clear()
            return self._once(plan, self._scope(plan, more, ends, token), ends, token, link=link)

    def preview(self, request: Request, more: Scope) -> dict[str, Any]:
        """Return a request as it would be sent, without credentials and without sending it."""
        plan = self.plan(request)
        scope = {**self.fixed, "now": self.clock.now(), "uuid": "***", "token": _Masked(), "before": _Masked(), **more}
        scope["text"] = {name: text(scope) for name, text in self._texts.items()}
        out = self._built(plan, scope)
        body = out.seal()
        shown = self.redact(body.decode("utf-8", "replace")) if body else None
        return {
            "method": out.method,
            "url": self.redact(out.target),
            "headers": self.redact.headers(out.headers),
            "body": shown,
        }

    def token(self, refused: str | None = None, *, wait_s: float | None = None) -> Token:
        """Return the current token, as the engine keeps it for every process."""
        keeper = self._keeper or self._make_keeper()
        token = keeper.current(refused, wait_s=wait_s)
        self._learn(token)
        return token

    def close(self) -> None:
        """Give the sockets back."""
        for client in self._clients.values():
            client.close()

    def _make_keeper(self) -> Keeper:
        auth = self.manifest.auth
        assert isinstance(auth, TokenAuth | OAuth2)
        with self._lock:
            if self._keeper is None:
                self._keeper = Keeper(
                    self._tokens(),
                    grants.seed(auth, self.fixed),
                    lambda old: grants.fetch(self, auth, old),
                    system=self.name,
                    margin_s=auth.expires.margin_s,
                    timeout_s=self.timeout_s,
                )
            return self._keeper

    def _learn(self, token: Token) -> None:
        """Every value of a token is a secret, from now on, in whatever is shown."""
        known = [value for name, value in token.values.items() if name in ("access", "refresh") or len(value) >= 16]
        if any(self.redact(value) == value for value in known):
            self._secret = [*self._secret[-50:], *known]
            self.redact = Redactor(self._secret)
            for client in self._clients.values():
                client.redact = self.redact

    def _scope(self, plan: Plan, more: Scope, ends: float, token: Token | None) -> dict[str, Any]:
        scope = {**self.fixed, "now": self.clock.now(), **more}
        if plan.unique:
            scope["uuid"] = str(uuid.uuid4())
        if token is not None:
            scope["token"] = token.values
        if plan.before is not None:
            scope["before"] = self._done_before(plan.before, more, ends)
        if self._texts:
            scope["text"] = {name: text(scope) for name, text in self._texts.items()}
        return scope

    def _done_before(self, name: str, more: Scope, ends: float) -> dict[str, str]:
        spec: Before = self.manifest.before[name]
        kept = self._kept_before.get(name)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        got = self.send(spec.request, more, timeout_s=max(ends - time.monotonic(), 0.05))
        inherited: dict[str, str] = {}
        if spec.request.before is not None:
            inherited = (
                self._done_before(spec.request.before, more, ends) if self.manifest.before[spec.request.before].keep_s else {}
            )
        taken = {**inherited, **grants.take(got, spec.take, self.name)}
        if spec.keep_s:
            with self._lock:
                self._kept_before[name] = (time.monotonic() + spec.keep_s, taken)
        return taken

    def _once(
        self,
        plan: Plan,
        scope: dict[str, Any],
        ends: float,
        token: Token | None,
        *,
        shown: bool = True,
        link: str | None = None,
    ) -> Got:
        out = self._built(plan, scope)
        if link is not None:
            out.url, out.query = urljoin(out.url, link), {}
        if shown:
            self._auth(out, scope)
        if plan.sign is not None:
            self._signed(out, plan.sign[0], plan.sign[1](scope))
        answer = self._sent(out, max(ends - time.monotonic(), 0.05))
        return plan.judge.judge(answer, self.name, self.redact, renewable=token is not None)

    def _built(self, plan: Plan, scope: dict[str, Any]) -> Outgoing:
        try:
            base = self._fixed_address if plan.to is None else None
            if base is None:
                base = needed(plan.to or self._address, scope, self.manifest.address if plan.to is None else "to")
            target = needed(plan.path, scope, plan.path_text)
        except EmptySlotError as error:
            raise InputError(
                f"A request to {self.name} cannot be built.", why=f"{error}.", fix="Give that value; it is part of the address."
            ) from None
        told = (plan.headers(scope) or {}) if plan.headers is not None else {}
        if self._common is not None:
            told = {**(self._common(scope) or {}), **told}
        headers = {name: one if isinstance(one, str) else str(one) for name, one in told.items()}
        url = f"{base.rstrip('/')}/{target.lstrip('/')}" if target else base
        if url.count("/") == 2:
            url += "/"
        asked = plan.query(scope) or {}
        query = {n: [as_text(v) for v in one] if isinstance(one, list) else as_text(one) for n, one in asked.items()}
        out = Outgoing(plan.method, url, query, headers)
        if plan.body is not None:
            filled = plan.body(scope)
            if plan.kind_of_body == "json":
                out.json = {} if filled is None else filled
            elif plan.kind_of_body == "form":
                out.body = grants.form_body(filled or {})
                out.headers.setdefault("content-type", "application/x-www-form-urlencoded")
            else:
                out.body = str(filled or "").encode()
                out.headers.setdefault("content-type", "text/plain; charset=utf-8")
        return out

    def _signed(self, out: Outgoing, signer: str, given: dict[str, str] | None) -> None:
        told = {name: str(value) for name, value in (given or {}).items()}
        missing = [name for name in SIGNERS[signer].needs if name not in told and name not in SIGNERS[signer].may]
        if missing:
            raise SigningError(
                f"A request to {self.name} cannot be signed.", why=f"There is no {', '.join(missing)}.", fix="Set it."
            )
        SIGNERS[signer].sign(out, told, self.clock.now(), uuid.uuid4().hex)

    def _sent(self, out: Outgoing, left: float) -> Response:
        body = out.seal()
        end = out.url.find("/", 8)
        client = self._clients.get(out.url[:end] if end > 0 else out.url) or self._client(out.url)
        target = out.target[end:] if end > 0 else "/"
        return client.request(out.method, target, headers=out.headers, body=body, timeout_s=left, accept=_EVERY_STATUS)

    def _client(self, url: str) -> Client:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        client = self._clients.get(origin)
        if client is None:
            judge_host(self.manifest, self.fixed, parts.hostname or "", origin, self.name)
            tls = self.manifest.tls
            own = None
            if tls is not None:
                files = filler(tls.certificate)(self.fixed), filler(tls.key)(self.fixed)
                own = (str(files[0]), str(files[1])) if all(files) else None
            with self._lock:
                client = self._clients.setdefault(
                    origin,
                    Client(
                        origin,
                        timeout_s=self.timeout_s,
                        ca_file=self.fixed.get("ca_file"),
                        secrets=self._secret,
                        system=self.name,
                        reach=self._reach,
                        certificate=own,
                    ),
                )
        return client

    def _authorising(self) -> Callable[[Outgoing, Scope], None]:
        auth = self.manifest.auth
        if isinstance(auth, BasicAuth):
            user, word = filler(auth.username), filler(auth.password)

            def basic(out: Outgoing, scope: Scope) -> None:
                out.headers["authorization"] = grants.basic_header(user(scope), word(scope))

            return basic
        if isinstance(auth, KeyAuth):
            return _putting(Send(headers=auth.headers, query=auth.query))
        if isinstance(auth, SignAuth):
            return self._signing(auth)
        if isinstance(auth, TokenAuth | OAuth2):
            return _putting(auth.send)
        return lambda _out, _scope: None

    def _signing(self, auth: Sign) -> Callable[[Outgoing, Scope], None]:
        given = filler(dict(auth.with_))
        return lambda out, scope: self._signed(out, auth.signer, given(scope))


class _Masked(dict[str, str]):
    """Whatever is asked for is a mask."""

    def get(self, _name: str, _default: Any = None) -> str:
        return MASK


def _putting(send: Send) -> Callable[[Outgoing, Scope], None]:
    headers, query = filler({k.lower(): v for k, v in send.headers.items()}), filler(dict(send.query))
    cookies, members = filler(dict(send.cookies)), filler(dict(send.json_))

    def put(out: Outgoing, scope: Scope) -> None:
        if send.headers:
            out.headers.update({name: str(value) for name, value in (headers(scope) or {}).items()})
        if send.query:
            out.query.update(query(scope) or {})
        if send.cookies:
            out.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in (cookies(scope) or {}).items())
        if send.json_:
            out.json = {**(out.json or {}), **(members(scope) or {})}

    return put
