"""The alertmanager connector: composes reading, silencing and the check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.alertmanager import silences
from connectors.alertmanager.kind import ALERTMANAGER, AlertmanagerSettings
from connectors.alertmanager.parse import POLLED, alert_id, polled, read_body
from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.changes import changes
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.shapes import shaped
from core.clock import Clock
from core.errors import InputError
from core.jsons import canonical
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

MOST_ALERTS = 50
SHOWN = ("id", "alertname", "severity", "summary", "starts_at", "silenced")
_VOLATILE = ("updatedAt", "endsAt", "receivers")  #: each sending moves them


class Alertmanager(Connector):
    """One registered Alertmanager (or one address of its cluster). Threads share the pool."""

    kind: ClassVar[Kind] = ALERTMANAGER

    def __init__(self, name: str, settings: AlertmanagerSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._client = settings.client("Alertmanager")

    def check(self) -> CheckReport:
        """Only read: that it is up, that our credentials reach the API, and a sample of alerts and silences."""
        report = CheckReport()
        if not report.run("reachable", self._reach) or not report.run("credentials", self._status):
            return report
        report.run("sample:alerts", lambda: f"{len(self._alerts())} alerts hold now.")
        report.run("sample:silences", lambda: f"{len(silences.listed(self._client))} silences, ended ones included.")
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a pushed group or a polled page."""
        del settings
        return read_body(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read what changed since the cursor; whatever is no longer shown has ended."""
        self.kind.stream(stream)
        shown = {alert_id(one): one for one in self._alerts()}
        counts = {name: {key: at for key, at in one.items() if key not in _VOLATILE} for name, one in shown.items()}
        keep: dict[str, Json] = {name: {"labels": one["labels"]} for name, one in shown.items()}
        found = changes(counts, cursor, limit, keep=keep)
        body = canonical({POLLED: stream, "shown": [shown[name] for name in found.fresh], "gone": found.gone})
        return Page(body, found.cursor, more=found.more, count=len(found.fresh) + len(found.gone))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read the alerts that carry a label value."""
        self.kind.lookup(name)
        label, value = inputs.get("label"), inputs.get("value")
        if not isinstance(label, str) or not label.isidentifier() or not isinstance(value, str):
            raise InputError("The label is not named.", why="A label and its value choose alerts.", fix="Give label and value.")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        found = [polled(one) for one in self._alerts({"filter": f'{label}="{quoted}"'}, timeout_s)]
        found.sort(key=lambda one: str(one["starts_at"]))
        alerts = [{field: one[field] for field in SHOWN} for one in found[:MOST_ALERTS]]
        source = f"alertmanager alerts {label}={value}"
        return Found({"alerts": alerts, "count": len(found)}, self.clock.now(), source, absent=not found)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Silence an alert, or end our silences for it."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        author = self.settings.author
        if name == "silence":
            return silences.silence(self._client, author, arguments, key, self.clock.now())
        return silences.unsilence(self._client, author, arguments)

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the silences back."""
        self.kind.act(name)
        return silences.verify(self._client, self.settings.author, name, arguments, outcome)

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()

    def _alerts(self, query: Mapping[str, str] | None = None, timeout_s: float | None = None) -> list[dict[str, Any]]:
        answer = self._client.get("api/v2/alerts", query=query, timeout_s=timeout_s)
        found = answer.json()
        if not isinstance(found, list) or not all(isinstance(one, dict) and _whole(one) for one in found):
            raise UnreadableAnswerError(
                f"Alertmanager answered {answer.place} with no list of alerts.",
                why="API v2 promises one, each with fingerprint, labels, status and beginning.",
                fix="See whether url leads to an Alertmanager.",
            )
        return sorted(found, key=lambda one: str(one["fingerprint"]))

    def _reach(self) -> str:
        answer = self._client.get("-/ready", accept=(401, 403, 404))  # a proxy may hide it
        return f"Something answers at {self._client.origin} (readiness: {answer.status})."

    def _status(self) -> str:
        """Say the version. The answer also holds the whole configuration with its secrets: it is shown nowhere."""
        content = self._client.get("api/v2/status").json()
        version = (content.get("versionInfo") or {}).get("version") if isinstance(content, dict) else None
        return f"API v2 of Alertmanager {str(version or 'of an unknown version')[:40]}."


def _whole(one: Mapping[str, Any]) -> bool:
    status = one.get("status")
    named = isinstance(one.get("fingerprint"), str) and isinstance(one.get("startsAt"), str)
    return named and isinstance(one.get("labels"), dict) and isinstance(status, dict) and "state" in status
