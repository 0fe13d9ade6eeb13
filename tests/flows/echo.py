"""A far side that hates secrets: whatever it is told, it says again, in every way an answer can go wrong."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODES = ("200", "400", "401", "403", "404", "429", "500", "page", "broken", "cut", "slow", "moved", "strange")


class Echo:
    """An HTTP server on a port of its own; ``mode`` says how it answers."""

    def __init__(self) -> None:
        echo = self
        self.mode = "500"
        self.heard = 0

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                echo.heard += 1
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
                echo.say(self, f"{self.requestline}\r\n{self.headers}\r\n{body}")

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = answer  # noqa: N815

            def log_message(self, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def say(self, to: BaseHTTPRequestHandler, told: str) -> None:
        """Answer with what was told."""
        kind, mode = "application/json", self.mode
        status = int(mode) if mode.isdigit() else 302 if mode == "moved" else 200
        found = {"message": told, "code": 1, "data": told}
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "error": found, "detail": told}).encode()
        if mode == "page":
            kind, raw = "text/html", f"<html><h1>Sign in</h1>{told}</html>".encode()
        if mode == "broken":
            raw = raw[:-3]
        if mode == "strange":
            raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": [told, {"x": told}], "data": [told]}).encode()
        if mode == "slow":
            time.sleep(0.4)
        one_line = " ".join(told.split())[:900]
        to.send_response(status, one_line)
        to.send_header("Content-Type", f"{kind}; x={one_line}" if mode in ("page", "broken") else kind)
        to.send_header("Location", f"http://127.0.0.1:{self.port}/?told={one_line.replace(' ', '+')}")
        to.send_header("Content-Length", str(len(raw) + 50 * (mode == "cut")))
        to.end_headers()
        to.wfile.write(raw)
        to.close_connection = True

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
