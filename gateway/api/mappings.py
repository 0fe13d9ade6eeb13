"""Mappings on real records: explained field by field, compared with another version, turned into cases."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import Connection

from bridges import records
from bridges.records import MOST, Sent, Which
from core.clock import to_rfc3339
from core.errors import NotFoundError
from gateway.authoring.exported import write_yaml
from gateway.operations import Call, Subject
from gateway.refusals import ValidationError
from gateway.shapes import Answer, Body, Moment
from mappings.cases import capture
from mappings.compared import compare
from mappings.traced import trace
from mappings.versions import Ready, ready, ready_spec

subject = Subject("mappings", "Mappings on real records: explain, compare, capture, draft")


class Version(Body):
    """Which mapping: a stored version, or one as somebody wrote it; left out: the live one."""

    version: int | None = Field(None, ge=1)
    definition: dict[str, Any] | None = Field(None, description="a mapping that is not stored")


class Explained(Version):
    """Which record: one that is given, or that of an event or delivery; left out: the newest that is kept."""

    record: dict[str, Any] | None = Field(None, description="as the connector's stream gives it")
    id: str | None = Field(None, description="evt_… or rcp_…")


class Window(Version):
    """Which records: the newest ones, of one connector or of all of the mapping's kind, or those of a window."""

    connector: str | None = None
    last: int = Field(200, ge=1, le=MOST)
    since: Moment | None = None
    until: Moment | None = None


class ToCompare(Window):
    """Which version is compared with which, on which records."""

    against: int | None = Field(None, ge=1, description="the other version; left out: the live one")


class ToCapture(Window):
    """Which records become cases, and whether members that the mapping does not read are kept."""

    last: int = Field(20, ge=1, le=200)
    whole: bool = False


class StepTrace(Answer):
    """One step of a field: what it made of the value; gone: after it there is none; why: it could not."""

    step: Any
    value: Any
    gone: bool
    why: str | None


class FieldTrace(Answer):
    """How one field comes about."""

    field: str
    type: str
    path: str
    found: bool = Field(description="whether the path leads to something in this record")
    raw: Any
    steps: list[StepTrace]
    state: str = Field(description="present, null, missing or invalid")
    written: bool
    value: Any
    policy: str = Field(description="`written`, or the policy that was asked and what it says")
    why: str | None
    fix: str | None


class Explanation(Answer):
    """A record under a mapping, field by field."""

    mapping: str
    version: int | None
    receipt: str | None
    connector: str | None
    refused: bool = Field(description="true: nothing of this record is written")
    fields: list[FieldTrace]


class Side(Answer):
    """A field as one version makes it."""

    state: str
    value: Any
    why: str | None


class FieldChange(Answer):
    """A field of a record that differs."""

    field: str
    verdict: str
    before: Side
    after: Side


class Example(FieldChange):
    """The same, with the record it is of."""

    receipt: str
    external_id: str


class ChangedField(Answer):
    """How often a field differs, and some examples, the worst first."""

    field: str
    newly_failing: int
    newly_fixed: int
    changed: int
    examples: list[Example]


class ChangedRecord(Answer):
    """One record that differs."""

    receipt: str
    external_id: str
    verdict: str
    fields: list[FieldChange]


class Counts(Answer):
    """How many records are the same, changed, newly failing, newly fixed."""

    same: int
    changed: int
    newly_failing: int
    newly_fixed: int


class Comparison(Answer):
    """What two versions make of the same records; nothing was stored."""

    mapping: str
    before: int | None = Field(description="null: there is no other version; everything is new")
    after: int | None = Field(description="null: the definition that was sent")
    looked_at: int
    unreadable: int = Field(description="deliveries that no version can read")
    more: bool = Field(description="there are more records than were looked at")
    counts: Counts
    failing: int = Field(description="records that fail under both")
    fields: list[ChangedField]
    records: list[ChangedRecord] = Field(description="the first 50 that differ")


class Captured(Answer):
    """Cases made from real records, what is about people masked; `yaml` is the same for a file."""

    mapping: str
    looked_at: int
    cases: list[dict[str, Any]]
    yaml: str


@subject.post("/mappings/<name>/explain", scope="read")
def explain_mapping(call: Call, name: str, body: Explained) -> Explanation:
    """Say of each field: the path, the raw value, each step's value, and the policy applied."""
    if body.record is not None and body.id is not None:
        raise ValidationError("body", [{"path": "id", "what": "give a record or an id, not both"}])
    with call.parts.db.read() as conn:
        chosen = _ready(conn, name, body)
    sent = None if body.record is not None else _one(call, chosen, body.id)
    record = sent.record.data if sent is not None else body.record or {}
    told = trace(chosen.mapping, record).as_dict()
    found = {"receipt": sent.receipt if sent else None, "connector": sent.connector if sent else None}
    return Explanation.model_validate({**told, "mapping": name, "version": chosen.n, **found})


@subject.post("/mappings/<name>/compare", scope="read")
def compare_mapping(call: Call, name: str, body: ToCompare) -> Comparison:
    """
    Run two versions over the same real records and say what differs: changed, newly failing, newly fixed.

    This is the dry run of a change, and the replay of a window with any version: into a comparison, not into the data.
    """
    with call.parts.db.read() as conn:
        after = _ready(conn, name, body)
        try:
            before = ready(conn, name, body.against)
        except NotFoundError:
            if body.against is not None:
                raise
            before = None  # nothing is live yet: everything is new
    found = records.find(call.parts.db, call.parts.registered, _which(after, body))
    told = compare(
        before.mapping if before else None,
        after.mapping,
        ((one.record.data, {"receipt": one.receipt, "external_id": one.record.external_id}) for one in found.sent),
    )
    return Comparison.model_validate(
        {
            **told.as_dict(),
            "mapping": name,
            "before": before.n if before else None,
            "after": after.n,
            "unreadable": found.unreadable,
            "more": found.more,
        }
    )


@subject.post("/mappings/<name>/capture", scope="read")
def capture_cases(call: Call, name: str, body: ToCapture) -> Captured:
    """
    Turn the last real records into cases; what is about people is masked, the form of it stays.

    `expect` is what the mapping makes of each today: correct it where today is wrong, and put it into the definition.
    """
    with call.parts.db.read() as conn:
        chosen = _ready(conn, name, body)
    found = records.find(call.parts.db, call.parts.registered, _which(chosen, body))
    named = ((f"{(to_rfc3339(one.received_at) or '')[:10]} {one.receipt}", one.record.data) for one in found.sent)
    cases = capture(chosen.mapping, _numbered(named), whole=body.whole)
    text = write_yaml([{"cases": cases}]) if cases else ""
    return Captured(mapping=name, looked_at=len(found.sent), cases=cases, yaml=text)


def _ready(conn: Connection, name: str, asked: Version) -> Ready:
    if asked.definition is None:
        return ready(conn, name, asked.version)
    if asked.version is not None:
        raise ValidationError("body", [{"path": "version", "what": "give a version or a definition, not both"}])
    if asked.definition.get("name", name) != name:
        raise ValidationError("body", [{"path": "definition.name", "what": f"is not {name!r}, which the address names"}])
    return ready_spec(conn, {"kind": "mapping", "name": name, **asked.definition})


def _which(chosen: Ready, asked: Window) -> Which:
    source = chosen.spec.from_
    if asked.connector is not None and source.connector not in (None, asked.connector):
        fault = f"the mapping reads {source.connector} only"
        raise ValidationError("body", [{"path": "connector", "what": fault}])
    connector = asked.connector or source.connector
    return Which(source.kind, source.stream, connector, asked.last, asked.since, asked.until)


def _one(call: Call, chosen: Ready, public_id: str | None) -> Sent:
    db, registered, source = call.parts.db, call.parts.registered, chosen.spec.from_
    if public_id is not None:
        return records.of_event(db, registered, public_id, source.stream)
    found = records.find(db, registered, Which(source.kind, source.stream, source.connector, last=1))
    if not found.sent:
        raise NotFoundError(
            f"There is no record of {source.kind}/{source.stream} to explain.",
            why="No delivery that is kept holds one.",
            fix="Give a record, or wait for the source to send one.",
        )
    return found.sent[0]


def _numbered(named: Any) -> Any:
    """Give each record a name of its own: one delivery may hold several."""
    seen: dict[str, int] = {}
    for name, record in named:
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), record
