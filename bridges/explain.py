"""
Explain: everything that became of a delivery or an event, from the raw bytes to the last attempt.

The answer to "why did nothing happen?" is data: the refusal, the stale mark, the first false clause with
both values, the repair that holds it, the attempt that failed; and in ``summary`` the same in sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from bridges.archive import Source
from core.clock import to_rfc3339
from core.errors import NotFoundError
from core.tables import action, attempt, conflict, connector, decision, definition, definition_version, delivery, entity, repair
from core.tables import event as event_table
from core.words import State, Verdict

BODY_SHOWN = 20_000
_TIMES = (
    "received_at",
    "handled_at",
    "next_at",
    "at",
    "started_at",
    "ended_at",
    "created_at",
    "opened_at",
    "seen_at",
    "lease_until",
)


def event(conn: Connection, public_id: str) -> dict[str, Any]:
    """Return the whole trail of a delivery (``rcp_…``) or of one event (``evt_…``), also of what is archived by now."""
    source = Source.of(conn, public_id)
    if public_id.startswith("evt_"):
        events = source.rows(event_table, "id", [public_id])
        found = source.rows(delivery, "id", [row["delivery_id"] for row in events])
    else:
        found = source.rows(delivery, "receipt", [public_id])
        events = source.rows(event_table, "delivery_id", [row["id"] for row in found], "n")
    if not found:
        raise NotFoundError(
            f"There is no event or delivery {public_id!r}.",
            why=source.pruned() or "Ids begin with evt_ (an event), rcp_ (a receipt of the door) or act_ (an action).",
            fix="Look it up with `tieline events list`, `tieline events deliveries` or `tieline actions list`."
            " What a door refused has no receipt: `tieline events refusals`.",
        )
    trail = {"delivery": _delivery(conn, source, found[0]), "events": _events(conn, source, events)}
    told = list(_summary(trail))
    if source.bundle is not None:
        told.append("  It has ended and is in the archive; `tieline replay` puts it back first.")
    return {"id": public_id, "summary": told, "archived": source.bundle is not None, **trail}


def action_trail(conn: Connection, action_id: str) -> dict[str, Any]:
    """Return one action with its attempts and the decision that asked for it."""
    source = Source.of(conn, action_id)
    found = source.rows(action, "id", [action_id])
    if not found:
        raise NotFoundError(
            f"There is no action {action_id!r}.",
            why=source.pruned() or "Its row is not there.",
            fix="Look it up with `tieline actions list`.",
        )
    [asked] = source.rows(decision, "id", [found[0]["decision_id"]])
    return {**_actions(conn, source, found)[0], "decision": _shown(asked)}


def _delivery(conn: Connection, source: Source, row: Mapping[Any, Any]) -> dict[str, Any]:
    shown = _shown(row)
    body = shown.pop("body")
    shown["connector"] = conn.execute(select(connector.c.name).where(connector.c.id == row["connector_id"])).scalar_one()
    shown["size"] = len(body)
    shown["body"] = body[:BODY_SHOWN].decode("utf-8", "replace")
    shown["conflicts"] = [
        _shown({name: one[name] for name in ("at", "body_sha256", "seen")})
        for one in source.rows(conflict, "delivery_id", [row["id"]])
    ]
    shown["repair"] = _repair(conn, row["held_by"]) or _repair(conn, f"repair:delivery:{row['receipt']}")
    return shown


def _events(conn: Connection, source: Source, rows: list[Any]) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    decisions = source.rows(decision, "event_id", ids, "run", "id")
    actions = source.rows(action, "event_id", ids, "seq")
    versions = _versions(conn, [row["version_id"] for row in decisions] + [row["mapping_version_id"] for row in rows])
    gids = dict(
        conn.execute(select(entity.c.id, entity.c.gid).where(entity.c.id.in_([row["entity_id"] for row in rows]))).all()
    )
    shown_actions = _actions(conn, source, actions)
    shown = []
    for row in rows:
        one = _shown(row)
        one["master_id"] = gids.get(row["entity_id"])
        one["mapping"] = versions.get(row["mapping_version_id"])
        one["repair"] = _repair(conn, row["held_by"])
        one["decisions"] = [
            {**_shown(made), "definition": versions.get(made["version_id"])}
            for made in decisions
            if made["event_id"] == row["id"]
        ]
        one["actions"] = [made for made in shown_actions if made["event_id"] == row["id"]]
        shown.append(one)
    return shown


def _actions(conn: Connection, source: Source, rows: list[Any]) -> list[dict[str, Any]]:
    attempts: dict[str, list[dict[str, Any]]] = {}
    for made in source.rows(attempt, "action_id", [row["id"] for row in rows], "id"):
        attempts.setdefault(made["action_id"], []).append(_shown(made))
    names = dict(conn.execute(select(connector.c.id, connector.c.name)).all())
    targets = [row["target_id"] for row in rows if row["target_id"] is not None]
    gids = dict(conn.execute(select(entity.c.id, entity.c.gid).where(entity.c.id.in_(targets))).all())
    return [
        {
            **_shown(row),
            "connector": names.get(row["connector_id"]),
            "target": gids.get(row["target_id"]),
            "repair": _repair(conn, row["held_by"]),
            "attempts": attempts.get(row["id"], []),
        }
        for row in rows
    ]


def _versions(conn: Connection, ids: Iterable[int | None]) -> dict[int, dict[str, Any]]:
    query = (
        select(definition_version.c.id, definition.c.kind, definition.c.name, definition_version.c.n)
        .join(definition, definition.c.id == definition_version.c.definition_id)
        .where(definition_version.c.id.in_({one for one in ids if one is not None}))
    )
    return {
        row["id"]: {"kind": row["kind"], "name": row["name"], "version": row["n"]} for row in conn.execute(query).mappings()
    }


def _repair(conn: Connection, held_by: str | None) -> dict[str, Any] | None:
    if held_by is None or not held_by.startswith("repair:"):
        return None
    key = held_by.removeprefix("repair:")
    found = conn.execute(select(repair).where(repair.c.key == key, repair.c.closed_at.is_(None))).mappings().one_or_none()
    return None if found is None else _shown(found)


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with its times readable and without the columns that only the engine needs."""
    return {
        name: to_rfc3339(one) if name in _TIMES and isinstance(one, int) else one
        for name, one in row.items()
        if name not in ("connector_id", "entity_id", "target_id", "order_key", "delivery_id")
    }


def _summary(trail: Mapping[str, Any]) -> Iterable[str]:
    received = trail["delivery"]
    came = "polled" if received["origin"] == "poll" else "received"
    yield f"{received['receipt']} was {came} from {received['connector']} at {received['received_at']}: {_stands(received)}."
    if received["seen"] > 1:
        yield f"  The same came {received['seen'] - 1} more time(s); it counts once."
    for other in received["conflicts"]:
        yield (
            f"  Another body came under its id {other['seen']} time(s), at {other['at']}; it is kept and not handled:"
            " `tieline events conflicts`. Fix: the sender gives every new event its own id."
        )
    for one in trail["events"]:
        who = one["master_id"] or f"{one['stream']} {one['external_id']}"
        yield f"{one['id']} {one['type']} of {who}: {_stands(one)}."
        yield from _origin(one)
        yield from _told_troubles(one["error"])
        for made in one["decisions"]:
            yield f"  bridge {made['bridge']}: {_decided(made)}"
        yield from _silent(one)
        for made in one["actions"]:
            where = f" on {made['connector']}" if made["connector"] else ""
            result = f" -> {made['external_id']}" if made["external_id"] else ""
            yield f"  {made['step']}: {made['act']}{where}: {_stands(made)}{result}."
            for tried in made["attempts"]:
                if tried["outcome"] == "decided":
                    yield f"    at {tried['started_at']} {tried['detail']['what']} {tried['detail']['why']}"
            if made["error"] and made["state"] != State.DONE:
                yield f"    {made['error']['what']} {made['error']['why']} Fix: {made['error']['fix']}"


def _origin(one: Mapping[str, Any]) -> Iterable[str]:
    """Say which write of our own an event follows from."""
    if cause := one.get("cause"):
        yield f"  it follows from our own write {cause}, the {_th(one['hops'])} in a row: `tieline explain {cause}`."


def _th(n: int) -> str:
    """
    Write an ordinal.

    >>> [_th(n) for n in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _told_troubles(error: Mapping[str, Any] | None) -> Iterable[str]:
    """Say of each field that could not be used why, and what every step made of it."""
    for field in troubles(error):
        yield f"  field {field['field']} was not taken from {field['path']}: {field['why']} Fix: {field['fix']}"
        way = [
            f"{step['step']} -> {'nothing' if step.get('why') else repr(step['gives'])}" for step in field.get("trace") or ()
        ]
        if way:
            yield f"    its way: {field['raw']!r}, {', '.join(way)}"


def troubles(error: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the fields that could not be used: of an event that was handled all the same, or of one that was refused."""
    told = error or {}
    found: list[Mapping[str, Any]] = told.get("fields") or (told.get("facts") or {}).get("fields") or []
    return found


def _silent(one: Mapping[str, Any]) -> Iterable[str]:
    """Say how to go on where nothing follows from an event that was handled well."""
    if one["state"] != State.DONE or one["actions"]:
        return
    if not one["decisions"]:
        yield f"  no bridge looks at {one['type']}, so nothing follows from it."
    elif any(made["verdict"] == Verdict.NOT_MATCHED for made in one["decisions"]):
        yield f"  If one should have fired: correct its condition, publish it, then `tieline replay {one['id']}`."


def _stands(row: Mapping[str, Any]) -> str:
    state = str(row["state"])
    if state == State.WAITING:
        return f"waiting until {row['next_at']}" + (f" ({row['reason']})" if row["reason"] else "")
    if state == State.HELD:
        until = f" until {row['next_at']}" if row["next_at"] else ""
        return f"held by {row['held_by']}{until}" + (f" ({row['reason']})" if row["reason"] else "")
    return state + (f" ({row['reason']})" if row["reason"] else "")


def _decided(made: Mapping[str, Any]) -> str:
    again = f" (replay {made['run']})" if made["run"] else ""
    if made["verdict"] == Verdict.FIRED:
        return f"fired, {made['actions']} actions{again}" + (f" ({made['reason']})" if made["reason"] else "")
    if made["verdict"] == Verdict.ERROR:
        return f"could not be decided{again}: {made['reason']}"
    values = f": {made['left']!r} against {made['right']!r}" if made["left"] is not None or made["right"] is not None else ""
    return f"not fired{again}, the first false clause is `{made['clause']}`{values}" + (
        f" ({made['reason']})" if made["reason"] else ""
    )
