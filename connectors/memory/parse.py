"""Bytes into records, purely: a polled page or a pushed thing of the in-memory system."""

from __future__ import annotations

from connectors.kit.contract import Stream
from connectors.kit.shapes import ShapeError, shaped
from connectors.memory.kind import ALERTS, TICKETS
from core.clock import from_rfc3339
from core.strict import read_json
from core.words import Json, Record

_PUSHED = {"alert": ALERTS, "ticket": TICKETS}
_POLLED = {stream.name: stream for stream in (ALERTS, TICKETS)}


def read_body(body: bytes) -> list[Record]:
    """Read ``{"stream": name, "records": […]}`` or ``{"alert": {…}}`` or ``{"ticket": {…}}``."""
    content = read_json(body)
    if isinstance(content, dict):
        if content.keys() == {"stream", "records"} and isinstance(content["records"], list):
            stream = _POLLED.get(content["stream"]) if isinstance(content["stream"], str) else None
            if stream is not None:
                return [_record(stream, thing) for thing in content["records"]]
        for name, stream in _PUSHED.items():
            if content.keys() == {name}:
                return [_record(stream, content[name])]
    raise ShapeError(
        "The body is neither a page nor a pushed thing.",
        why="It must hold 'alert' or 'ticket' alone, or 'stream' with 'records'.",
        fix='Send for example {"alert": {"id": "7001", …}}.',
    )


def _record(stream: Stream, thing: Json) -> Record:
    version = thing.get("_version") if isinstance(thing, dict) else None
    data = {name: value for name, value in thing.items() if name != "_version"} if isinstance(thing, dict) else thing
    shaped(data, stream.fields, f"A record of {stream.name}")
    for name in ("id", "at"):
        if not data[name]:
            raise ShapeError(f"A record of {stream.name} lacks {name!r}.", why="It is empty.", fix="Send it.")
    return Record(
        stream=stream.name,
        external_id=data["id"],
        data=data,
        at=from_rfc3339(data["at"]),
        version=version if isinstance(version, str) else None,
        actor=data.get("actor"),
        hint=data.get("tieline_ref"),
    )
