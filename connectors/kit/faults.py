"""
A faulty stretch of network, for tests: a proxy before any HTTP server that misbehaves when told to.

The laws put it between a connector and its stand-in, so that no stand-in has to know how to fail:

    with FaultyRoute("http://127.0.0.1:8080") as route:
        route.next(status=503, times=2)      # the next two requests are answered by us
        route.next(hang_s=5)                 # the next one hears nothing for five seconds
        route.next(slow_s=1)                 # it arrives and is answered, a second later
        route.next(drop=True)                # the connection is cut
        route.next(lose_answer=True)         # it arrives and is executed, but the answer is lost
        connector_settings = {"url": route.url}
        route.seen                           # every request that came by: method, path, headers, body
"""

from __future__ import annotations

import http.client
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request instead of (or, with ``lose_answer``, after) being forwarded."""

    status: int = 500
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    slow_s: float = 0.0  #: it is forwarded, but only after this
    drop: bool = False
    lose_answer: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came by."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int] = ("", 0)


class FaultyRoute:
    """The proxy; use as a context manager. Faults are used up in the order they were scripted."""

    def __init__(self, upstream: str | None = None) -> None:
        self.upstream = urlsplit(upstream) if upstream else None
        self.seen: list[Seen] = []
        self._faults: deque[Fault] = deque()
        self._over = threading.Event()
        route = self

        class Handler(_Handler):
            owner = route

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        path = self.upstream.path.rstrip("/") if self.upstream else ""
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"

    def __enter__(self) -> FaultyRoute:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def next(self, *, times: int = 1, **fault: Any) -> None:
        """Script the next request(s); the fields are those of ``Fault``."""
        self._faults.extend([Fault(**fault)] * times)

    def calm(self) -> None:
        """Forget every fault that has not happened yet."""
        self._faults.clear()

    def _take(self) -> Fault | None:
        try:
            return self._faults.popleft()
        except IndexError:
            return None


class _Handler(BaseHTTPRequestHandler):
    owner: FaultyRoute
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.seen.append(Seen(self.command, self.path, headers, body, self.client_address))
        fault = self.owner._take()
        if fault is None:
            self._answer(*self._forward(body))
            return
        if fault.slow_s:
            self.owner._over.wait(fault.slow_s)
            self._answer(*self._forward(body))
            return
        if fault.lose_answer:
            self._forward(body)
        if fault.hang_s:
            self.owner._over.wait(fault.hang_s)
        if fault.drop or fault.lose_answer or fault.hang_s:
            self.close_connection = True
            return
        self._answer(fault.status, fault.headers, fault.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any  # noqa: N815 - names of the stdlib

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        there = self.owner.upstream
        if there is None:
            return 200, {"content-type": "application/json"}, b"{}"
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "keep-alive"):
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            told = dict(answer.getheaders())
            cookies = answer.msg.get_all("set-cookie") or []
            return answer.status, {**told, **({"Set-Cookie": "\n".join(cookies)} if cookies else {})}, answer.read()
        except OSError as error:
            return 502, {}, str(error).encode()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response_only(status)
            for name, value in headers.items():
                for one in value.split("\n") if name.lower() not in _OWN else ():
                    self.send_header(name, one)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has gone; that is its right

    def log_message(self, *_args: object) -> None:
        """Stay silent: the tests read ``seen``."""
