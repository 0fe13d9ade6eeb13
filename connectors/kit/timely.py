"""
Connections whose whole answer has one deadline: a server that drips a byte at a time cannot hold a worker.

A socket's timeout counts from the last byte, so headers that come one letter every nine seconds would never
end. Here every read gets only what is left of the span that was set when the answer began.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.timeout import Timeout

from connectors.kit.reach import Reach


class _Clocked(io.RawIOBase):
    """The socket's stream, whose reads share one deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, ends: float) -> None:
        self._sock, self._raw, self._ends = sock, raw, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimelyAnswer(http.client.HTTPResponse):
    """An answer read through such a stream."""

    def __init__(self, sock: socket.socket, *more: Any, **named: Any) -> None:
        super().__init__(sock, *more, **named)
        span = sock.gettimeout()
        if span is not None:
            self.fp = io.BufferedReader(_Clocked(sock, self.fp.detach(), time.monotonic() + span))


class TimelyConnection(HTTPConnection):
    """A plain connection whose answers are timely."""

    response_class = _TimelyAnswer


class TimelyTlsConnection(HTTPSConnection):
    """A TLS connection whose answers are timely."""

    response_class = _TimelyAnswer


def guarded(reach: Reach, *, tls: bool) -> type[HTTPConnection]:
    """Return a connection class that connects only to addresses the reach permits, and to no other than it judged."""

    class Plain(TimelyConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, reach)

    class Tls(TimelyTlsConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, reach)

    return Tls if tls else Plain


def _connected(connection: HTTPConnection, reach: Reach) -> socket.socket:
    """Do what urllib3 does, but between resolving and connecting judge the addresses."""
    host, port = connection._dns_host, connection.port
    try:
        places = reach.resolve(host, port or 0)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    failed: OSError | None = None
    for place in places:
        sock: socket.socket | None = None
        try:
            sock = socket.create_connection(place, timeout=Timeout.resolve_default_timeout(connection.timeout))
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
        except OSError as error:
            if sock is not None:
                sock.close()
            failed = error
        else:
            return sock
    if isinstance(failed, TimeoutError):
        raise ConnectTimeoutError(connection, f"no connection within {connection.timeout} s") from failed
    raise NewConnectionError(connection, f"{failed or 'no address'}") from failed
