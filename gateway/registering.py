"""
Registering a connector: the check comes first, the row after it.

A connector whose check fails is not saved, unless it is wanted as a draft. Changing settings or
secrets keeps the id, so everything that refers to it, and everything held for it, goes on where it
stood. No network call happens inside a transaction. Secrets go in and never come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pydantic
from pydantic import SecretStr
from sqlalchemy import Connection, select

from bridges import holds, tokens
from bridges.registered import ConnectorRow
from connectors.kit import webhooks
from connectors.kit.contract import CheckReport, Connector, Kind, Settings
from connectors.kit.refusals import DoorSetupError
from core.definitions import unknown
from core.errors import ConflictError, SetupError
from core.repairs import close_repair, open_repair
from core.tables import connector, stream
from core.words import Json, Micros
from gateway import doorkeys
from gateway.operations import faults_of
from gateway.parts import Parts
from gateway.refusals import CheckFailedError, ValidationError

_WAITING = "None needed"
"""What a passing trouble says: true for a worker that tries again, no use to somebody who registers."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a connector to be; None leaves a thing as it is."""

    title: str | None = None
    settings: Mapping[str, Json] | None = None
    inbound: Mapping[str, Json] | None = None
    door_secret: str | None = field(default=None, repr=False)
    rotate: bool = False
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """What came of it: the row, what the check proved, and the door's new secret, shown this once."""

    row: ConnectorRow
    report: CheckReport
    door_secret: str | None = field(default=None, repr=False)


def register(parts: Parts, kind_name: str, name: str, wish: Wish) -> Registration:
    """Check a new connector and save it; with ``draft`` it is saved even if the check fails."""
    cls = parts.find_class(kind_name)
    with parts.db.read() as conn:
        if conn.execute(select(connector.c.id).where(connector.c.name == name)).first():
            raise ConflictError(
                f"There is a connector {name!r} already.",
                why="A name belongs to one connector.",
                fix="Choose another name, or change the existing one:"
                f" `tieline connectors set {name}` or PATCH /api/v1/connectors/{name}.",
            )
    settings, secrets = split(cls.kind, wish.settings or {})
    inbound, secrets, shown = door(cls.kind, {}, wish, secrets)
    trial = tokens.TrialTokens()
    report = try_out(cls, name, {**settings, **secrets}, draft=wish.draft, kept=trial)
    with parts.db.write() as conn:
        now = parts.db.now(conn)
        values: dict[str, Any] = {
            "name": name,
            "kind": kind_name,
            "title": wish.title,
            "settings": settings,
            "secrets": parts.vault.seal(secrets) if secrets else None,
            "inbound": inbound or None,
            "state": "ok" if report.ok else "draft",
            "report": report.as_dict(),
            "checked_at": now,
            "created_at": now,
            "updated_at": now,
        }
        made = conn.execute(connector.insert().values(**values).returning(connector.c.id)).scalar_one()
        add_streams(conn, made, cls.kind, now)
    trial.settle(tokens.RowTokens(parts.db, parts.vault, made))
    parts.registered.refresh()
    parts.ring()
    return Registration(parts.registered.row(name), report, shown)


def update(parts: Parts, name: str, wish: Wish) -> Registration:
    """Change a connector in place: members given replace the old, null takes a member away, the id stays."""
    row = parts.registered.row(name)
    cls = parts.find_class(row.kind)
    kept_door = {key: value for key, value in row.secrets.items() if key == doorkeys.NAME}
    own = {key: value for key, value in row.secrets.items() if key != doorkeys.NAME}
    merged = {**row.settings, **own, **(wish.settings or {})}
    settings, secrets = split(cls.kind, {key: value for key, value in merged.items() if value is not None})
    _ask_again(row, settings, [key for key in own if key in secrets and key not in (wish.settings or {})])
    inbound, secrets, shown = door(cls.kind, row.inbound, wish, {**secrets, **kept_door})
    rows = tokens.RowTokens(parts.db, parts.vault, row.id)
    trial = tokens.TrialTokens(rows)
    report = try_out(cls, name, {**settings, **secrets}, draft=wish.draft or row.state == "draft", kept=trial)
    trial.settle(rows)
    with parts.db.write() as conn:
        now = parts.db.now(conn)
        changes: dict[str, Any] = {
            "settings": settings,
            "secrets": parts.vault.seal(secrets) if secrets else None,
            "inbound": inbound or None,
        }
        if wish.title is not None:
            changes["title"] = wish.title
        conn.execute(connector.update().where(connector.c.id == row.id).values(**changes))
        tokens.try_again(conn, row.id)
        _record(conn, row, report, now)
    parts.registered.refresh()
    parts.ring()
    return Registration(parts.registered.row(name), report, shown)


def _ask_again(row: ConnectorRow, settings: Mapping[str, Json], kept: list[str]) -> None:
    """A stored secret goes to no other host than the one it was given for: who moves the address gives it again."""
    before, after = (origin(str(one.get("url") or "")) for one in (row.settings, settings))
    if kept and before != after:
        moved = f"from {before or 'none'} to {after or 'none'}"
        what = f"the address changes {moved}: give it again, or what was kept would be sent to another host"
        raise ValidationError("body", [{"path": f"settings.{name}", "what": what} for name in kept])


def origin(url: str) -> str:
    """
    Return scheme, host and port of an address.

    >>> origin("https://ERP.example/x"), origin("http://erp.example:8000"), origin("")
    ('https://erp.example:443', 'http://erp.example:8000', '')
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""


def check(parts: Parts, name: str) -> CheckReport:
    """Check a registered connector now, keep the report, and release it if that was all it waited for."""
    row = parts.registered.row(name)
    instance = parts.registered.open(name)
    with parts.db.write() as conn:
        tokens.try_again(conn, row.id)  # a person asks: what was wrong may have been put right over there
    report = instance.check()
    with parts.db.write() as conn:
        _record(conn, row, report, parts.db.now(conn))
    parts.registered.refresh()
    if report.ok:
        parts.ring()
    return report


def hold(parts: Parts, name: str, who: str) -> ConnectorRow:
    """Hold a connector: what arrives is kept, nothing is handled, polled or sent until it is released."""
    row = parts.registered.row(name)
    with parts.db.write() as conn:
        holds.hold(conn, row.id, by=f"person:{who}", now=parts.db.now(conn))
    parts.registered.refresh()
    return parts.registered.row(name)


def release(parts: Parts, name: str) -> ConnectorRow:
    """Release a held connector: what was kept is handled in its order. A draft needs a passing check instead."""
    row = parts.registered.row(name)
    if row.state == "draft":
        raise ConflictError(
            f"The connector {name!r} is a draft.",
            why="Its check has not passed yet.",
            fix="Correct its settings, then check it:"
            f" `tieline connectors check {name}` or POST /api/v1/connectors/{name}/check.",
        )
    with parts.db.write() as conn:
        holds.release(conn, row.id, now=parts.db.now(conn))
    parts.registered.refresh()
    parts.ring()
    return parts.registered.row(name)


def _record(conn: Connection, row: ConnectorRow, report: CheckReport, now: Micros) -> None:
    """Keep a report; a passing one ends a draft and whatever a repair held, a failing one opens a repair."""
    kept = {"report": report.as_dict(), "checked_at": now, "updated_at": max(now, row.updated_at + 1)}
    conn.execute(connector.update().where(connector.c.id == row.id).values(**kept))
    key = f"check:{row.name}"
    if report.ok:
        close_repair(conn, key, now=now)
        if row.state == "draft" or (row.held_by or "").startswith("repair:"):
            holds.release(conn, row.id, now=now)
    elif row.state != "draft":
        open_repair(conn, key, failed(row.name, report), connector=row.name, now=now)


def try_out(
    cls: type[Connector], name: str, settings: Mapping[str, Json], *, draft: bool, kept: tokens.TrialTokens
) -> CheckReport:
    """Run the check of a connector that is not saved yet; refuse, step by step, unless it passed or is a draft."""
    declared = cls.kind.settings.model_fields
    instance = cls(name, cls.kind.settings.model_validate({key: one for key, one in settings.items() if key in declared}))
    instance.tokens = kept
    try:
        report = instance.check()
    finally:
        instance.close()
    if not report.ok and not draft:
        raise failed(name, report)
    return report


def failed(name: str, report: CheckReport) -> CheckFailedError:
    """Say which steps of a check did not hold, and what to do about each."""
    steps = [step for step in report.steps if step.needed and not step.ok]
    told = "; ".join(f"{step.name}: {step.detail.rstrip('.')}" for step in steps)
    fixes = [step.fix for step in steps if step.fix and not step.fix.startswith(_WAITING)]
    return CheckFailedError(
        f"The connector {name!r} does not work yet.",
        why=f"{told}." if told else "Its check proved nothing.",
        fix=" ".join(dict.fromkeys(fixes)) or "Try again when it answers, or save it as a draft and check it later.",
        report=report.as_dict(),
    )


def split(kind: Kind, given: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, str]]:
    """Read settings by the kind's model and part what may be shown from what may not; every fault is listed."""
    try:
        model: Settings = kind.settings.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise ValidationError("body", [_setting_fault(kind, fault) for fault in faults_of(error)]) from None
    plain = model.model_dump(mode="json", exclude_unset=True)
    secrets: dict[str, str] = {}
    for name in model.model_fields_set:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            secrets[name] = value.get_secret_value()
            plain.pop(name)
    return plain, secrets


def _setting_fault(kind: Kind, fault: Mapping[str, Any]) -> dict[str, Any]:
    """Say a fault of a setting in its owner's words: a misspelt name with the near one, a wrong form with an example."""
    name, declared, what = fault["path"], kind.settings.model_fields, fault["what"]
    if fault["code"] == "extra_forbidden":
        missing = unknown("", f"setting of the kind {kind.name!r}", name, declared)
        what = f"{missing.what} {missing.fix}".rstrip(".")
    elif fault["code"] != "missing" and name in declared and declared[name].description:
        what = f"{what} (it is: {str(declared[name].description).rstrip('.')})"
    return {**fault, "path": f"settings.{name}" if name else "settings", "what": what}


def secret_names(kind: Kind) -> list[str]:
    """Return which settings are secrets: they can be set, never read."""
    return [name for name, one in kind.settings.model_fields.items() if "SecretStr" in repr(one.annotation)]


def door(
    kind: Kind, known: Mapping[str, Json], wish: Wish, secrets: dict[str, str]
) -> tuple[dict[str, Json], dict[str, str], str | None]:
    """Return the door's settings, the secrets with the door's own, and that secret if it was made here."""
    inbound = dict(known if wish.inbound is None else wish.inbound)
    if not inbound:
        return {}, {key: value for key, value in secrets.items() if key != doorkeys.NAME}, None
    if kind.door is None:
        raise ValidationError("body", [{"path": "inbound", "what": f"the kind {kind.name!r} pushes nothing"}])
    try:
        declared = webhooks.describe(inbound)
    except DoorSetupError as error:
        raise ValidationError("body", [{"path": "inbound", "what": error.why.rstrip(".")}]) from error
    if declared.scheme not in kind.door.schemes:
        offered = ", ".join(kind.door.schemes)
        what = f"{kind.name} cannot use {declared.scheme!r}; it offers: {offered}"
        raise ValidationError("body", [{"path": "inbound.scheme", "what": what}])
    if wish.door_secret is not None:
        return inbound, doorkeys.with_new(secrets, wish.door_secret, keep_old=wish.rotate), None
    if doorkeys.NAME in secrets and not wish.rotate and known.get("scheme") == declared.scheme:
        return inbound, secrets, None
    fresh = webhooks.fresh_secret(declared.scheme)
    return inbound, doorkeys.with_new(secrets, fresh, keep_old=wish.rotate), fresh


def add_streams(conn: Connection, connector_id: int, kind: Kind, now: Micros) -> None:
    """Give a connector the rows of its polled streams, due now."""
    rows = [
        {"connector_id": connector_id, "name": one.name, "every_s": one.every_s, "next_at": now}
        for one in kind.streams
        if one.polled
    ]
    if rows:
        conn.execute(stream.insert(), rows)


def change_stream(parts: Parts, name: str, stream_name: str, *, enabled: bool | None, every_s: int | None) -> None:
    """Switch polling of a stream on or off, or change how often it is asked."""
    row = parts.registered.row(name)
    parts.registered.kind_of(name).stream(stream_name)
    values = {key: value for key, value in (("enabled", enabled), ("every_s", every_s)) if value is not None}
    if not values:
        return
    with parts.db.write() as conn:
        mine = (stream.c.connector_id == row.id) & (stream.c.name == stream_name)
        if conn.execute(stream.update().where(mine).values(**values, next_at=parts.db.now(conn))).rowcount == 0:
            raise SetupError(
                f"The stream {stream_name!r} of {name!r} is not polled.",
                why="It only arrives by push.",
                fix="Nothing to set.",
            )
    parts.ring()
