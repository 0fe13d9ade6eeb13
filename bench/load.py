"""A bounded load: a sink that counts what arrives, and a sender with a fixed number of connections. Loopback only."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from multiprocessing.synchronize import Event
from typing import Any


def free_port() -> int:
    """Return a port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_NUMBER = re.compile(rb'"number":(\d+)')


class Sink:
    """
    An HTTP server in a process of its own that answers 200 and counts requests.

    ``arrived`` is filled with the time at which the body with ``"number": n`` came, by ``time.monotonic``.
    """

    def __init__(self, arrived: Any = None) -> None:
        self.port = free_port()
        self.count = multiprocessing.Value("q", 0)
        self._ready = multiprocessing.Event()
        self._process = multiprocessing.Process(target=_serve, args=(self.port, self.count, self._ready, arrived), daemon=True)
        self._process.start()
        self._ready.wait(10)

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://127.0.0.1:{self.port}/"

    def wait_for(self, n: int, timeout_s: float) -> bool:
        """Wait until n requests have come in all."""
        until = time.monotonic() + timeout_s
        while self.count.value < n:
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(port: int, count: object, ready: Event, arrived: Any) -> None:
    asyncio.run(_listen(port, count, ready, arrived))


async def _listen(port: int, count: object, ready: Event, arrived: Any) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
                )
                body = await reader.readexactly(length)
                if arrived is not None and (found := _NUMBER.search(body)):
                    arrived[int(found[1])] = time.monotonic()
                count.value += 1  # type: ignore[attr-defined]  # one process writes it
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    ready.set()
    async with server:
        await server.serve_forever()


@contextmanager
def still(processes: Iterable[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Let processes stand still while somebody else is measured: an idle rival must not use the cores."""
    stopped = list(processes)
    for one in stopped:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in stopped:
            one.send_signal(signal.SIGCONT)


def send(
    port: int, path: str, bodies: list[bytes], *, connections: int, accepted: tuple[int, ...] = (202,), patient: bool = False
) -> None:
    """
    Send every body once over keep-alive connections; an answer that is not an acceptance is an error.

    A ``patient`` sender who is told to come again later (429, 503) waits and sends the same again.
    """
    shares = [bodies[n::connections] for n in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(lambda share: _send(port, path, share, accepted, patient=patient), shares))


def _send(port: int, path: str, bodies: list[bytes], accepted: tuple[int, ...], *, patient: bool) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for body in bodies:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        while patient and answer.status in (429, 503):
            time.sleep(min(1.0, float(answer.headers["Retry-After"] or 1)))
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        if answer.status not in accepted:
            raise RuntimeError(f"HTTP {answer.status} for a body of {len(body)} bytes")
    connection.close()


def timed(work: Callable[[], None], done: Callable[[], bool]) -> float:
    """Return the seconds from the first byte sent to the last effect seen."""
    began = time.perf_counter()
    work()
    if not done():
        raise RuntimeError("not every effect was seen in time")
    return time.perf_counter() - began
