"""A stretch of network before any TCP server: it forwards, hangs up on everybody, or swallows every byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class TcpRoute:
    """Forwards to a port of loopback; ``mode`` (pass, down, silent) counts for connections made from then on, and open ones."""

    def __init__(self, target: int) -> None:
        self.mode = "pass"
        self._target = target
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._hang_up()

    def trouble(self, word: str) -> None:
        """Be down or silent."""
        self.mode = word
        if word == "down":
            self._hang_up()

    def calm(self) -> None:
        """Forward again; whatever was swallowed is cut."""
        self.mode = "pass"
        self._hang_up()

    def _hang_up(self) -> None:
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(near)
            if self.mode == "down":
                self._open.discard(near)
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._open.add(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if self.mode != "silent":
                    sink.sendall(piece)
        if self.mode == "silent":
            return
        for one in (source, sink):
            self._open.discard(one)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
