"""
A stand-in for a Redmine: the REST interface that ticketing needs, for one project.

Built from what a Redmine 5.0.4 answered (see tests/real/test_redmine_itself.py, which runs the same laws on the
real one), with its two silences: a filter on an unknown custom field lets everything through, and a status that the
workflow forbids (Closed -> Rejected) is kept and answered with 204.
"""

from __future__ import annotations

import copy
import re
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.standins.server import Answer, Request, Server

STATUSES = ("New", "In Progress", "Resolved", "Feedback", "Closed", "Rejected")
PRIORITIES = ("Low", "Normal", "High", "Urgent", "Immediate")
FIELDS = ("Machine", "Asset", "Event ID", "Spare part", "Tieline ref")
PEOPLE = {5: "Gateway User", 6: "Tech User"}
RIGHTS = ["view_issues", "add_issues", "edit_issues", "add_issue_notes", "view_project"]


class Redmine(Server):
    """``keys`` opens it (key -> user id); ``issues`` is what it holds; ``written`` counts writes."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.keys = {"key-of-the-gateway-2026": 5, "key-of-the-technician": 6}
        self.rights = list(RIGHTS)
        self.issues: dict[int, dict[str, Any]] = {}
        self.written = 0
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        who = self.keys.get(request.headers.get("x-redmine-api-key", ""))
        if who is None:
            return Answer(401)
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            if parts.path == "/issues.json":
                return self.open(request.json()["issue"], who) if request.method == "POST" else self._list(query)
            if found := re.fullmatch(r"/issues/(\d+)\.json", parts.path):
                issue = self.issues.get(int(found[1]))
                if issue is None:
                    return Answer(404)
                return self.change(issue, request.json()["issue"], who) if request.method == "PUT" else _one(issue, query)
        return self._rest(parts.path, who)

    def open(self, given: dict[str, Any], who: int) -> Answer:
        """Open an issue."""
        if not given.get("subject"):
            return Answer.of({"errors": ["Subject cannot be blank"]}, 422)
        now, number = _now(), len(self.issues) + 1
        self.issues[number] = {
            "id": number,
            "project": {"id": 1, "name": "Plant"},
            "tracker": {"id": 1, "name": "Bug"},
            "status": _word(STATUSES, 1),
            "priority": {"id": 2, "name": "Normal"},
            "author": {"id": who, "name": PEOPLE[who]},
            "subject": given["subject"],
            "description": given.get("description"),
            "custom_fields": [{"id": at, "name": name, "value": None} for at, name in enumerate(FIELDS, 1)],
            "created_on": now,
            "updated_on": now,
            "journals": [],
        }
        self._set(self.issues[number], given)
        self.written += 1
        return Answer.of({"issue": _shown(self.issues[number])}, 201)

    def change(self, issue: dict[str, Any], given: dict[str, Any], who: int) -> Answer:
        """Change an issue; a change leaves a journal."""
        if given.get("subject") == "":
            return Answer.of({"errors": ["Subject cannot be blank"]}, 422)
        before = copy.deepcopy(issue)
        self._set(issue, given)
        if given.get("notes") or issue != before:
            issue["journals"].append({"user": {"id": who, "name": PEOPLE[who]}, "notes": given.get("notes") or ""})
            issue["updated_on"] = _now()
            self.written += 1
        return Answer(204)

    def _set(self, issue: dict[str, Any], given: dict[str, Any]) -> None:
        status = given.get("status_id")
        if status and status <= len(STATUSES) and not (issue["status"]["name"] == "Closed" and status == 6):
            issue["status"] = _word(STATUSES, status)
        if given.get("priority_id"):
            issue["priority"] = {"id": given["priority_id"], "name": PRIORITIES[given["priority_id"] - 1]}
        issue["subject"] = given.get("subject") or issue["subject"]
        values = {one["id"]: one["value"] for one in given.get("custom_fields", ())}
        for one in issue["custom_fields"]:
            one["value"] = values.get(one["id"], one["value"])

    def _list(self, query: dict[str, str]) -> Answer:
        found = [one for one in self.issues.values() if one["updated_on"] >= query.get("updated_on", ">=").removeprefix(">=")]
        for name, wanted in query.items():
            at = int(name.removeprefix("cf_")) if name.startswith("cf_") else 0
            if 1 <= at <= len(FIELDS):
                found = [one for one in found if one["custom_fields"][at - 1]["value"] == wanted.removeprefix("=")]
        field, _, order = query.get("sort", "id").split(",")[0].partition(":")
        found.sort(key=lambda one: (one[field], one["id"]), reverse=order == "desc")
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 25)), 100)
        page = [_shown(one) for one in found[offset : offset + limit]]
        return Answer.of({"issues": page, "total_count": len(found), "offset": offset, "limit": limit})

    def _rest(self, path: str, who: int) -> Answer:
        role = {"id": 6, "name": "Gateway"}
        known: dict[str, Any] = {
            "/users/current.json": {
                "user": {
                    "id": who,
                    "login": PEOPLE[who].split()[0].lower(),
                    "admin": False,
                    "memberships": [{"id": 1, "project": {"id": 1, "name": "Plant"}, "roles": [role]}],
                }
            },
            "/projects/plant.json": {"project": {"id": 1, "name": "Plant", "trackers": [{"id": 1, "name": "Bug"}]}},
            "/roles/6.json": {"role": {**role, "permissions": self.rights}},
            "/trackers.json": {"trackers": [{"id": 1, "name": "Bug"}]},
            "/issue_statuses.json": {"issue_statuses": [_word(STATUSES, at) for at in range(1, 7)]},
            "/enumerations/issue_priorities.json": {
                "issue_priorities": [{"id": at, "name": name} for at, name in enumerate(PRIORITIES, 1)]
            },
        }
        return Answer.of(known[path]) if path in known else Answer(404)


def _word(words: tuple[str, ...], at: int) -> dict[str, Any]:
    return {"id": at, "name": words[at - 1], "is_closed": at > 4}


def _one(issue: dict[str, Any], query: dict[str, str]) -> Answer:
    return Answer.of({"issue": issue if query.get("include") == "journals" else _shown(issue)})


def _shown(issue: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in issue.items() if name != "journals"}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
