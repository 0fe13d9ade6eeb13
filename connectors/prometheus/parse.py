"""Alerts and targets into records, purely. Prometheus itself pushes nothing: only polled pages are read here."""

from __future__ import annotations

from typing import Any

from connectors.kit.contract import Stream
from connectors.kit.shapes import shaped
from connectors.prometheus.kind import ALERTS, TARGETS
from connectors.prometheus.promql import number
from core.clock import from_rfc3339, to_rfc3339
from core.errors import MalformedError, TielineError
from core.jsons import sha256
from core.strict import read_json
from core.words import Json, Record

POLLED = "polled"  #: the key that marks a page of ours


def read_page(body: bytes) -> list[Record]:
    """Read a page of alerts or targets."""
    content = read_json(body)
    try:
        if content[POLLED] == "alerts":
            found = [_alert(one) for one in content["shown"]] + [
                _resolved(name, kept) for name, kept in content["gone"].items()
            ]
            return [_record(ALERTS, one, one["active_at"]) for one in found]
        if content[POLLED] == "targets":
            return [_record(TARGETS, _target(one), None) for one in content["shown"]] + [
                Record("targets", str(name), {**kept, "id": str(name), "health": "unknown"}, deleted=True)
                for name, kept in content["gone"].items()
                if shaped({**kept, "id": str(name), "health": "unknown"}, TARGETS.fields, "A gone target")
            ]
    except TielineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedError(
            "The page cannot be read.",
            why=f"{type(error).__name__}: {error}.",
            fix="Only pages that Tieline polled are read here.",
        ) from error
    raise MalformedError("The body is no page of ours.", why="Prometheus does not push.", fix="Let Alertmanager push instead.")


def alert_id(labels: dict[str, Any], active_at: str) -> str:
    """Name one episode of an alert: the same labels at another time are another one."""
    return f"{sha256(labels)[:16]}@{to_rfc3339(from_rfc3339(active_at))}"


def target_id(one: dict[str, Any]) -> str:
    """Name a target; two ports of one instance label are two."""
    return f"{one['labels'].get('job', '')}/{one['labels'].get('instance', '')}/{one['scrapeUrl']}"


def _alert(one: dict[str, Any]) -> dict[str, Json]:
    labels, notes = dict(one["labels"]), dict(one.get("annotations") or {})
    return {
        **_named(alert_id(labels, one["activeAt"]), labels, one["activeAt"]),
        "status": one["state"],
        "summary": notes.get("summary") or notes.get("description"),
        "annotations": notes,
        "value": number(one.get("value")),
    }


def _resolved(name: str, kept: dict[str, Any]) -> dict[str, Json]:
    return {**_named(str(name), dict(kept["labels"]), kept["active_at"]), "status": "resolved"}


def _named(name: str, labels: dict[str, Any], active_at: str) -> dict[str, Json]:
    return {
        "id": name,
        "alertname": str(labels.get("alertname") or ""),
        "severity": labels.get("severity"),
        "instance": labels.get("instance"),
        "labels": labels,
        "active_at": to_rfc3339(from_rfc3339(active_at)),
    }


def _target(one: dict[str, Any]) -> dict[str, Json]:
    labels = dict(one["labels"])
    return {
        "id": target_id(one),
        "job": str(labels.get("job") or ""),
        "instance": str(labels.get("instance") or ""),
        "health": one["health"],
        "last_error": one.get("lastError") or "",
        "labels": labels,
        "url": one["scrapeUrl"],
    }


def _record(stream: Stream, fields: dict[str, Json], at: str | None) -> Record:
    shaped(fields, stream.fields, f"A record of {stream.name}")
    name = str(fields["id"])
    # the time is that of the episode's beginning, so only a first state carries it
    return Record(stream.name, name, fields, at=from_rfc3339(at) if at and fields.get("status") != "resolved" else None)
