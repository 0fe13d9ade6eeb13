"""
A stand-in for an Alertmanager: alerts and silences of API v2, and the webhook of version 4.

Built from what an Alertmanager 0.25.0 answered and pushed (tests/connectors/alertmanager/recorded_0_25_0.json)
and from api/v2/openapi.yaml of its source. A silence matches an alert by equal labels only; nothing expires by time.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.standins.server import Answer, Request, Server


class Alertmanager(Server):
    """``alerts`` and ``silences`` are what it holds; ``written`` counts what changed a silence."""

    def __init__(self, recorded: Path, port: int = 0) -> None:
        super().__init__(port)
        known: dict[str, Any] = json.loads(recorded.read_text())
        self.alerts: list[dict[str, Any]] = copy.deepcopy(known["alerts"])
        self.silences: dict[str, dict[str, Any]] = {}
        self.written = 0
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one request; errors are bare JSON strings, as the real one writes them."""
        parts = urlsplit(request.path)
        if parts.path == "/-/ready":
            return Answer(200, b"OK", {"Content-Type": "text/plain"})
        with self._lock:
            if parts.path == "/api/v2/status":
                return Answer.of({"cluster": {"status": "disabled", "peers": []}, "versionInfo": {"version": "0.25.0"}})
            if parts.path == "/api/v2/alerts":
                return self._alerts(parse_qs(parts.query).get("filter", []))
            if parts.path == "/api/v2/silences":
                return self._add(request.json()) if request.method == "POST" else Answer.of(list(self.silences.values()))
            if found := re.fullmatch(r"/api/v2/silence/([0-9a-f-]{36})", parts.path):
                return self._one(found[1], request.method)
        return Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})

    def resolve(self, fingerprint: str) -> None:
        """Let an alert end: the API no longer shows it."""
        self.alerts = [one for one in self.alerts if one["fingerprint"] != fingerprint]

    def _alerts(self, filters: list[str]) -> Answer:
        found = []
        for one in self.alerts:
            by = [name for name, silence in self.silences.items() if _hides(silence, one["labels"])]
            status = {"inhibitedBy": [], "silencedBy": by, "state": "suppressed" if by else "active"}
            if all(_fits(text, one["labels"]) for text in filters):
                found.append({**one, "status": status})
        return Answer.of(found)

    def _add(self, given: Any) -> Answer:
        if not isinstance(given, dict) or not given.get("matchers"):
            return Answer.of("invalid silence: at least one matcher required", 400)
        made = {**given, "id": str(uuid.uuid4()), "status": {"state": "active"}, "updatedAt": _now()}
        self.silences[made["id"]] = made
        self.written += 1
        return Answer.of({"silenceID": made["id"]})

    def _one(self, name: str, method: str) -> Answer:
        silence = self.silences.get(name)
        if silence is None:
            return Answer.of(f"silence {name} not found", 404)
        if method == "DELETE":
            self.written += silence["status"]["state"] != "expired"
            silence["status"] = {"state": "expired"}
            return Answer(200)
        return Answer.of(silence)


def _hides(silence: dict[str, Any], labels: dict[str, str]) -> bool:
    if silence["status"]["state"] != "active":
        return False
    return all(labels.get(one["name"], "") == one["value"] for one in silence["matchers"])


def _fits(text: str, labels: dict[str, str]) -> bool:
    name, _, quoted = text.partition("=")
    return bool(labels.get(name, "") == json.loads(quoted))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
