"""The press as Prometheus sees it: GET /metrics, and POST /set?name=value turns a gauge. `python exporter.py PORT`."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

GAUGES = {"machine_cpu_percent": 35.0, "machine_oil_temperature_celsius": 60.0}
LABELS = '{asset="EQ-0007",site="berlin"}'


class Press(BaseHTTPRequestHandler):
    """Two gauges."""

    def do_GET(self) -> None:
        lines = [f"# TYPE {name} gauge\n{name}{LABELS} {value}\n" for name, value in GAUGES.items()]
        self._answer(200, "".join(lines).encode())

    def do_POST(self) -> None:
        GAUGES.update({name: float(value) for name, value in parse_qsl(urlsplit(self.path).query) if name in GAUGES})
        self._answer(204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Press).serve_forever()
