"""A proxy that can make its open connections half-open: the sockets stay, the bytes vanish, and nobody is told."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Forwards to a port of loopback until ``swallow`` is called; connections made afterwards are forwarded again."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._swallowed: set[int] = set()
        self._open: dict[int, tuple[socket.socket, socket.socket]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> int:
        """Make every open connection half-open; return how many there are."""
        self._swallowed |= self._open.keys()
        return len(self._swallowed)

    def close(self) -> None:
        """Stop listening and close everything."""
        self._listener.close()
        for pair in self._open.values():
            for one in pair:
                with contextlib.suppress(OSError):
                    one.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            number += 1
            self._open[number] = (near, far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(number, source, sink), daemon=True).start()

    def _forward(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if number not in self._swallowed:
                    sink.sendall(piece)
        if number not in self._swallowed:  # a half-open connection does not hear of the end either
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.close()
            self._open.pop(number, None)
