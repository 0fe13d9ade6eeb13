"""
A stand-in for a Prometheus: its query API over a small set of series that a test sets.

Built from what a Prometheus 2.42.0 answered (tests/connectors/prometheus/recorded_2_42_0.json) and from
docs/querying/api.md of its source. It evaluates no PromQL: a query is answered from ``answers`` by its text, a vector(1)
always, anything in brackets that do not close as the real one refuses it, and all else with an empty vector.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.standins.server import Answer, Request, Server


class Prometheus(Server):
    """Set ``alerts``, ``targets`` and ``answers`` (query -> vector); everything else is as recorded."""

    def __init__(self, recorded: Path, port: int = 0) -> None:
        super().__init__(port)
        known: dict[str, Any] = json.loads(recorded.read_text())
        self.alerts: list[dict[str, Any]] = known["alerts"]["data"]["alerts"]
        self.targets: list[dict[str, Any]] = known["targets"]["data"]["activeTargets"]
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        path = urlsplit(request.path).path
        if path == "/-/ready":
            return Answer(200, b"Prometheus Server is Ready.\n", {"Content-Type": "text/plain"})
        if path == "/api/v1/alerts":
            return _success({"alerts": self.alerts})
        if path == "/api/v1/targets":
            return _success({"activeTargets": self.targets, "droppedTargets": []})
        if path == "/api/v1/status/buildinfo":
            return _success({"version": "2.42.0+ds", "revision": "2.42.0+ds-5+deb12u1"})
        if path == "/api/v1/query":
            given = parse_qs(request.body.decode())
            return self._query(given["query"][0], given.get("timeout", ["1"])[0])
        return Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})

    def _query(self, query: str, timeout: str) -> Answer:
        self.asked.append(query)
        if not re.fullmatch(r"[0-9]+([.][0-9]+)?|([0-9]+(ms|[smhdwy]))+", timeout):
            said = f'invalid parameter "timeout": cannot parse "{timeout}" to a valid duration'
            return Answer.of({"status": "error", "errorType": "bad_data", "error": said}, 400)
        if query.count("(") != query.count(")"):
            said = f'invalid parameter "query": 1:{len(query)}: parse error: unclosed left parenthesis'
            return Answer.of({"status": "error", "errorType": "bad_data", "error": said}, 400)
        one: list[dict[str, Any]] = [{"metric": {}, "value": [0, "1"]}]
        found = one if query == "vector(1)" else self.answers.get(query, [])
        now = round(time.time(), 3)
        return _success({"resultType": "vector", "result": [{**one, "value": [now, one["value"][1]]} for one in found]})


def _success(content: Any) -> Answer:
    return Answer.of({"status": "success", "data": content})
