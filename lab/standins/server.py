"""The HTTP side that every stand-in shares: threads, keep-alive, JSON in and out, start and stop."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What came in; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Answer:
        """Answer with JSON."""
        return cls(status, json.dumps(value, ensure_ascii=False).encode(), {"Content-Type": "application/json"})

    @classmethod
    def page(cls, text: str) -> Answer:
        """Answer with a page for people."""
        return cls(200, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


class Server:
    """A stand-in's server: subclass and answer; use as a context manager, or ``start`` and ``stop``."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        answer: Callable[[Request], Answer] = self.answer

        class Handler(_Handler):
            respond = staticmethod(answer)

        self._http = _Quiet((host, port), Handler)
        self.port: int = self._http.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self._thread: threading.Thread | None = None

    def answer(self, request: Request) -> Answer:
        """Answer one request; subclasses do."""
        raise NotImplementedError

    def start(self) -> Self:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join(5)
        self._http.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that hangs up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    respond: Callable[[Request], Answer]

    def _serve(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BYTES)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = type(self).respond(Request(self.command, self.path, headers, self.rfile.read(length)))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names http.server asks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
        """Say nothing."""
