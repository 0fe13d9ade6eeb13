"""Connectors: what is registered, whether it works, and how to change that."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bridges.registered import ConnectorRow
from connectors.kit.contract import CheckReport
from core.tables import connector as table
from gateway import listings, registering
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Name, Time, time

subject = Subject("connectors", "Registered instances of kinds: what we are connected to")


class CheckStep(Answer):
    """One line of a check: what it proves and whether it holds."""

    name: str
    ok: bool
    detail: str
    fix: str
    needed: bool


class CheckAnswer(Answer):
    """What a check proved, step by step."""

    ok: bool
    steps: list[CheckStep]


class StreamAnswer(Answer):
    """A polled stream and how its last poll went."""

    name: str
    enabled: bool
    every_s: int
    next_at: Time
    last_ok_at: Time | None
    failures: int
    cursor: Any
    last_error: Any


class DoorAnswer(Answer):
    """Where and how the other system delivers to us."""

    url: str = Field(description="a secret path is shown as {secret}")
    inbound: dict[str, Any]
    secret: str | None = Field(description="only right after it was made; it is never shown again")


class ConnectorAnswer(Answer):
    """One registered connector; its secrets are named, never shown."""

    name: str
    kind: str
    title: str | None
    state: Literal["ok", "draft", "held"]
    held_by: str | None
    held_since: Time | None
    breaker_open_until: Time | None
    breaker_reason: str | None
    settings: dict[str, Any]
    secrets: list[str] = Field(description="the names of the secrets that are set")
    door: DoorAnswer | None
    report: CheckAnswer | None
    checked_at: Time | None
    created_at: Time
    updated_at: Time
    streams: list[StreamAnswer]


class Connectors(Answer):
    """Every registered connector, by name."""

    items: list[ConnectorAnswer]


class Register(Body):
    """A new connector."""

    name: Name
    kind: str
    title: str | None = Field(None, max_length=200)
    settings: dict[str, Any] = Field({}, description="by the settings schema of the kind; secrets among them")
    inbound: dict[str, Any] | None = Field(None, description='how it pushes to us: {"scheme": "path"}, …')
    door_secret: str | None = Field(None, min_length=8, max_length=512, description="if left out, one is made")
    draft: bool = Field(False, description="save it even if the check fails")


class Change(Body):
    """What is to be different; what is left out stays."""

    title: str | None = Field(None, max_length=200)
    settings: dict[str, Any] | None = Field(None, description="members replace the old ones; null takes one away")
    inbound: dict[str, Any] | None = Field(None, description="replaces the old one; {} closes the door")
    door_secret: str | None = Field(None, min_length=8, max_length=512)
    rotate: bool = Field(False, description="a new door secret, while the old one still opens")
    draft: bool = Field(False, description="save it even if the check fails")


class StreamChange(Body):
    """How a stream is polled."""

    enabled: bool | None = None
    every_s: int | None = Field(None, ge=1, le=86_400)


@subject.get("/connectors")
def list_connectors(call: Call) -> Connectors:
    """List every registered connector."""
    return Connectors(items=[answer(call, row) for row in call.parts.registered.all()])


@subject.post("/connectors", scope="connectors:write", status=201, also=(404, 409, 502))
def register_connector(call: Call, body: Register) -> ConnectorAnswer:
    """
    Register a connector: its check runs first, and only if it passes the connector is saved.

    With `draft` it is saved anyway; deliveries to a draft are kept and wait.
    """
    _networks_are_for_admins(call, body.settings)
    wish = registering.Wish(body.title, body.settings, body.inbound, body.door_secret, draft=body.draft)
    made = registering.register(call.parts, body.kind, body.name, wish)
    return answer(call, made.row, made.door_secret)


def _networks_are_for_admins(call: Call, settings: dict[str, Any]) -> None:
    """Opening inner networks to a connector is an admin's decision; closing them again is anybody's who may change it."""
    if settings.get("allowed_networks"):
        call.caller.require("admin")


@subject.get("/connectors/<name>")
def get_connector(call: Call, name: str) -> ConnectorAnswer:
    """Show one connector."""
    return answer(call, call.parts.registered.row(name))


@subject.patch("/connectors/<name>", scope="connectors:write", also=(409, 502))
def change_connector(call: Call, name: str, body: Change) -> ConnectorAnswer:
    """Change settings, secrets or the door of a connector; its id and everything held for it stay."""
    _networks_are_for_admins(call, body.settings or {})
    wish = registering.Wish(body.title, body.settings, body.inbound, body.door_secret, body.rotate, body.draft)
    made = registering.update(call.parts, name, wish)
    return answer(call, made.row, made.door_secret)


@subject.post("/connectors/<name>/check", scope="connectors:write", also=(502,))
def check_connector(call: Call, name: str) -> CheckAnswer:
    """Check a connector now: reachability, credentials, each permission, a sample read."""
    return report_of(registering.check(call.parts, name))


@subject.post("/connectors/<name>/hold", scope="connectors:write")
def hold_connector(call: Call, name: str) -> ConnectorAnswer:
    """Hold a connector: what arrives is kept, nothing is handled or sent until it is released."""
    return answer(call, registering.hold(call.parts, name, call.caller.name))


@subject.post("/connectors/<name>/release", scope="connectors:write", also=(409,))
def release_connector(call: Call, name: str) -> ConnectorAnswer:
    """Release a held connector: what was kept is handled in its order."""
    return answer(call, registering.release(call.parts, name))


@subject.patch("/connectors/<name>/streams/<stream>", scope="connectors:write")
def change_stream(call: Call, name: str, stream: str, body: StreamChange) -> ConnectorAnswer:
    """Switch the polling of a stream on or off, or change how often it is asked."""
    registering.change_stream(call.parts, name, stream, enabled=body.enabled, every_s=body.every_s)
    return answer(call, call.parts.registered.row(name))


def answer(call: Call, row: ConnectorRow, door_secret: str | None = None) -> ConnectorAnswer:
    """Return what may be seen of a connector."""
    with call.parts.db.read() as conn:
        full = conn.execute(table.select().where(table.c.id == row.id)).mappings().one()
        streams = listings.streams(conn, row.id)
    shown = set(StreamAnswer.model_fields)
    return ConnectorAnswer(
        name=row.name,
        kind=row.kind,
        title=full["title"],
        state=full["state"],
        held_by=full["held_by"],
        held_since=time(full["held_since"]),
        breaker_open_until=time(full["breaker_open_until"]),
        breaker_reason=full["breaker_reason"],
        settings=full["settings"],
        secrets=sorted(row.secrets),
        door=door_of(call, row, door_secret),
        report=full["report"] and CheckAnswer.model_validate(full["report"]),
        checked_at=time(full["checked_at"]),
        created_at=time(full["created_at"]) or "",
        updated_at=time(full["updated_at"]) or "",
        streams=[StreamAnswer(**{key: one[key] for key in shown}) for one in streams],
    )


def door_of(call: Call, row: ConnectorRow, secret: str | None) -> DoorAnswer | None:
    """Return the door as its sender must know it."""
    if not row.inbound:
        return None
    url = f"{call.parts.settings.public_url}/in/{row.name}"
    if row.inbound.get("scheme") == "path":
        url += "/" + (secret or "{secret}")
    return DoorAnswer(url=url, inbound=row.inbound, secret=secret)


def report_of(report: CheckReport) -> CheckAnswer:
    """Return a check's report as the API writes it."""
    return CheckAnswer.model_validate(report.as_dict())
