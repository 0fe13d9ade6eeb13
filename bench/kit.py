"""
One call through a manifest beside the same call by bare urllib3: processor time per call, in turns, in this process.

``python -m bench.kit [calls]``. The far side is a process of its own. The call is a lookup with three slots, a key in a
header, an answer of about 1 KiB judged by two rules and shaped into two declared fields; bare urllib3 sends the same
request over a pool and reads the same JSON. Higher is better: calls per second of processor time; bar 1 / 1.5.
Before that it prints what 1 and 200 connectors cost at the start, and the peak of reading 100,000 records in pages.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import urllib3

from bench.figure import report
from connectors.kit.declared.connector import Declared, connector_of
from connectors.kit.declared.reading import read_manifest

MANIFEST = """
kind: bench
title: {en: Bench, zh: 测量}
category: other
versions: "1"
sources: [bench/kit.py]
confidence: high
settings:
  url: {title: Address, zh: 地址}
  token: {title: Token, zh: 令牌, secret: true}
address: "{url}/api"
auth: {scheme: keys, headers: {authorization: "Bearer {token}"}}
answer:
  success: {at: errcode, equals: 0}
  classify: [{when: {at: errcode, equals: 42001}, as: auth_expired}, {when: {at: errcode, equals: 45009}, as: rate_limited}]
check: [{proves: reachable, request: {path: one}}]
lookups:
  one:
    help: one thing
    inputs: {name: {required: true}, n: {type: integer, required: true}}
    request: {path: "one/{in.name}", query: {n: "{in.n}", like: "x-{in.name}"}}
    outputs: {mean: {type: number, from: "data.rows[0].mean"}, unit: {from: data.unit}}
streams:
  things:
    help: things
    request: {path: things, query: {offset: "{offset}", limit: "{limit}"}}
    records: things
    id: id
    paging: {by: offset, size: 500}
    fields: {id: {type: integer, required: true}, text: {}}
"""
RECORDS = 100_000
ANSWER = orjson.dumps({"errcode": 0, "data": {"unit": "%", "rows": [{"mean": 40.5, "samples": 60, "pad": "x" * 120}] * 6}})


class _Far(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = ANSWER
        if "/things" in self.path:
            offset = int(self.path.partition("offset=")[2].partition("&")[0])
            rows = [{"id": n, "text": "x" * 200} for n in range(offset, min(offset + 500, RECORDS))]
            body = orjson.dumps({"errcode": 0, "things": rows})
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(port: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Far)
    port.put(server.server_port)
    server.serve_forever()


def _made(kind: type[Declared], url: str) -> Declared:
    given = {"url": url, "token": "token-of-the-bench", "allowed_networks": ["127.0.0.0/8"]}
    return kind("bench", kind.kind.settings.model_validate(given))


def _through_the_manifest(one: Declared, calls: int) -> float:
    began = time.process_time()
    for n in range(calls):
        found = one.lookup("one", {"name": "press 07", "n": n}, timeout_s=5)
        assert found.values["mean"] == 40.5
    return calls / (time.process_time() - began)


def _bare(pool: Any, calls: int) -> float:
    headers = {"authorization": "Bearer token-of-the-bench", "accept": "application/json", "accept-encoding": "gzip, deflate"}
    began = time.process_time()
    for n in range(calls):
        fields = {"n": str(n), "like": "x-press 07"}
        answer = pool.request("GET", "/api/one/press%2007", fields=fields, headers=headers, timeout=5, retries=False)
        assert orjson.loads(answer.data)["data"]["rows"][0]["mean"] == 40.5
    return calls / (time.process_time() - began)


def _many(kind: type[Declared], url: str) -> None:
    for count in (1, 200):
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        held = [_made(kind, url) for _ in range(count)]
        for one in held:
            one.lookup("one", {"name": "a", "n": 1}, timeout_s=5)
        cost, grown = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"{count} connectors made and used once: {cost * 1000 / count:.2f} ms and {grown / count:.0f} KiB each")
        for one in held:
            one.close()


def _long_read(one: Declared) -> None:
    before, cursor, read = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, None, 0
    began = time.process_time()
    while True:
        page = one.poll("things", cursor, 500)
        read, cursor = read + page.count, page.cursor
        if not page.more:
            break
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    spent = time.process_time() - began
    print(f"{read} records in pages of 500: {spent:.1f} s of processor time, peak grown by {grown / 1024:.1f} MiB")
    assert read == RECORDS


def main(calls: int) -> bool:
    """Measure and report."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    far = context.Process(target=_serve, args=(port,), daemon=True)
    far.start()
    url = f"http://127.0.0.1:{port.get(timeout=20)}"
    kind = connector_of(read_manifest(MANIFEST, "bench.yaml"))
    one, pool = _made(kind, url), urllib3.connection_from_url(url, maxsize=4)
    _through_the_manifest(one, 200)
    _bare(pool, 200)
    _many(kind, url)
    _long_read(one)
    pairs = [(_through_the_manifest(one, calls), _bare(pool, calls)) for _ in range(7)]
    far.terminate()
    return report(pairs, bar=1 / 1.5, unit="calls/s")


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000) else 1)
