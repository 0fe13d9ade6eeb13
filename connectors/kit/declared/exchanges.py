"""
Exchanges: requests and answers written from the source that a manifest cites, never from the manifest.

Replaying one runs the kind against a server that knows only the exchange: our request must be the one that stands
there, and what comes of its answer must be what stands there. So a manifest is held against the manual, not against
itself. A file holds one exchange or several:

    exchange: create a ticket
    source: vendor's manual, chapter 3
    confidence: high            # recalled or low: the kind stays `declared`
    call: {act: create, with: {title: Pump}, key: k1}
    steps:
      - request: {method: POST, path: /tickets, json: {title: Pump}}
        answer: {status: 201, json: {id: 7}}
    expect: {outcome: {external_id: "7"}}
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from pydantic import Field, ValidationError

from connectors.kit.contract import Connector
from connectors.kit.declared.predicates import Part
from core.clock import FixedClock, from_rfc3339, to_rfc3339
from core.errors import DefinitionError, TielineError
from core.strict import read_yaml
from core.words import Delivery, Json, Origin

LOOPBACK = "127.0.0.0/8"
ANY = "*"
"""In a request: whatever stands there, because it is made anew every time; ``***`` inside a text is any text."""


class Asked(Part):
    """The request that the source shows."""

    method: str = "GET"
    path: str
    query: dict[str, Json] | Literal["*"] = Field(default={})
    headers: dict[str, str] = Field(default={}, description="those that matter; others may be there")
    json_: Json = Field(default=None, alias="json")
    form: dict[str, str] | None = None
    text: str | None = None


class Answered(Part):
    """The answer that the source shows; {server} stands for the address."""

    status: int = 200
    headers: dict[str, str] = Field(default={})
    json_: Json = Field(default=None, alias="json")
    text: str | None = None


class Exchanged(Part):
    """One request and its answer; ``later`` is the answer once the act of this exchange was done."""

    request: Asked
    answer: Answered
    later: Answered | None = None
    writes: bool = False


class Call(Part):
    """What is called."""

    poll: str | None = None
    lookup: str | None = None
    act: str | None = None
    verify: str | None = None
    check: Literal[True] | None = None
    push: Json = None
    with_: dict[str, Json] = Field(default={}, alias="with")
    key: str = "k1"
    id: str | None = None
    cursor: Json = None
    limit: int = 100


class Expected(Part):
    """What comes of it."""

    records: list[dict[str, Json]] | None = Field(default=None, description="each: id, at, version, and declared fields")
    more: bool | None = None
    cursor: Json = None
    values: dict[str, Json] | None = None
    absent: Literal[True] | None = None
    outcome: dict[str, Json] | None = None
    verified: bool | None = None
    error: str | None = Field(default=None, description="the code of the error")
    says: str | None = Field(default=None, description="words that the error must keep")
    wait_s: float | None = None
    report: dict[str, bool] | None = Field(default=None, description="step -> whether it holds")


class Exchange(Part):
    """One exchange."""

    exchange: str = Field(min_length=3)
    source: str = Field(min_length=3)
    confidence: Literal["high", "medium", "low"]
    settings: dict[str, Json] = Field(default={})
    at: str = "2026-01-01T00:00:00Z"
    alone: bool = Field(default=False, description="only replayed, no part of the stand-in: its answers change by themselves")
    call: Call
    steps: list[Exchanged] = Field(default=[])
    expect: Expected

    @property
    def subject(self) -> str:
        """Return what of the kind this is about: `stream tickets`, `act create`, `check` …"""
        call = self.call
        for word, name in (("stream", call.poll), ("lookup", call.lookup), ("act", call.act), ("verify", call.verify)):
            if name is not None:
                return f"{word} {name}"
        return "check" if call.check else "push"


@dataclass(frozen=True, slots=True)
class Collection:
    """The exchanges of one kind and the settings they share."""

    settings: dict[str, Json]
    exchanges: tuple[Exchange, ...]


def read_exchanges(folder: Path) -> Collection:
    """Read ``exchanges/*.yaml`` beside a manifest; ``settings.yaml`` holds the settings that all share."""
    settings: dict[str, Json] = {}
    found: list[Exchange] = []
    for file in sorted(folder.glob("exchanges/*.yaml")):
        for document in read_yaml(file.read_text(encoding="utf-8"), f"exchanges/{file.name}"):
            if file.name == "settings.yaml":
                settings = document.value
                continue
            try:
                found.append(Exchange.model_validate(document.value))
            except ValidationError as error:
                faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
                raise DefinitionError(
                    f"The exchange exchanges/{file.name}:{document.line} is not valid.",
                    why="; ".join(faults) + ".",
                    fix="Correct these places.",
                ) from None
    return Collection(settings, tuple(found))


class Script:
    """A server that answers an exchange's steps in their order, and notes everything that differs."""

    def __init__(self) -> None:
        self.steps: list[Exchanged] = []
        self.faults: list[str] = []
        self.at = 0
        script = self

        class Mine(Handler):
            owner = script

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Script:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def load(self, steps: list[Exchanged]) -> None:
        """Begin another exchange."""
        self.steps, self.faults, self.at = steps, [], 0

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Compare one request with the next step, and answer as the step says."""
        if self.at >= len(self.steps):
            self.faults.append(f"one request too many: {method} {target}")
            return Answered.model_validate({"status": 599})
        step = self.steps[self.at]
        self.at += 1
        self.faults += [f"request {self.at}: {one}" for one in differences(step.request, method, target, headers, body)]
        return step.answer


def differences(asked: Asked, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Yield what of a request is not as the source shows it."""
    parts = urlsplit(target)
    if method != asked.method:
        yield f"method is {method}, not {asked.method}"
    if asked.path != ANY and not same_text(unquote(parts.path), unquote(asked.path)):
        yield f"path is {parts.path!r}, not {asked.path!r}"
    if isinstance(asked.query, dict):
        yield from _different("query", _query(parts.query), {name: _listed(one) for name, one in asked.query.items()})
    for name, value in asked.headers.items():
        if value != ANY and not same_text(headers.get(name.lower()), value):
            yield f"header {name} is {headers.get(name.lower())!r}, not {value!r}"
    yield from _body_differences(asked, body)


def _body_differences(asked: Asked, body: bytes) -> Iterator[str]:
    if asked.json_ is not None:
        try:
            yield from _different("body", orjson.loads(body), asked.json_)
        except orjson.JSONDecodeError:
            yield f"the body is not JSON: {body[:200]!r}"
    elif asked.form is not None:
        yield from _different("form", dict(parse_qsl(body.decode(), keep_blank_values=True)), asked.form)
    elif asked.text is not None:
        if asked.text != ANY and body.decode() != asked.text:
            yield f"the body is {body.decode()!r}, not {asked.text!r}"
    elif body:
        yield f"a body where there is none: {body[:200]!r}"


def _query(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def _listed(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def same_text(got: Json, wanted: Json) -> bool:
    """
    Say whether a text is the one wanted.

    >>> same_text("external_id:1f2e", "external_id:***"), same_text("x", "y")
    (True, False)
    """
    if not isinstance(wanted, str) or not isinstance(got, str):
        return False
    return re.fullmatch(".*".join(map(re.escape, wanted.split("***"))), got, re.DOTALL) is not None


def _different(where: str, got: Json, wanted: Json) -> Iterator[str]:
    if wanted in (ANY, [ANY]) or same_text(got, wanted):
        return
    if isinstance(got, dict) and isinstance(wanted, dict):
        for name in {**wanted, **got}:
            if name not in got:
                yield f"{where}.{name} is missing"
            elif name not in wanted:
                yield f"{where}.{name} is too much: {got[name]!r}"
            else:
                yield from _different(f"{where}.{name}", got[name], wanted[name])
    elif isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for place, (one, other) in enumerate(zip(got, wanted, strict=True)):
            yield from _different(f"{where}[{place}]", one, other)
    elif got != wanted or isinstance(got, bool) != isinstance(wanted, bool):
        yield f"{where} is {got!r}, not {wanted!r}"


def replay(connector: type[Connector], exchange: Exchange, common: Mapping[str, Json], script: Script) -> list[str]:
    """Run one exchange; return everything that is not as it stands there."""
    given = {**common, **exchange.settings}
    settings = {name: one.replace("{server}", script.url) if isinstance(one, str) else one for name, one in given.items()}
    settings.setdefault("allowed_networks", [LOOPBACK])
    settings.setdefault("timeout_s", 5)
    script.load(exchange.steps)
    clock = FixedClock(from_rfc3339(exchange.at))
    made = connector("replayed", connector.kind.settings.model_validate(settings), clock=clock)
    try:
        faults = list(_ran(made, exchange, script))
    finally:
        made.close()
    if script.at < len(exchange.steps):
        faults.append(f"only {script.at} of {len(exchange.steps)} requests were sent")
    return [*script.faults, *faults]


def _ran(made: Connector, exchange: Exchange, script: Script) -> Iterator[str]:
    expect = exchange.expect
    try:
        got = _called(made, exchange, script)
    except TielineError as error:
        told = str(error.as_dict())
        if expect.error != error.code:
            yield f"it ended with {error.code}: {error}"
        elif expect.says is not None and expect.says not in told:
            yield f"the error does not say {expect.says!r}: {told}"
        elif expect.wait_s is not None and getattr(error, "retry_after", None) != expect.wait_s:
            yield f"the wait is {getattr(error, 'retry_after', None)}, not {expect.wait_s}"
        return
    if expect.error is not None:
        yield f"no error came, {expect.error} was expected; it gave {got!r}"
        return
    for name in ("records", "more", "cursor", "values", "absent", "outcome", "verified", "report"):
        wanted = getattr(expect, name)
        if wanted is not None:
            yield from _held(name, got.get(name), wanted)


def _held(name: str, got: Json, wanted: Json) -> Iterator[str]:
    """Objects hold at least what is wanted; everything else is equal."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for one, value in wanted.items():
            yield from _held(f"{name}.{one}", got.get(one), value)
    elif isinstance(wanted, list) and isinstance(got, list) and len(got) == len(wanted):
        for place, (one, other) in enumerate(zip(got, wanted, strict=True)):
            yield from _held(f"{name}[{place}]", one, other)
    elif got != wanted:
        yield f"{name} is {got!r}, not {wanted!r}"


def _swept(made: Connector, stream: str, exchange: Exchange, script: Script) -> dict[str, Json]:
    """Poll page after page, as long as the exchange has an answer for it."""
    page = made.poll(stream, exchange.call.cursor, exchange.call.limit)
    records = _records(made, page.body, stream)
    while page.more and script.at < len(script.steps):
        page = made.poll(stream, page.cursor, exchange.call.limit)
        records += _records(made, page.body, stream)
    return {"records": records, "more": page.more, "cursor": page.cursor}


def _called(made: Connector, exchange: Exchange, script: Script) -> dict[str, Json]:
    call = exchange.call
    if call.poll is not None:
        return _swept(made, call.poll, exchange, script)
    if call.lookup is not None:
        found = made.lookup(call.lookup, call.with_, timeout_s=5)
        return {"values": found.values, "absent": found.absent or None}
    if call.act is not None:
        outcome = made.act(call.act, call.with_, key=call.key)
        verified = made.verify(call.act, call.with_, outcome).held if exchange.expect.verified is not None else None
        told = ("external_id", "version", "fields", "note", "degraded", "repeated")
        return {"outcome": {name: getattr(outcome, name) for name in told}, "verified": verified}
    if call.verify is not None:
        from core.words import Outcome

        return {"verified": made.verify(call.verify, call.with_, Outcome(external_id=call.id)).held}
    if call.check:
        return {"report": {step.name: step.ok for step in made.check().steps}}
    return {"records": _records(made, orjson.dumps(call.push), None)}


def _records(made: Connector, body: bytes, stream: str | None) -> list[dict[str, Json]]:
    origin = Origin.PUSH if stream is None else Origin.POLL
    delivery = Delivery("rcp_replay", made.name, body, {}, made.clock.now(), origin, stream)
    return [
        {"stream": one.stream, "id": one.external_id, "at": to_rfc3339(one.at), "version": one.version, "actor": one.actor}
        | {"hint": one.hint, "deleted": one.deleted}
        | {"data": one.data}
        for one in made.parse(delivery, made.settings)
    ]


class Handler(BaseHTTPRequestHandler):
    """Gives every request to its owner's ``answer``."""

    owner: Any

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        said: Answered = self.owner.answer(self.command, self.path, headers, body)
        url = self.owner.url
        told = orjson.dumps(said.json_) if said.json_ is not None else (said.text or "").encode()
        content = told.replace(b"{server}", url.encode())
        self.send_response_only(said.status)
        sent = {"Content-Type": "application/json" if said.json_ is not None else "text/plain", **said.headers}
        for name, value in sent.items():
            for one in value.split("\n"):
                self.send_header(name, one.replace("{server}", url))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any  # noqa: N815 - names of the stdlib

    def log_message(self, *_args: object) -> None:
        """Say nothing."""
