"""
An OTLP collector that only listens: it reads what is exported as any collector would, and keeps it for whoever asks.

It decodes the protobuf of OTLP/HTTP with OpenTelemetry's own schema, so what it understood is what a real one would.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
FAILED = 2


@dataclass(frozen=True)
class Told:
    """One span as it arrived; ids as people write them, an empty parent for none."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    began: int
    ended: int
    about: dict[str, Any]
    error: str | None
    links: list[str]
    resource: dict[str, Any]


@dataclass
class Collector:
    """Listens on a port of its own from the moment it is made."""

    spans: list[Told] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status = 200 if self.path == "/v1/traces" else 404
                if status == 200:
                    collector.take(body, {name.lower(): value for name, value in self.headers.items()})
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        """Read one export."""
        request = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        self.headers.append(headers)
        for group in request.resource_spans:
            resource = _words(group.resource.attributes)
            self.spans += [_told(one, resource) for scope in group.scope_spans for one in scope.spans]

    def named(self, start: str) -> list[Told]:
        """Return the spans whose name begins so."""
        return [one for one in list(self.spans) if one.name.startswith(start)]

    def wait_for(self, holds: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Wait until what was told fulfils a condition."""
        until = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < until, f"told so far: {sorted(one.name for one in self.spans)}"
            time.sleep(0.01)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _told(span: Any, resource: dict[str, Any]) -> Told:
    return Told(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=KINDS[span.kind],
        began=span.start_time_unix_nano // 1000,
        ended=span.end_time_unix_nano // 1000,
        about=_words(span.attributes),
        error=span.status.message if span.status.code == FAILED else None,
        links=[f"{one.trace_id.hex()}-{one.span_id.hex()}" for one in span.links],
        resource=resource,
    )


def _words(pairs: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in pairs}
