"""Traces of a running Tieline: `tieline serve` with one variable set, its sender and its far side on the wire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.flow import PACK, SECRET, TITLE, body
from lab.collector import Collector
from lab.gateway import Gateway
from lab.real.waiting import until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def far_side() -> Iterator[tuple[str, list[str | None]]]:
    """Give the address of a receiver, and the ``traceparent`` of every request that came to it."""
    carried: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            carried.append(self.headers.get("traceparent"))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", carried
        server.shutdown()


def deliver(gateway: Gateway, sink: str) -> None:
    """Register a sender and a receiver, publish one bridge, and deliver one event whose sender has a trace of its own."""
    api = gateway.api
    made = api.post("/connectors", {"name": "source", "kind": "webhook", "settings": {}, "inbound": {"scheme": "path"}})
    api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": sink, "secret": SECRET}})
    header = {"name": "bench", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
    api.post("/definitions/apply", {"header": header, "definitions": PACK})
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    headers = {"Content-Type": "application/json", "Traceparent": f"00-{TRACE}-{SPAN}-01"}
    connection.request("POST", f"/in/source/{made['door']['secret']}", body(0, 1), headers)
    assert connection.getresponse().status == 202
    connection.close()


@pytest.mark.slow
def test_one_trace_from_the_sender_to_the_far_side(tmp_path: Path) -> None:
    """
    The sender's trace goes on through the door, both workers' halves and the call to the far side, without a gap.

    The batch would be sent after an hour: what is here when Tieline has stopped was sent because it stopped.
    """
    collector = Collector()
    environment = {"TIELINE_TRACES": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    gateway = Gateway(tmp_path / "home", environment)
    try:
        with far_side() as (sink, carried):
            gateway.start()
            deliver(gateway, sink)
            until(lambda: gateway.api.get("/accounting")["actions"]["done"] == 1, "the action to be done", 10, 0.05)
            gateway.stop()
    finally:
        gateway.stop()
        collector.close()
    spans = {span.id: span for span in collector.spans if span.trace == TRACE}
    assert len(spans) == len(collector.spans)
    [header] = carried
    assert header is not None
    path = [spans[header.split("-")[2]]]
    while path[-1].parent != SPAN:
        path.append(spans[path[-1].parent])
    assert [span.name for span in path] == [
        "sink send",
        "action forward/send",
        "decision forward",
        "event reading.created",
        "delivery source",
    ]
    assert [span.kind for span in path] == ["client", "internal", "internal", "internal", "server"]


@pytest.mark.slow
def test_without_the_setting_nothing_is_carried(tmp_path: Path) -> None:
    """Traces are off by default: the far side sees no header, whatever the sender sent and OTEL_… variables say."""
    collector = Collector()
    gateway = Gateway(tmp_path / "home", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    try:
        with far_side() as (sink, carried):
            gateway.start()
            deliver(gateway, sink)
            until(lambda: carried, "the far side to be called", 10, 0.05)
            gateway.stop()
    finally:
        gateway.stop()
        collector.close()
    assert carried == [None]
    assert collector.spans == []
