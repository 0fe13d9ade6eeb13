"""Trying a connector: what a read shows and what an act would send, without storing or sending anything."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gateway import trying
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Time

subject = Subject("trying", "A look through a connector: every request and answer, nothing stored")


class TryRead(Body):
    """What is to be read."""

    what: str = Field(description="a stream or a lookup of the connector's kind")
    inputs: dict[str, Any] = Field(default={}, description="the inputs of a lookup")
    cursor: Any = Field(None, description="where a stream is read from; null: from the beginning")
    limit: int = Field(10, ge=1, le=trying.MOST_RECORDS)


class TryAct(Body):
    """What would be written."""

    act: str
    arguments: dict[str, Any] = Field(default={})
    confirm: bool = Field(False, description="really do it; without it nothing is sent")


class SeenRequest(Answer):
    """One request, and its answer if it was sent; secrets are masked."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    status: int | None = None
    answer_headers: dict[str, str] = Field(default={})
    answer: str | None = None
    took_ms: float | None = None


class SeenField(Answer):
    """A declared field and what was seen of it."""

    name: str
    declared: str
    seen: list[str]
    present: int
    of: int


class SeenRecord(Answer):
    """One record as it would be handled."""

    stream: str
    external_id: str
    data: dict[str, Any]
    at: Time | None
    version: str | None
    actor: str | None
    hint: str | None
    deleted: bool


class ReadTried(Answer):
    """What a read showed."""

    requests: list[SeenRequest]
    records: list[SeenRecord]
    values: dict[str, Any] | None
    cursor_before: Any
    cursor_after: Any
    more: bool
    fields: list[SeenField] = Field(description="declared fields and what was seen of each")
    error: dict[str, Any] | None


class ActTried(Answer):
    """What an act would send, or did."""

    requests: list[SeenRequest]
    sent: bool
    outcome: dict[str, Any] | None
    verified: dict[str, Any] | None
    note: str | None
    error: dict[str, Any] | None


@subject.post("/connectors/<name>/try-read", scope="connectors:write", also=(409,))
def try_read(call: Call, name: str, body: TryRead) -> ReadTried:
    """
    Read one page or one subject and show everything: requests, answers, records, cursors, what the fields really hold.

    Nothing is stored, and the stream's own cursor stays where it is.
    """
    found = trying.read(call.parts, name, body.what, body.inputs, body.cursor, body.limit)
    return ReadTried(
        requests=[SeenRequest.model_validate(one) for one in found.requests],
        records=[SeenRecord.model_validate(one) for one in found.records],
        values=found.values,
        cursor_before=found.cursor_before,
        cursor_after=found.cursor_after,
        more=found.more,
        fields=[SeenField.model_validate(one) for one in found.schema],
        error=found.error,
    )


@subject.post("/connectors/<name>/try-act", scope="connectors:write", also=(409,))
def try_act(call: Call, name: str, body: TryAct) -> ActTried:
    """Show the requests an act would send; with `confirm` it is done and read back (this also needs `actions:write`)."""
    if body.confirm:
        call.caller.require("actions:write")
    found = trying.act(call.parts, name, body.act, body.arguments, confirm=body.confirm)
    return ActTried(
        requests=[SeenRequest.model_validate(one) for one in found.requests],
        sent=found.sent,
        outcome=found.outcome,
        verified=found.verified,
        note=found.note,
        error=found.error,
    )
