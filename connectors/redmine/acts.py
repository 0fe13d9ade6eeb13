"""
Acts: look before writing, write what differs, read back.

A ticket is found again by the custom field tieline_ref; a note by a short mark at its end, made from the key of
the write, because Redmine offers no other place for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.redmine.issues import fields, number_of, version
from connectors.redmine.kind import OWN_FIELDS
from connectors.redmine.rest import Rest
from core.errors import InputError, RefusedError
from core.jsons import sha256
from core.words import Json, Outcome, Verified


class WorkflowError(RefusedError):
    """Redmine took the change and kept the old status: its workflow has no such step for our role."""

    code = "workflow"
    title, title_zh = "The workflow does not allow this step", "工作流不允许此步骤"


def create(rest: Rest, arguments: Mapping[str, Json], key: str) -> Outcome:
    """Open an issue unless one carries the same reference."""
    reference = str(arguments.get("tieline_ref") or key)
    title = _text(arguments, "title")
    there, _ = rest.with_field("tieline_ref", reference)
    if there:
        return _outcome(rest, there[0], repeated=True, note=_several(there))
    wanted: dict[str, Any] = {"project_id": rest.settings.project, "subject": title}
    if rest.settings.tracker is not None:
        wanted["tracker_id"] = rest.word("trackers.json", "trackers", rest.settings.tracker, "tracker")
    if arguments.get("text"):
        wanted["description"] = str(arguments["text"])
    wanted |= _written(rest, {**arguments, "tieline_ref": reference}, skip=("title", "text"))
    made = rest.create(wanted)
    return _outcome(rest, made, request=wanted)


def update(rest: Rest, arguments: Mapping[str, Json]) -> Outcome:
    """Write the fields that differ; a status that the workflow refuses is an error and not a silence."""
    number = number_of(arguments.get("id"))
    wanted = {name: value for name, value in arguments.items() if name != "id"}
    if not wanted:
        raise InputError("There is nothing to change.", why="No field is given beside the id.", fix="Name at least one field.")
    now = fields(rest.issue(number), rest.settings)
    differing = {name: value for name, value in wanted.items() if str(now.get(name) or "") != str(value or "")}
    if not differing:
        held = {name: now.get(name) for name in wanted}
        return Outcome(number, version(now), held, note="It said so already.", repeated=True)
    written = _written(rest, differing, skip=("title",)) | ({"subject": differing["title"]} if "title" in differing else {})
    rest.change(number, written)
    after = rest.issue(number)
    seen = fields(after, rest.settings)
    if "status" in differing and seen["status"] != differing["status"]:
        raise WorkflowError(
            f"Redmine left issue {number} as {seen['status']!r}.",
            why=f"Its workflow has no step from {now['status']!r} to {differing['status']!r} for our role.",
            fix="Allow the step in Administration > Workflow for our role, or set another status.",
        )
    return Outcome(number, version(seen), {name: seen.get(name) for name in wanted}, request=written)


def add_message(rest: Rest, arguments: Mapping[str, Json], key: str) -> Outcome:
    """Add a note that is not yet there."""
    number, text, mark = number_of(arguments.get("id")), _text(arguments, "text"), _mark(key)
    issue = rest.issue(number, journals=True)
    if _has_note(issue, mark):
        now = version(fields(issue, rest.settings))
        return Outcome(number, now, {}, note="The note is there already.", repeated=True, response={"mark": mark})
    rest.change(number, {"notes": f"{text}\n\n{mark}"})
    after = fields(rest.issue(number), rest.settings)
    return Outcome(number, version(after), {}, request={"notes": text}, response={"mark": mark})


def verify(rest: Rest, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
    """Read the issue back and compare what was written."""
    number = number_of(outcome.external_id)
    issue = rest.issue(number, journals=name == "add_message")
    seen = fields(issue, rest.settings)
    if name == "add_message":
        held = _has_note(issue, str((outcome.response or {}).get("mark")))
        return Verified(held, seen, "" if held else "The note is not among those of the issue.")
    wanted = {field: value for field, value in arguments.items() if field not in ("id", "text")}
    if name == "create_ticket":
        wanted = {"tieline_ref": wanted.get("tieline_ref") or outcome.fields.get("tieline_ref")}
    wrong = [field for field, value in wanted.items() if str(seen.get(field) or "") != str(value or "")]
    if wrong:
        return Verified(False, seen, f"It now says {', '.join(f'{field}={seen.get(field)!r}' for field in wrong)}.")
    return Verified(True, seen, f"Issue {number} holds what was written.")


def _written(rest: Rest, given: Mapping[str, Json], skip: tuple[str, ...]) -> dict[str, Any]:
    """Return fields as Redmine writes them: words as numbers, ours as custom fields."""
    wanted: dict[str, Any] = {}
    own: list[dict[str, Any]] = []
    for name, value in given.items():
        if name in OWN_FIELDS and (value or name in rest.settings.custom_fields):
            own.append({"id": rest.field(name), "value": "" if value is None else str(value)})
        elif name == "status":
            wanted["status_id"] = rest.word("issue_statuses.json", "issue_statuses", value, "status")
        elif name == "priority" and value:
            wanted["priority_id"] = rest.word("enumerations/issue_priorities.json", "issue_priorities", value, "priority")
        elif name not in (*skip, *OWN_FIELDS, "priority"):
            wanted[name] = value
    return wanted | ({"custom_fields": own} if own else {})


def _outcome(
    rest: Rest, issue: Mapping[str, Any], *, repeated: bool = False, note: str | None = None, request: Json = None
) -> Outcome:
    now = fields(issue, rest.settings)
    return Outcome(str(now["id"]), version(now), now, note=note, repeated=repeated, request=request)


def _several(there: list[dict[str, Any]]) -> str | None:
    if len(there) < 2:
        return None
    return f"{len(there)} issues carry this reference: {', '.join(str(one['id']) for one in there)}; the first counts."


def _has_note(issue: Mapping[str, Any], mark: str) -> bool:
    return any(mark in str(one.get("notes") or "") for one in issue.get("journals") or ())


def _mark(key: str) -> str:
    """
    Return the mark at the end of a note.

    >>> _mark("rule/evt/note")
    '(Tieline 8d31839a)'
    """
    return f"(Tieline {sha256(key.encode())[:8]})"


def _text(arguments: Mapping[str, Json], name: str) -> str:
    text = arguments.get(name)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"The {name} is empty.", why="A person has to read it.", fix=f"Give a {name}.")
    return text.strip()
