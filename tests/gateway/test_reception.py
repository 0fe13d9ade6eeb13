"""The reception: slow, broken and many senders over real sockets; honest ones are served meanwhile."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from core.errors import MalformedError
from gateway.doors.reception import Came, Reception, SlowSenderError, environ_of
from tests.gateway.test_wire import Wire, wire

__all__ = ["wire"]


def knock(wire: Wire, raw: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", wire.port), timeout=8)
    line.sendall(raw)
    return line


@pytest.mark.slow
@pytest.mark.parametrize("many", [10, 60])
def test_slow_senders_do_not_stop_honest_ones(wire: Wire, many: int) -> None:
    """With more half-sent bodies open than there are threads, known door or not, others are answered at once."""
    head = "POST {} HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{{"
    slow = [knock(wire, head.format(path).encode()) for path in (wire.path, "/in/nobody") for _ in range(many)]
    time.sleep(0.5)

    begun = time.monotonic()
    with knock(wire, f"POST {wire.path} HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{{}}".encode()) as honest:
        assert honest.recv(4096).startswith(b"HTTP/1.1 202")
    assert time.monotonic() - begun < 3

    for one in slow:
        one.close()


@pytest.mark.slow
def test_silent_connections_do_not_fill_the_house(wire: Wire) -> None:
    """Three hundred connections that say nothing leave room for one that does."""
    silent = [knock(wire, b"GET /hea") for _ in range(300)]
    with knock(wire, b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n") as honest:
        assert honest.recv(4096).startswith(b"HTTP/1.1 200")
    for one in silent:
        one.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: +2",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Content-Length: 2\r\n Folded: yes",
    ],
)
def test_an_ambiguous_length_is_refused(wire: Wire, head: str) -> None:
    """Two readings of where a request ends are none: 400, and the connection is closed."""
    with knock(wire, f"POST {wire.path} HTTP/1.1\r\nHost: t\r\n{head}\r\n\r\n{{}}".encode()) as line:
        assert line.recv(4096).startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_nothing_is_smuggled_behind_a_chunked_body(wire: Wire) -> None:
    """With both lengths given the chunks count and the connection ends after the answer: what follows is not served."""
    body = b"2\r\n{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: t\r\n\r\n"
    head = f"POST {wire.path} HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    came = b""
    with knock(wire, head + body) as line:
        while piece := line.recv(4096):
            came += piece
    assert came.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in came


def drive(reception: Reception, messages: list[dict[str, Any]], headers: list[tuple[bytes, bytes]], pause_s: float = 0) -> int:
    """Send these messages to the reception and return the status."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(pause_s or 3600)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(reception({"type": "http", "method": "POST", "raw_path": b"/", "headers": headers}, receive, send))
    return int(told[0]["status"])


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def reading(found: list[Any]) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            found.append(environ["wsgi.input"].read())
        except Exception as error:
            found.append(error)
        start_response("200 OK", [])
        return [b""]

    return app


CHUNKED = [(b"transfer-encoding", b"chunked")]


def test_half_a_chunked_body_is_never_taken_for_a_whole_one() -> None:
    """When the sender goes away in the middle, reading says so, although no length was announced."""
    found: list[Any] = []

    drive(Reception(reading(found)), [piece(b'{"a":1}', more=True), {"type": "http.disconnect"}], CHUNKED)

    assert isinstance(found[0], MalformedError)
    assert found[0].code == "cut-off"


@pytest.mark.parametrize("pause_s", [0, 0.02])
def test_a_trickled_body_has_one_deadline(pause_s: float) -> None:
    """Whether nothing more comes or a byte now and then: it is over when the time is."""
    found: list[Any] = []
    begun = time.monotonic()

    drive(Reception(reading(found), body_s=0.2), [piece(b"{", more=True)], CHUNKED, pause_s)

    assert isinstance(found[0], SlowSenderError)
    assert time.monotonic() - begun < 2


def test_of_a_broken_body_what_came_can_be_seen() -> None:
    """A refusal shows the head of what came; reading beyond it raises."""
    came = Came(b"0123456789", SlowSenderError("x", why="y", fix="z"))
    assert came.read(4) == b"0123"
    with pytest.raises(SlowSenderError):
        came.read(100)


def test_headers_with_an_underscore_are_left_out() -> None:
    """X_Token is not X-Token: no proxy can be walked around with it; doubled headers are joined."""
    headers = [(b"x_token", b"forged"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-many", b"1"), (b"x-many", b"2")]
    environ = environ_of({"method": "GET", "raw_path": b"/a%2Fb%E4", "headers": headers})
    assert "HTTP_X_TOKEN" not in environ
    assert (environ["HTTP_COOKIE"], environ["HTTP_X_MANY"]) == ("a=1; b=2", "1,2")
    assert environ["PATH_INFO"] == "/a/b\xe4"
