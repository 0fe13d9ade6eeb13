"""
A stand-in made of exchanges: it answers what the cited source says, to whoever asks something near enough.

The laws run against it. It knows no more than the exchanges: pages come in their order and end, a search finds only
after its act was done, the same write twice counts once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from connectors.kit.declared.exchanges import Answered, Asked, Collection, Exchange, Exchanged, Handler, same_text
from connectors.kit.declared.manifest import Manifest
from core.words import Json


@dataclass(slots=True)
class _Step:
    exchange: Exchange
    place: int
    step: Exchanged


class ExchangeServer:
    """Answers from the good exchanges of one kind; use as a context manager."""

    def __init__(self, manifest: Manifest, collection: Collection) -> None:
        self.manifest = manifest
        self._steps = [
            _Step(exchange, place, step)
            for exchange in collection.exchanges
            if exchange.expect.error is None and not exchange.alone
            for place, step in enumerate(exchange.steps)
        ]
        self._served: dict[int, int] = {}
        self._written: set[tuple[int, bytes]] = set()
        self._latest: Exchange | None = None
        self._lock = threading.Lock()
        server = self

        class Mine(Handler):
            owner = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ExchangeServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def writes(self) -> int:
        """How many different writes have arrived."""
        return len(self._written)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Answer as the nearest exchange does."""
        del headers
        with self._lock:
            best = max(self._steps, key=lambda one: self._near(one, method, target, body), default=None)
            if best is None or _nearness(best.step.request, method, target, body) < 0:
                return Answered.model_validate({"status": 404, "json": {"error": f"no exchange is like {method} {target}"}})
            if best.exchange.call.poll is not None and not self._is_prelude(best):
                return self._page(best)
            if best.step.writes:
                self._written.add((id(best.exchange), f"{method} {urlsplit(target).path} ".encode() + body))
                self._latest = best.exchange
            done = any(exchange == id(best.exchange) for exchange, _ in self._written)
            return best.step.later if best.step.later is not None and done else best.step.answer

    def _near(self, one: _Step, method: str, target: str, body: bytes) -> float:
        """What was written last is read back first, and a stream's own pages go before a check's sample of it."""
        extra = 0.25 * (one.exchange is self._latest) + 2.0 * (one.exchange.call.poll is not None)
        return _nearness(one.step.request, method, target, body) + extra

    def _is_prelude(self, one: _Step) -> bool:
        """A step that gets a token or prepares is no page."""
        first = one.exchange.steps[-1].request
        return (
            (one.step.request.method, one.step.request.path) != (first.method, first.path)
            and len({step.request.path for step in one.exchange.steps}) > 1
            and one.place == 0
        )

    def _page(self, best: _Step) -> Answered:
        """Pages come in their order; after the last one an empty one, then they begin again."""
        pages = [one for one in self._steps if one.exchange is best.exchange and not self._is_prelude(one)]
        stream = self.manifest.streams[str(best.exchange.call.poll)]
        counted = stream.paging is not None and stream.paging.by in ("offset", "page", "last")
        at = self._served.get(id(best.exchange), 0)
        self._served[id(best.exchange)] = (at + 1) % (len(pages) + counted)
        if at < len(pages):
            return pages[at].step.answer
        last = pages[-1].step.answer
        return last.model_copy(update={"json_": _emptied(last.json_, stream.records, named=bool(stream.decode))})


def _emptied(body: Json, records: str, *, named: bool) -> Json:
    """Return an answer with its list of records empty."""
    copy = orjson.loads(orjson.dumps(body))
    parts = [one for one in records.removeprefix("$").strip(".").split(".") if one]
    if not parts:
        return _bare(copy) if named or isinstance(copy, list) else copy
    at: Any = copy
    for part in parts[:-1]:
        at = at.get(part, {}) if isinstance(at, dict) else {}
    last = parts[-1].split("[")[0]
    if isinstance(at, dict) and last in at:
        at[last] = _bare(at[last])
    return copy


def _bare(value: Json) -> Json:
    return (
        [] if isinstance(value, list) else {name: _bare(one) if isinstance(one, list) else one for name, one in value.items()}
    )


def _nearness(asked: Asked, method: str, target: str, body: bytes) -> float:
    """Say how near a request is to an exchange's: below zero is another one."""
    parts = urlsplit(target)
    if method != asked.method:
        return -1.0
    mine, theirs = unquote(asked.path).strip("/").split("/"), unquote(parts.path).strip("/").split("/")
    if len(mine) != len(theirs):
        return -1.0
    unlike = sum(not same_text(got, wanted) for got, wanted in zip(theirs, mine, strict=True))
    if unlike > 1 and unlike >= len(mine) - 1:
        return -1.0
    any_query = asked.query == "*"
    body_asked = asked.json_ if asked.json_ is not None else asked.form or {}
    wanted = dict(_leaves({"query": {} if any_query else asked.query, "body": body_asked}))
    got = dict(_leaves({"query": {} if any_query else dict(parse_qsl(parts.query)), "body": _read(body)}))
    equal = sum(same_text(str(got.get(name)), str(value)) for name, value in wanted.items())
    return 1000.0 - 100.0 * unlike + equal - 0.5 * len(wanted.keys() ^ got.keys())


def _read(body: bytes) -> Json:
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return dict(parse_qsl(body.decode("utf-8", "replace")))


def _leaves(value: Json, at: str = "") -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, f"{at}.{name}")
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _leaves(one, f"{at}.{place}")
    else:
        yield at, value
