"""
A far side that behaves badly, in a process of its own: ``python -m lab.chaos.far_side PORT LOG SEED``.

It honours ``webhook-id``. Before it answers, each call that came whole is one line of its log (O_APPEND). By chance it is
slow, resets the connection, lets its answer trickle, lies (does it, then says nothing until the caller gives up) or
answers 500 although it did it. What it never does is to do one key twice.
"""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MISBEHAVIOUR = {"slow": 0.03, "reset": 0.01, "trickle": 0.01, "lie": 0.003, "five-hundred": 0.01, "refused-unseen": 0.01}
LIE_S, SLOW_S = 6.0, 0.3


class Handler(BaseHTTPRequestHandler):
    """One connection; ``log`` and ``chance`` are the process'."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    log: int
    chance: random.Random

    def do_HEAD(self) -> None:
        self._answer(405)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it was killed in the middle: that is no message
            self.close_connection = True
            return
        how = self._how()
        if how == "refused-unseen":
            self._answer(503)
            return
        said = json.loads(body)["data"]
        line = {"key": self.headers["webhook-id"], "thing": said["thing"], "step": said["step"], "how": how}
        os.write(self.log, json.dumps(line).encode() + b"\n")
        self._behave(how)

    def _how(self) -> str:
        point = self.chance.random()
        for how, share in MISBEHAVIOUR.items():
            if (point := point - share) < 0:
                return how
        return "honest"

    def _behave(self, how: str) -> None:
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif how == "trickle":
            for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                self.wfile.write(bytes([letter]))
                time.sleep(0.01)
        else:
            time.sleep({"slow": SLOW_S, "lie": LIE_S}.get(how, 0))
            self._answer(500 if how == "five-hundred" else 200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


class Server(ThreadingHTTPServer):
    """Many connections at once, some of which are torn."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Stay quiet: a killed worker leaves a torn connection, and some are torn here."""


def serve(port: int, log: str, seed: int) -> None:
    """Listen until the process is ended."""
    Handler.log, Handler.chance = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), random.Random(seed)
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
