"""
The reception: a request enters the house when its whole body has come; whoever trickles waits outside.

Bodies are collected by the event loop under one deadline and one cap, where a slow sender costs no
thread; only then does a thread serve the request as plain WSGI. What did not come whole is said so:
reading its end raises, so half a body is never taken for a whole one.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from core.errors import InputError, TielineError
from gateway.doors.reading import CAP, CutOffError

if TYPE_CHECKING:
    from gateway.doors.inbound import Doors

BODY_S = 20.0
"""How long a whole body may take: 1 MiB at 420 kbit/s."""

HELD = 64 << 20
"""How many bytes of unfinished bodies are held at once, of all senders together."""

THREADS = 32
"""Requests that wait for the same group commit at once; each costs a thread that sleeps."""

Environ = dict[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

log = logging.getLogger("tieline.gateway")


class SlowSenderError(InputError):
    """The sender took too long to send what it had begun."""

    code = "slow-sender"
    title, title_zh = "The body came too slowly", "请求体发送过慢"


class Came(io.BytesIO):
    """What came of a body; when that is not all, reading beyond it raises why."""

    def __init__(self, body: bytes, trouble: TielineError | None) -> None:
        super().__init__(body)
        self._trouble = trouble

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or all."""
        came = super().read(size)
        if self._trouble is not None and (size is None or size < 0 or len(came) < size):
            raise self._trouble
        return came


class Reception:
    """An ASGI application in front of a WSGI one."""

    def __init__(
        self,
        app: Callable[[Environ, Callable[..., Any]], Iterable[bytes]],
        *,
        cap: int = CAP,
        body_s: float = BODY_S,
        threads: int = THREADS,
        doors: Doors | None = None,
    ) -> None:
        self._app, self._cap, self._body_s, self._doors = app, cap, body_s, doors
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        environ = environ_of(scope)
        pieces: list[bytes] = []
        try:
            trouble = await self._collect(environ, receive, pieces)
            environ["wsgi.input"] = Came(b"".join(pieces), trouble)
        finally:
            self._held -= sum(map(len, pieces))
        met = self._doors.quick(environ) if self._doors is not None and trouble is None else None
        if met is None or self._doors is None:
            status, headers, body = await asyncio.get_running_loop().run_in_executor(self._pool, self._serve, environ)
        elif isinstance(met, TielineError):
            status, headers, body = self._doors.turn_away(environ, met, self._pool.submit)
        else:
            status, headers, body = await self._doors.take(met)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _collect(self, environ: Environ, receive: Receive, pieces: list[bytes]) -> TielineError | None:
        """Gather the body, up to one byte over the cap; return what went wrong with it."""
        announced = environ.get("CONTENT_LENGTH", "")
        if announced == "" and "HTTP_TRANSFER_ENCODING" not in environ:
            return None
        length = int(announced) if announced.isascii() and announced.isdigit() else None
        size = 0
        try:
            async with asyncio.timeout(self._body_s):
                while size <= self._cap:
                    message = await receive()
                    if message["type"] != "http.request":
                        return _cut_off(size)
                    piece = message.get("body", b"")
                    pieces.append(piece)
                    size += len(piece)
                    self._held += len(piece)
                    if not message.get("more_body") or size == length:
                        return None
                    if self._held > HELD:
                        return _too_slow("Too many bodies are under way at once")
                    if length is not None and length > self._cap:
                        return None  # refused for its announced length; this much is kept to know it by
        except TimeoutError:
            return _too_slow(f"A whole body may take {self._body_s:g} seconds")
        return None

    def _serve(self, environ: Environ) -> Answer:
        """Run the application in this thread and gather its answer."""
        begun: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            begun[:] = [int(status[:3]), [(name.lower().encode("latin-1"), one.encode("latin-1")) for name, one in headers]]
            return lambda _: None

        try:
            answered = self._app(environ, start_response)
            try:
                body = b"".join(answered)
            finally:
                if (close := getattr(answered, "close", None)) is not None:
                    close()
            return begun[0], begun[1], body
        except Exception:  # the application answers its own errors; this is the last net
            log.exception("a request was not answered")
            return 500, [(b"content-type", b"text/plain")], b"Internal error\n"


def environ_of(scope: Scope) -> Environ:
    """
    Return the WSGI environment of an ASGI request; a header whose name holds an underscore is left out.

    Such a name would read like another one with a hyphen, and a proxy that guards the one lets the other through.

    >>> environ_of({"method": "POST", "raw_path": b"/in/x%2Fy", "headers": [(b"x-a", b"1"), (b"x_a", b"2")]})["HTTP_X_A"]
    '1'
    """
    raw: bytes = scope["raw_path"]
    server, client = scope.get("server") or ("", ""), scope.get("client") or ("", "")
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue
        word = name.decode("latin-1").upper().replace("-", "_")
        key = word if word in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{word}"
        text = value.decode("latin-1")
        known = environ.get(key)
        environ[key] = text if known is None else f"{known}{'; ' if word == 'COOKIE' else ','}{text}"
    return environ


def _cut_off(size: int) -> CutOffError:
    return CutOffError(
        "The body was cut off.",
        why=f"The connection ended after {size} bytes, before the end of the body.",
        fix="Send it again; nothing of it was stored.",
    )


def _too_slow(why: str) -> SlowSenderError:
    return SlowSenderError(
        "The body came too slowly.", why=f"{why}.", fix="Send it again over a faster line, or in smaller parts."
    )
