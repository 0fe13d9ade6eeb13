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
