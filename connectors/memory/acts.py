"""What the in-memory system does when it is written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.memory.kind import TICKET_WORDS
from connectors.memory.world import World
from core.errors import RefusedError
from core.words import Json, Outcome

Do = Callable[[World, Mapping[str, Json], str], Outcome]
NO_MANUAL_CLOSE = "acknowledged, not closed: this alert forbids manual close"


def perform(world: World, name: str, arguments: Mapping[str, Json], key: str, user: str) -> Outcome:
    """Do an act once per key; the same key again returns what it did then."""
    with world.lock:
        earlier = world.effects.get(key)
        if earlier is not None:
            return Outcome(
                external_id=earlier.external_id,
                version=earlier.version,
                fields=earlier.fields,
                note=earlier.note,
                degraded=earlier.degraded,
                repeated=True,
            )
        outcome = _ACTS[name](world, arguments, user)
        world.writes += 1
        world.effects[key] = outcome
        return outcome


def _create(world: World, given: Mapping[str, Json], user: str) -> Outcome:
    fields = {name: given.get(name) for name in ("priority", "machine", "event_id", "part", "tieline_ref")}
    text = given.get("text")
    thing = world.open_ticket(str(given["title"]), actor=user, messages=[text] if text else [], **fields)
    return _outcome(world, "tickets", thing)


def _update(world: World, given: Mapping[str, Json], user: str) -> Outcome:
    status = given.get("status")
    if status is not None and status not in TICKET_WORDS:
        raise RefusedError(
            f"The in-memory system refused the status {status!r}.",
            why="It said: unknown status.",
            fix=f"Use one of: {', '.join(TICKET_WORDS)}.",
            foreign="unknown status",
        )
    changed = {name: value for name, value in given.items() if name != "id"}
    return _outcome(world, "tickets", world.change("tickets", str(given["id"]), actor=user, **changed))


def _add(world: World, given: Mapping[str, Json], user: str) -> Outcome:
    id_ = str(given["id"])
    messages = [*world.get("tickets", id_)["messages"], given["text"]]
    return _outcome(world, "tickets", world.change("tickets", id_, actor=user, messages=messages))


def _acknowledge(world: World, given: Mapping[str, Json], _user: str) -> Outcome:
    return _outcome(world, "alerts", _noted(world, given))


def _close(world: World, given: Mapping[str, Json], _user: str) -> Outcome:
    if not world.get("alerts", str(given["id"]))["manual_close"]:
        message = given.get("message")
        noted = {**given, "message": f"{message} ({NO_MANUAL_CLOSE})" if message else NO_MANUAL_CLOSE}
        return _outcome(world, "alerts", _noted(world, noted), note=NO_MANUAL_CLOSE)
    return _outcome(world, "alerts", _noted(world, given, status="resolved"))


def _noted(world: World, given: Mapping[str, Json], **fields: Json) -> dict[str, Json]:
    id_, message = str(given["id"]), given.get("message")
    notes = [*world.get("alerts", id_)["notes"], *([message] if message else [])]
    return world.change("alerts", id_, acknowledged=True, notes=notes, **fields)


def _outcome(world: World, stream: str, thing: dict[str, Json], note: str | None = None) -> Outcome:
    id_ = str(thing["id"])
    return Outcome(external_id=id_, version=world.version(stream, id_), fields=thing, note=note, degraded=note is not None)


_ACTS: dict[str, Do] = {
    "create_ticket": _create,
    "update_ticket": _update,
    "add_message": _add,
    "acknowledge": _acknowledge,
    "close_problem": _close,
}
