"""What stands in a message, as an object and back; pages of messages as records. Pure."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from connectors.kit.shapes import shaped
from connectors.mqtt.kind import LONGEST_TOPIC, MQTT
from core.errors import InputError, MalformedError, TielineError
from core.jsons import canonical, sha256
from core.strict import read_json
from core.words import Json, Record

POLLED = "polled"  #: the key that marks a page of ours


def decoded(payload: bytes) -> dict[str, Json]:
    r"""
    Return a payload as an object.

    >>> decoded(b'{"t": 71.2}'), decoded(b"on"), decoded(b"71.2"), decoded(b"\xff")
    ({'t': 71.2}, {'value': 'on'}, {'value': 71.2}, {'base64': '/w=='})
    """
    try:
        value = read_json(payload)
    except MalformedError:
        try:
            value = payload.decode()
        except UnicodeDecodeError:
            return {"base64": b64encode(payload).decode()}
    return value if isinstance(value, dict) else {"value": value}


def encoded(payload: Json) -> bytes:
    """
    Return the bytes to send; what `decoded` made is written as it came.

    >>> encoded({"value": "on"}), encoded({"t": 71.2}), encoded({"value": 5})
    (b'on', b'{"t":71.2}', b'5')
    """
    if not isinstance(payload, dict) or not payload:
        raise InputError(
            "There is no payload.", why="An empty message would clear the topic.", fix="Give an object with something in it."
        )
    if payload.keys() == {"base64"}:
        try:
            return b64decode(str(payload["base64"]), validate=True)
        except ValueError:
            raise InputError("base64 is not base64.", why="It cannot be decoded.", fix="Correct it.") from None
    if payload.keys() == {"value"} and not isinstance(payload["value"], dict):
        value = payload["value"]
        return value.encode() if isinstance(value, str) else canonical(value)
    return canonical(payload)


def plain_topic(topic: Json) -> str:
    """Return a topic that names one place, or refuse it."""
    if not isinstance(topic, str) or not topic or set("+#\0") & set(topic) or len(topic.encode()) > LONGEST_TOPIC:
        raise InputError(
            f"{str(topic)[:80]!r} is not one topic.",
            why="+ and # name many, an empty one none.",
            fix="Give a topic such as plant/press-07/cmd.",
        )
    return topic


def fields(topic: str, payload: bytes, level: int | None) -> dict[str, Json]:
    """Return the declared fields of a message."""
    levels = topic.split("/")
    device = levels[level - 1] if level is not None and level <= len(levels) else None
    return {"topic": topic, "device": device or None, "payload": decoded(payload)}


def parse(body: bytes) -> list[Record]:
    """Read a page of ours into records."""
    content = read_json(body)
    try:
        stream = MQTT.stream(content[POLLED])
        records = [_record(stream.name, shaped(one, stream.fields, "A message")) for one in content["shown"]]
        for topic in content.get("gone", ()):
            data: dict[str, Json] = {"topic": topic, "device": None, "payload": None}
            records.append(Record("states", _named(topic), shaped(data, stream.fields, "A cleared topic"), deleted=True))
    except TielineError as error:
        raise (
            error if isinstance(error, InputError) else MalformedError("The page cannot be read.", why=error.why, fix="")
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(
            "The page cannot be read.",
            why=f"{type(error).__name__}: {error}.",
            fix="Only pages that Tieline polled itself are read here.",
        ) from error
    return records


def _record(stream: str, data: dict[str, Any]) -> Record:
    return Record(stream, _named(data["topic"]), data, version=sha256(data["payload"])[:16])


def _named(topic: Json) -> str:
    if not isinstance(topic, str) or not topic:
        raise ValueError("a topic is empty")
    return topic
