"""A watch over a call into a library: when its time is over the line is cut, and the call ends with the library's error."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watched(cut: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call ``cut`` from another thread unless the block ends in time. For libraries whose timeouts count from the last byte."""

    def over() -> None:
        with contextlib.suppress(Exception):
            cut()

    watch = threading.Timer(max(seconds, 0.01), over)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def hang_up(sock: socket.socket | None) -> None:
    """End both directions of a socket that somebody else still holds."""
    if sock is not None:
        sock.shutdown(socket.SHUT_RDWR)
