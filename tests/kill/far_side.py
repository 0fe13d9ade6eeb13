"""A far side with its own log: which keys it saw, how often, and what it did for each, once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FarSide:
    """An HTTP receiver that honours ``webhook-id``: a key it has seen has its effect once, however often it is sent."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.effects: dict[str, bytes] = {}
        self.order: list[bytes] = []
        self.pause_s = 0.0
        """How long each answer takes."""
        self._lock = threading.Lock()
        log = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_HEAD(self) -> None:
                self.send_response(405)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # whoever sent it was killed in the middle: that is no message
                    self.close_connection = True
                    return
                time.sleep(log.pause_s)
                log.take(self.headers["webhook-id"], body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Stay quiet: a killed worker leaves a torn connection."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, key: str, body: bytes) -> None:
        """Note a call; the first of its key is the effect."""
        with self._lock:
            self.calls[key] += 1
            if key not in self.effects:
                self.effects[key] = body
                self.order.append(body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
