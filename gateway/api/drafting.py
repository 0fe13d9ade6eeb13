"""Drafting a mapping: from what a connector really sent, or from samples, to a proposal that can be published."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import Field, field_validator

from bridges import records
from bridges.parsed import records_of
from bridges.records import Which
from connectors.kit.contract import Kind, Stream
from core import definitions as store
from core.definitions import unknown
from core.errors import NotFoundError
from core.words import Record
from gateway.operations import Call, Subject
from gateway.refusals import ValidationError
from gateway.shapes import Answer, Body
from mappings.drafting import draft, written
from mappings.models import EntitySpec, read

subject = Subject("drafting", "Propose a mapping from samples")

MOST_SAMPLES = 500


class ToDraft(Body):
    """For which entity a connector's stream is to be mapped, and from which samples."""

    connector: str
    entity: str
    stream: str | None = Field(None, description="needed where the kind has several")
    last: int = Field(100, ge=1, le=MOST_SAMPLES, description="so many records that were really sent")
    records: list[dict[str, Any]] | None = Field(
        None,
        min_length=1,
        max_length=MOST_SAMPLES,
        description="samples instead of what was sent; raw bodies are read by the kind",
    )
    zone: str | None = Field(None, description="of times that tell none, such as Asia/Shanghai; else Tieline's own")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        try:
            return zone if zone is None or ZoneInfo(zone) else None
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no IANA time zone such as Asia/Shanghai") from error


class Proposal(Answer):
    """One field as it is proposed, how sure that is (0 to 1), and why, in both languages."""

    field: str
    mapped: dict[str, Any]
    confidence: float
    en: str
    zh: str


class NotProposed(Answer):
    """A field for which nothing was likely enough, and the nearest place."""

    field: str
    nearest: str | None
    en: str
    zh: str


class Shape(Answer):
    """The shape that the ids seem to have."""

    pattern: str
    normaliser: str
    confidence: float
    en: str
    zh: str
    examples: list[str]


class Drafted(Answer):
    """A mapping that can be published as it is, with the reason of each field; `yaml` is the same with comments."""

    mapping: dict[str, Any]
    records: int
    proposals: list[Proposal]
    not_proposed: list[NotProposed]
    unused: list[str] = Field(description="places that no field reads")
    id_shape: Shape | None
    yaml: str


@subject.post("/mappings/draft", scope="read", also=(404,))
def draft_mapping(call: Call, body: ToDraft) -> Drafted:
    """
    Propose how a connector's records become an entity, from names (English and Chinese), values and formats.

    Nothing is stored. Look at what has a low confidence, try it with `compare`, then publish it.
    """
    row = call.parts.registered.row(body.connector)
    kind = call.parts.registered.find_class(row.kind).kind
    stream = _stream(kind, body.stream)
    entity = _entity(call, body.entity)
    samples, ids = _given(call, body, stream) if body.records is not None else _sent(call, body, kind, stream)
    source = {"kind": kind.name, "stream": stream.name}
    own = {"connector": row.name} if kind.name == "webhook" else {}  # each webhook sends something else
    found = draft(
        {"name": f"{row.name}-{stream.name}"[:79], "from": {**source, **own}},
        entity,
        samples,
        zone=body.zone or call.parts.settings.time_zone,
        declared=[(one.name, one.help, one.words) for one in stream.fields],
        ids=ids,
        counted=kind.counted_ids,
    )
    return Drafted(
        mapping=found.spec,
        records=found.records,
        proposals=[Proposal.model_validate(asdict(one)) for one in found.proposals],
        not_proposed=[NotProposed.model_validate(asdict(one)) for one in found.left],
        unused=found.unused,
        id_shape=None
        if found.shape is None
        else Shape.model_validate(asdict(found.shape) | {"examples": [*found.shape.examples]}),
        yaml=written(found, call.language),
    )


def _stream(kind: Kind, name: str | None) -> Stream:
    if name is not None:
        return kind.stream(name)
    if len(kind.streams) == 1:
        return kind.streams[0]
    listed = ", ".join(one.name for one in kind.streams)
    raise ValidationError("body", [{"path": "stream", "what": f"is needed: {kind.name} has {listed}"}])


def _entity(call: Call, name: str) -> EntitySpec:
    """Return a live entity without the fields that a formula computes."""
    with call.parts.db.read() as conn:
        entities = {one.name: one.spec for one in store.live(conn, "entity")}
        computed = {str(one.spec["of"]).partition(".")[2] for one in store.live(conn, "formula")
                    if str(one.spec["of"]).startswith(f"{name}.")}  # fmt: skip
    if name not in entities:
        missing = unknown("", "entity", name, entities)
        raise NotFoundError(missing.what, why="Only a live entity can be mapped onto.", fix=missing.fix)
    model = read("entity", dict(entities[name]))
    assert isinstance(model, EntitySpec), "what is live has the form of its kind"
    return model.model_copy(update={"fields": {one: spec for one, spec in model.fields.items() if one not in computed}})


def _sent(call: Call, body: ToDraft, kind: Kind, stream: Stream) -> tuple[list[dict[str, Any]], list[str]]:
    which = Which(kind.name, stream.name, body.connector, last=body.last)
    found = records.find(call.parts.db, call.parts.registered, which)
    if not found.sent:
        raise NotFoundError(
            f"{body.connector} has sent no record of {stream.name} that is kept.",
            why="There is nothing to draft from.",
            fix="Wait for a poll or a push, or give samples.",
        )
    return [one.record.data for one in found.sent], [one.record.external_id for one in found.sent]


def _given(call: Call, body: ToDraft, stream: Stream) -> tuple[list[dict[str, Any]], list[str]]:
    """Take samples as they are when they have the stream's declared names; else let the kind read them as bodies."""
    given = body.records or []
    declared = {one.name.partition(".")[0] for one in stream.fields}
    if any(declared & one.keys() for one in given) and not all(_is_message(stream, one) for one in given):
        return given, []
    row = call.parts.registered.row(body.connector)
    read_: list[Record] = []
    for one in given:
        sample = {
            "receipt": "a sample",
            "body": orjson.dumps(one),
            "headers": {},
            "received_at": 0,
            "origin": "push",
            "stream": None,
        }
        read_ += records_of(sample, row, call.parts.registered)
    mine = [one for one in read_ if one.stream == stream.name and not one.deleted]
    if not mine:
        raise ValidationError("body", [{"path": "records", "what": f"hold nothing of {stream.name}"}])
    return [one.data for one in mine], [one.external_id for one in mine]


def _is_message(stream: Stream, record: dict[str, Any]) -> bool:
    """Say whether a sample is a bare message of a webhook: its stream wraps it in ``data``."""
    return stream.name == "messages" and "data" not in record
