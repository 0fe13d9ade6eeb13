"""A received message into one record, purely, whatever dialect it speaks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from connectors.kit.shapes import ShapeError
from core.clock import from_rfc3339, to_rfc3339
from core.strict import read_json
from core.words import Delivery, Json, Micros, Record


def read_message(delivery: Delivery, id_field: str) -> list[Record]:
    """Read a CloudEvent, a Standard Webhooks payload or a plain JSON object."""
    content = read_json(delivery.body)
    if not isinstance(content, dict):
        raise ShapeError("The message is not an object.", why="It is a list or a bare value.", fix="Send one JSON object.")
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    about, payload = _envelope(content, headers)
    message_id = about["id"] or f"sha256:{hashlib.sha256(delivery.body).hexdigest()}"
    at = _time(about["time"])
    data = {**about, "id": message_id, "type": about["type"] or "message", "time": to_rfc3339(at), "data": payload}
    return [Record("messages", _named(content, id_field) if id_field else message_id, data, at=at, version=message_id)]


def _envelope(content: dict[str, Json], headers: Mapping[str, str]) -> tuple[dict[str, str | None], dict[str, Json]]:
    """Return id, type, source and time as its dialect writes them, and the message itself."""
    names = ("id", "type", "source", "time")
    if "ce-specversion" in headers:
        return {name: headers.get(f"ce-{name}") or None for name in names}, content
    if isinstance(content.get("specversion"), str) and isinstance(content.get("data"), dict):
        return {name: _text(content.get(name)) for name in names}, content["data"]
    about = {"id": headers.get("webhook-id") or _text(content.get("id")), "type": _text(content.get("type"))}
    return {**about, "source": None, "time": _text(content.get("timestamp"))}, content


def _named(content: dict[str, Json], path: str) -> str:
    value: Json = content
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    if not found:
        raise ShapeError(
            f"The message has no {path!r}.",
            why="The connector's id_field says that it names the thing the message is about.",
            fix=f"Send {path}, or correct id_field of the connector.",
        )
    return found


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: Json) -> Micros | None:
    if not isinstance(value, str):
        return None
    try:
        at = from_rfc3339(value)
        return at if to_rfc3339(at) else None
    except (ValueError, OverflowError):
        return None
