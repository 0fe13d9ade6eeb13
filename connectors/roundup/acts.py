"""
Acts: look before writing, write what differs, read back.

A ticket is found again by ``tieline_ref``; a message by its Message-Id, which is made from the key of the
write and which nobody sees. The tracker's own statusauditor would turn *unread* and even *resolved* into
*chatting* whenever a message is added: a note of ours must not reopen a ticket, so the status is always
sent along unchanged.

An outcome's ``fields`` are what the write made true and nothing else: with them our own change is recognised
when it comes back, and a technician's later change, back to a value that we happened to see, is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.roundup.issues import ASKED, fields, number_of, version
from connectors.roundup.tracker import Tracker
from core.errors import InputError, SetupError, TransientError
from core.jsons import sha256
from core.words import Json, Outcome, Verified

_OF_A_NOTE = ("messages",)
TRIES = 2  #: a change that somebody else's change overtook is read again once


class ReferenceTakenError(SetupError):
    """A ticket there carries our reference, but it is about something else."""

    code = "reference-taken"
    title, title_zh = "The reference belongs to another ticket", "引用编号已属于另一工单"


def create(tracker: Tracker, arguments: Mapping[str, Json], key: str, address: str, author: str) -> Outcome:
    """Open an issue unless one carries the same reference."""
    reference = str(arguments.get("tieline_ref") or key)
    _text(arguments, "title")
    there = _carrying(tracker, reference)
    if there:
        found = _outcome(tracker, there[0], address, repeated=True, note=_several(there))
        _same_event(found.fields, arguments, reference)
        return found
    given = {
        name: value for name, value in arguments.items() if name not in ("text", "tieline_ref") and value not in (None, "")
    }
    wanted: dict[str, Json] = {name: str(value) for name, value in given.items()} | {"tieline_ref": reference}
    if arguments.get("text"):
        wanted["messages"] = [_message(tracker, str(arguments["text"]), f"{key}.text", author)]
    number = tracker.create("issue", wanted)
    return _outcome(tracker, number, address, request=wanted)


def update(tracker: Tracker, arguments: Mapping[str, Json], address: str) -> Outcome:
    """Write the fields that differ; where none does, nothing is written."""
    number = number_of(arguments.get("id"))
    wanted = {name: "" if value is None else str(value) for name, value in arguments.items() if name != "id"}
    if not wanted:
        raise InputError("There is nothing to change.", why="No field is given beside the id.", fix="Name at least one field.")
    for _ in range(TRIES):
        issue, mark = tracker.item("issue", number, ASKED)
        now = fields(issue, address)
        differing = {name: value for name, value in wanted.items() if str(now.get(name) or "") != value}
        if not differing:
            return Outcome(number, version(now), _only(now, wanted), note="It said so already.", repeated=True)
        if tracker.change("issue", number, differing, mark):
            return _outcome(tracker, number, address, only=wanted, request=differing)
    raise _overtaken(number)


def add_message(tracker: Tracker, arguments: Mapping[str, Json], key: str, address: str, author: str) -> Outcome:
    """Add a message that is not yet there; the status stays what it is."""
    number, text = number_of(arguments.get("id")), _text(arguments, "text")
    message = _message(tracker, text, key, author)
    for _ in range(TRIES):
        issue, mark = tracker.item("issue", number, ASKED)
        linked = [str(one["id"]) for one in issue["messages"]]
        if message in linked:
            now = fields(issue, address)
            note = "The message is there already."
            return Outcome(
                number, version(now), _only(now, _OF_A_NOTE), note=note, repeated=True, response={"message": message}
            )
        change: dict[str, Any] = {"messages": [*linked, message]}
        if issue.get("status"):
            change["status"] = issue["status"]["id"]
        if tracker.change("issue", number, change, mark):
            return _outcome(tracker, number, address, only=_OF_A_NOTE, request=change, response={"message": message})
    raise _overtaken(number)


def verify(tracker: Tracker, name: str, arguments: Mapping[str, Json], outcome: Outcome, address: str) -> Verified:
    """Read the issue back and compare what was written; a person's later change is named, not blamed on us."""
    number = number_of(outcome.external_id)
    issue, _ = tracker.item("issue", number, ASKED)
    seen = fields(issue, address)
    if name == "add_message":
        held = str((outcome.response or {}).get("message")) in [str(one["id"]) for one in issue["messages"]]
        return Verified(
            held, seen, "The issue carries the message." if held else "The message is not among those of the issue."
        )
    wanted = {field: value for field, value in arguments.items() if field not in ("id", "text")}
    if name == "create_ticket":
        wanted = {"tieline_ref": wanted.get("tieline_ref") or outcome.fields.get("tieline_ref")}
    wrong = [field for field, value in wanted.items() if str(seen.get(field) or "") != ("" if value is None else str(value))]
    if wrong:
        who = f" {seen['actor']} changed it last." if seen.get("actor") else ""
        return Verified(False, seen, f"It now says {', '.join(f'{field}={seen.get(field)!r}' for field in wrong)}.{who}")
    others = [one for one in _carrying(tracker, str(wanted["tieline_ref"])) if one != number] if name == "create_ticket" else []
    return Verified(True, seen, _several([number, *others]) or f"issue{number} holds what was written.")


def _same_event(there: Mapping[str, Json], arguments: Mapping[str, Json], reference: str) -> None:
    """Refuse a ticket of another event: master IDs began anew, for example after Tieline's data was thrown away."""
    ours, theirs = (str(one.get("event_id") or "") for one in (arguments, there))
    if ours and theirs and ours != theirs:
        raise ReferenceTakenError(
            f"The reference {reference} belongs to another ticket, issue{there['id']}.",
            why=f"That ticket is about event {theirs}, this one about event {ours}.",
            fix="Restore Tieline's database, or empty tieline_ref in the tracker's old tickets; then retry.",
        )


def _carrying(tracker: Tracker, reference: str) -> list[str]:
    """Return the numbers of the issues that carry a reference, oldest first."""
    rows, _ = tracker.list("issue", {"tieline_ref:": reference, "@fields": "tieline_ref", "@sort": "id"})
    return [str(row["id"]) for row in rows if row.get("tieline_ref") == reference]


def _several(numbers: list[str]) -> str | None:
    if len(numbers) < 2:
        return None
    return f"{len(numbers)} issues carry this reference: {', '.join(f'issue{one}' for one in numbers)}; the first counts."


def _message(tracker: Tracker, text: str, key: str, author: str) -> str:
    """Return the number of the message with this key, created where there is none."""
    message_id = f"<{sha256(key.encode())[:32]}@tieline>"
    rows, _ = tracker.list("msg", {"messageid:": message_id, "@sort": "id"})
    if rows:
        return str(rows[0]["id"])
    return tracker.create("msg", {"content": text, "author": author, "date": ".", "messageid": message_id})


def _outcome(
    tracker: Tracker,
    number: str,
    address: str,
    *,
    only: Iterable[str] | None = None,
    repeated: bool = False,
    note: str | None = None,
    request: Json = None,
    response: Json = None,
) -> Outcome:
    issue, _ = tracker.item("issue", number, ASKED)
    now = fields(issue, address)
    held = now if only is None else _only(now, only)
    return Outcome(number, version(now), held, note=note, repeated=repeated, request=request, response=response)


def _only(now: Mapping[str, Json], names: Iterable[str]) -> dict[str, Json]:
    return {name: now.get(name) for name in names}


def _text(arguments: Mapping[str, Json], name: str) -> str:
    text = arguments.get(name)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"The {name} is empty.", why="A person has to read it.", fix=f"Give a {name}.")
    return text


def _overtaken(number: str) -> TransientError:
    return TransientError(
        f"issue{number} was changed by others while we wrote.", why=f"It happened {TRIES} times in a row (412).", retry_after=2
    )
