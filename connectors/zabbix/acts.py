"""
Acts: acknowledge and close, each looked up before it is written, and read back afterwards.

Zabbix has no key of ours, so the message is the mark: a problem that carries it already is not written
again. Zabbix closes by a task of its server, seen to take 0.3 to 3 seconds: an accepted close is therefore
verified, not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.zabbix.lookups import required
from connectors.zabbix.poll import Call, details
from connectors.zabbix.problems import ACKNOWLEDGE, CLOSE, MESSAGE
from core.errors import InputError, RefusedError
from core.words import Json, Outcome, Verified

LONGEST_MESSAGE = 2048
NOT_CLOSED = " [not closed: the trigger does not allow manual close]"


class ManualCloseForbiddenError(RefusedError):
    """The trigger's option "Allow manual close" is off; the problem can only be acknowledged."""

    code = "manual-close-forbidden"
    title, title_zh = "The trigger does not allow manual close", "触发器不允许手动关闭"


class ProblemGoneError(RefusedError):
    """The problem does not exist there any more, or our user may not see it; Zabbix does not tell these apart."""

    code = "problem-gone"
    title, title_zh = "The problem is gone or hidden", "问题已不存在或不可见"


def acknowledge(call: Call, arguments: Mapping[str, Json]) -> Outcome:
    """Acknowledge with a message, unless that was done already."""
    eventid, message = required(arguments, "id"), _message(arguments)
    event = _event(call, eventid)
    bits = _missing(event, message)
    if not bits:
        return _outcome(eventid, {"acknowledged": True}, repeated=True, note="It was acknowledged with this message already.")
    return _write(call, eventid, bits, message, {"acknowledged": True})


def close(call: Call, arguments: Mapping[str, Json]) -> Outcome:
    """Close with a message; where the trigger forbids it, acknowledge and say so, there and in the outcome."""
    eventid, message = required(arguments, "id"), _message(arguments)
    event = _event(call, eventid)
    closed = {"acknowledged": True, "status": "resolved"}
    if not _is_open(event):
        note = f"It was resolved already, by event {event['r_eventid']}."
        return _outcome(eventid, {"status": "resolved"}, repeated=True, note=note)
    if any(int(update["action"]) & CLOSE for update in event["acknowledges"]):
        return _outcome(eventid, closed, repeated=True, note="Its close was asked for already.")
    if not _missing(event, message + NOT_CLOSED) and not _allows_close(event):
        return _degraded(_outcome(eventid, {"acknowledged": True}, repeated=True))
    try:
        return _write(call, eventid, CLOSE | _missing(event, message), message, closed)
    except ManualCloseForbiddenError:
        noted = message + NOT_CLOSED
        return _degraded(_write(call, eventid, _missing(event, noted), noted, {"acknowledged": True}))


def verify(call: Call, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
    """Read back: the message and the acknowledgement are there at once, the close when the server has done its task."""
    eventid, message = required(arguments, "id"), _message(arguments)
    event = _event(call, eventid)
    seen = {
        "status": "problem" if _is_open(event) else "resolved",
        "acknowledged": str(event["acknowledged"]) == "1",
        "r_eventid": None if _is_open(event) else str(event["r_eventid"]),
    }
    if name == "close_problem" and not outcome.degraded:
        if not _is_open(event):
            why = f"Recovery event {event['r_eventid']} is there."
            return Verified(held=True, seen=seen, why=why, caused=_recovery(call, str(event["r_eventid"])))
        return Verified(held=False, seen=seen, why="Zabbix took the close; its server has not carried it out yet.", final=False)
    noted = message + (NOT_CLOSED if outcome.degraded else "")
    missing = _missing(event, noted)
    if not missing or (not outcome.degraded and not _missing(event, message)):
        return Verified(held=True, seen=seen, why="The event is acknowledged and carries the message.")
    lacks = [word for bit, word in ((ACKNOWLEDGE, "the acknowledgement"), (MESSAGE, "the message")) if missing & bit]
    return Verified(held=False, seen=seen, why=f"The event lacks {' and '.join(lacks)}.")


def _recovery(call: Call, r_eventid: str) -> dict[str, Json]:
    """Return what Zabbix itself set when it closed the problem: the recovery event and its time."""
    found = call("event.get", {"eventids": [r_eventid], "output": ["eventid", "clock"]})
    return {"r_eventid": r_eventid, **({"r_clock": int(found[0]["clock"])} if found else {})}


def _write(call: Call, eventid: str, bits: int, message: str, fields: dict[str, Json]) -> Outcome:
    if not bits:
        return _outcome(eventid, fields, repeated=True)
    request: dict[str, Any] = {"eventids": [eventid], "action": bits}
    if bits & MESSAGE:
        request["message"] = message
    response = call("event.acknowledge", request)
    return Outcome(external_id=eventid, fields=fields, request=request, response=response)


def _outcome(eventid: str, fields: dict[str, Json], *, repeated: bool = False, note: str | None = None) -> Outcome:
    return Outcome(external_id=eventid, fields=fields, repeated=repeated, note=note)


def _degraded(outcome: Outcome) -> Outcome:
    return Outcome(
        external_id=outcome.external_id,
        fields=outcome.fields,
        repeated=outcome.repeated,
        degraded=True,
        note="Acknowledged with a note, not closed: the trigger does not allow manual close. "
        "It closes by itself when the value recovers, or allow manual close in the trigger.",
        request=outcome.request,
        response=outcome.response,
    )


def _event(call: Call, eventid: str) -> dict[str, Any]:
    found = details(call, [int(eventid)])
    if not found:
        raise ProblemGoneError(
            f"Zabbix shows no event {eventid}.",
            why="It was deleted by the housekeeper, or our user may not read its host; Zabbix does not tell which.",
            fix="Look at the event in Zabbix; give our user's group read permission on the host group.",
        )
    return found[0]


def _is_open(event: Mapping[str, Any]) -> bool:
    return str(event["r_eventid"]) == "0"


def _allows_close(event: Mapping[str, Any]) -> bool:
    return str((event.get("relatedObject") or {}).get("manual_close")) == "1"


def _missing(event: Mapping[str, Any], message: str) -> int:
    """Return the bits that still have to be written for this event to be acknowledged with this message."""
    wanted = _plain(message)
    said = any(int(update["action"]) & MESSAGE and _plain(update["message"]) == wanted for update in event["acknowledges"])
    return (0 if str(event["acknowledged"]) == "1" else ACKNOWLEDGE) | (0 if said else MESSAGE)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _message(arguments: Mapping[str, Json]) -> str:
    message = arguments.get("message")
    if not isinstance(message, str) or not message.strip():
        raise InputError(
            "The message is empty.",
            why="Zabbix takes no empty message.",
            fix="Say what happened, for example the ticket's number.",
        )
    room = LONGEST_MESSAGE - len(NOT_CLOSED)
    text = _plain(message)
    return text if len(text) <= room else text[: room - 1] + "…"
