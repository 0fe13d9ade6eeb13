"""The laws of the one HTTP client, against a network that misbehaves."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.faults import FaultyRoute
from connectors.kit.http import Client
from core.errors import (
    CredentialsError,
    InputError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
    UnreachableError,
)

SECRET = "pA55-w0rd/+"


@pytest.fixture
def route() -> Iterator[FaultyRoute]:
    """Give a route without an upstream: it answers {} unless scripted."""
    with FaultyRoute() as route:
        yield route


@pytest.fixture
def client(route: FaultyRoute) -> Iterator[Client]:
    """Give a client that knows one secret."""
    client = Client(route.url, timeout_s=2, basic=("joe", SECRET), secrets=[SECRET], system="ERP")
    yield client
    client.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, SetupError),
        (400, RefusedError),
        (401, CredentialsError),
        (403, PermissionDeniedError),
        (404, RefusedError),
        (408, TransientError),
        (409, RefusedError),
        (422, RefusedError),
        (423, TransientError),
        (425, TransientError),
        (429, RateLimitedError),
        (500, TransientError),
        (502, TransientError),
        (503, TransientError),
        (599, TransientError),
    ],
)
def test_every_status_has_one_family(client: Client, route: FaultyRoute, status: int, error: type[TielineError]) -> None:
    """A status outside 2xx becomes exactly one of our classes, with the foreign words and the status kept."""
    route.next(status=status, body=b'{"error": {"message": "the valve is stuck"}}')
    with pytest.raises(TielineError) as caught:
        client.get("/valve")
    assert type(caught.value) is error
    assert caught.value.facts["status"] == status
    if status != 301:
        assert "the valve is stuck" in caught.value.why


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thu, 01 Jan 2025 00:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_kept_in_seconds(client: Client, route: FaultyRoute, wish: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or as a date, counted from the answer's own Date; nonsense is no wish."""
    route.next(status=429, headers={"Retry-After": wish, "Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    with pytest.raises(RateLimitedError) as caught:
        client.get()
    assert caught.value.retry_after == seconds


def test_an_accepted_status_is_an_answer(client: Client, route: FaultyRoute) -> None:
    """A status the caller asked to see is returned, not raised."""
    route.next(status=404, body=b"{}")
    assert client.get("/maybe", accept=(404,)).status == 404


def test_silence_ends_in_time(client: Client, route: FaultyRoute) -> None:
    """A server that says nothing costs the timeout and no more."""
    route.next(hang_s=5)
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        client.get(timeout_s=0.3)
    assert 0.2 < time.monotonic() - began < 1.5


def test_a_cut_connection_is_unreachable(client: Client, route: FaultyRoute) -> None:
    """A connection that is cut, or a port where nobody listens, is transient."""
    route.next(drop=True)
    with pytest.raises(UnreachableError):
        client.get()
    with pytest.raises(UnreachableError):
        Client("http://127.0.0.1:9", timeout_s=1).get()


def test_nothing_is_retried(client: Client, route: FaultyRoute) -> None:
    """One call is one request, whatever comes back: retrying belongs to the rows."""
    route.next(status=503)
    with pytest.raises(TransientError):
        client.get()
    assert len(route.seen) == 1


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed_answers_are_unpacked(client: Client, route: FaultyRoute, pack: object) -> None:
    """Both gzip and deflate are read."""
    coding = "gzip" if pack is gzip.compress else "deflate"
    route.next(status=200, body=pack(b'{"a": 1}'), headers={"Content-Encoding": coding})  # type: ignore[operator]
    assert client.get().json() == {"a": 1}


def test_a_bomb_is_stopped_before_it_unfolds(route: FaultyRoute) -> None:
    """The cap counts unpacked bytes, so 50 MB hidden in 50 KB never reach memory."""
    client = Client(route.url, max_bytes=100_000)
    route.next(status=200, body=gzip.compress(b"0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(UnreadableAnswerError, match="100000 bytes"):
        client.get()
    route.next(status=200, body=b"x" * 100_000)
    assert len(client.get().body) == 100_000
    route.next(status=200, body=b"x" * 100_001)
    with pytest.raises(UnreadableAnswerError):
        client.get()
    client.close()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip"}, b"not gzip"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"x" * 9999, mtime=0)[:-20]),
        ({"Content-Encoding": "br"}, b"x"),
        ({"Content-Type": "text/html"}, b"<html>Maintenance</html>"),
    ],
)
def test_an_answer_that_is_not_what_it_says(client: Client, route: FaultyRoute, headers: dict[str, str], body: bytes) -> None:
    """Broken packing and a page where JSON was promised are transient, and named."""
    route.next(status=200, headers=headers, body=body)
    with pytest.raises(UnreadableAnswerError):
        client.get().json()


def test_no_redirect_unless_allowed_and_never_elsewhere(route: FaultyRoute) -> None:
    """A redirect is followed only when allowed, only for reads, and never to another origin."""
    client = Client(route.url, redirects=1)
    route.next(status=302, headers={"Location": "/there?x=1"})
    assert client.get("/here").status == 200
    assert [seen.path for seen in route.seen] == ["/here", "/there?x=1"]
    route.next(status=302, headers={"Location": "http://evil.example/"})
    with pytest.raises(SetupError, match=r"evil\.example"):
        client.get("/here")
    route.next(status=302, headers={"Location": "/there"})
    with pytest.raises(SetupError):
        client.post("/here", json={})
    with pytest.raises(SetupError):
        client.get("http://evil.example/x")
    client.close()


def test_no_secret_in_any_error(client: Client, route: FaultyRoute) -> None:
    """What the far side echoes of our secrets is masked: raw, URL-encoded, base64, and in telling places."""
    echoed = f"user joe with {SECRET} or pA55-w0rd%2F%2B said Basic am9lOnBBNTUtdzByZC8r at https://u:pw@x/?api_key=qqq"
    for status in (400, 401, 403, 429, 500):
        route.next(status=status, body=echoed.encode())
        with pytest.raises(TielineError) as caught:
            client.get("/x", query={"access_token": "tok-123", "n": 1})
        shown = repr(caught.value) + str(caught.value.as_dict()) + repr(client)
        for leak in (SECRET, "%2F%2B", "am9lOnBBNTUtdzByZC8r", "u:pw", "qqq", "tok-123"):
            assert leak not in shown


def test_what_is_sent(client: Client, route: FaultyRoute) -> None:
    """JSON, forms, queries and headers arrive as declared; None in a query is left out."""
    client.post("/a", json={"x": "é"}, query={"q": "a b", "none": None}, headers={"X-Y": "z"})
    client.post("/b", form={"k": "v w"})
    one, two = route.seen
    assert (one.method, one.path, one.body) == ("POST", "/a?q=a+b", '{"x":"é"}'.encode())
    assert one.headers["content-type"] == "application/json"
    assert one.headers["x-y"] == "z"
    assert one.headers["authorization"].startswith("Basic ")
    assert (two.body, two.headers["content-type"]) == (b"k=v+w", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("url", ["ftp://x", "zabbix.example", "https://u:p@x/", "https://x/?token=1", ""])
def test_an_address_that_cannot_be_used_is_refused_at_once(url: str) -> None:
    """A base URL is a place and nothing else: no credentials, no query."""
    with pytest.raises(SetupError) as caught:
        Client(url)
    assert "u:p@" not in str(caught.value)


def test_a_request_cannot_be_split(client: Client) -> None:
    """A line break in a path or header is refused before anything is sent."""
    for bad in ({"path": "/a\r\nHost: evil"}, {"path": "/a", "headers": {"X-A": "b\r\nX-Evil: 1"}}):
        with pytest.raises(InputError):
            client.get(**bad)


def test_a_missing_ca_file_is_named() -> None:
    """A private CA that cannot be read stops the connector from being built, with the file's name."""
    with pytest.raises(SetupError, match=r"/nowhere/ca\.pem"):
        Client("https://erp.example", ca_file="/nowhere/ca.pem")


@pytest.mark.parametrize(
    "drips", [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 90, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"b" * 90]
)
def test_an_answer_that_drips_ends_in_time(drips: bytes) -> None:
    """A byte now and then, in the headers or in the body, does not put the end of the timeout off."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=_drip, args=(server, drips), daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.5)
        began = time.monotonic()
        with pytest.raises(UnreachableError):
            client.get()
        assert 0.4 < time.monotonic() - began < 1.5
        client.close()


def _drip(server: socket.socket, drips: bytes) -> None:
    with suppress(OSError):
        connection, _ = server.accept()
        with closing(connection):
            connection.recv(4096)
            connection.sendall(drips[:30])
            for at in range(30, len(drips)):
                time.sleep(0.05)
                connection.sendall(drips[at : at + 1])


def test_connections_are_kept_and_an_end_without_length_is_read(client: Client, route: FaultyRoute) -> None:
    """One connection serves many requests; an answer that ends by closing is read to its end."""
    for _ in range(3):
        client.get()
    assert len({seen.peer for seen in route.seen}) == 1
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        whole = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b'{"a": 1}'
        threading.Thread(target=_drip, args=(server, whole), daemon=True).start()
        other = Client(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=5)
        assert other.get().json() == {"a": 1}
        other.close()
