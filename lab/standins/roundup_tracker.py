"""
What a small Roundup knows and how it behaves, without HTTP: issues, messages, people, words, and its detector's news.

The behaviour was recorded from Roundup 2.6.0 (classic tracker with our five extra fields): times in whole
seconds, links by id or label, marks for changes, and the statusauditor, which turns an unread or resolved
issue into chatting when a message is added without a status.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STATUSES = ("unread", "deferred", "chatting", "need-eg", "in-progress", "testing", "done-cbb", "resolved")
PRIORITIES = ("critical", "urgent", "bug", "feature", "wish")
OWN = {"issue": ("activity", "actor", "creation", "creator"), "msg": ("activity", "actor", "creation", "creator")}
"""What Roundup keeps by itself and nobody may write."""

SCHEMA: dict[str, dict[str, str]] = {
    "issue": {
        "title": "text",
        "status": "link status",
        "priority": "link priority",
        "assignedto": "link user",
        "messages": "links msg",
        "files": "links file",
        "keyword": "links keyword",
        "nosy": "links user",
        "superseder": "links issue",
        "machine": "text",
        "asset": "text",
        "event_id": "text",
        "part": "text",
        "tieline_ref": "text",
    },
    "msg": {"content": "text", "author": "link user", "date": "time", "messageid": "text", "summary": "text"},
    "user": {"username": "text", "address": "text", "roles": "text", "timezone": "text"},
    "status": {"name": "text", "order": "number"},
    "priority": {"name": "text", "order": "number"},
    "file": {"name": "text"},
    "keyword": {"name": "text"},
}
KEPT = {"activity": "time", "creation": "time", "actor": "link user", "creator": "link user", "id": "text"}
LABELS = {"user": "username", "issue": "title", "msg": "activity"}
News = dict[str, Any]


class RefusalError(Exception):
    """What Roundup answers when it does not do something: a status and its own words."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


class Tracker:
    """The things and their rules; every method is safe to call from any thread. Kept in a file where one is given."""

    def __init__(self, *, clock: Callable[[], float] = time.time, keep: Path | None = None) -> None:
        self.clock, self.keep = clock, keep
        self.lock = threading.RLock()
        self.schema = {name: dict(fields) for name, fields in SCHEMA.items()}
        self.people = {"admin": "Ru-lab-2026", "tieline": "gw-pass-2026", "tech": "tech-pass-2026"}
        self.may_create = {"issue", "msg"}
        self.may_use_rest = set(self.people)
        self.listeners: list[Callable[[News], None]] = []
        self.writes = 0
        self.rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in SCHEMA}
        if keep is not None and keep.exists():
            self.rows |= json.loads(keep.read_text())
            return
        for name in self.people:
            self._add(
                "user", {"username": name, "address": f"{name}@example.com", "roles": "Admin" if name == "admin" else "User"}
            )
        for what, words in (("status", STATUSES), ("priority", PRIORITIES)):
            for number, word in enumerate(words, 1):
                self._add(what, {"name": word, "order": float(number)})

    def create(self, what: str, fields: Mapping[str, Any], who: str) -> str:
        """Create an item as a person; tell the listeners when it is an issue."""
        with self.lock:
            if what not in self.may_create:
                raise RefusalError(403, f"Permission to create {what} denied")
            if not fields:
                raise RefusalError(400, "No properties found.")
            row = self._read(what, fields)
            if what == "issue":
                row = {name: [] if kind.startswith("links") else None for name, kind in self.schema["issue"].items()} | row
                row["status"] = row["status"] or self._id_of("status", "unread")
            number = self._add(what, row | self._kept(who, new=True))
            self._saved(what, number, None)
            return number

    def change(
        self, what: str, number: str, fields: Mapping[str, Any], who: str, mark: str | None, how: str = "replace"
    ) -> dict[str, Any]:
        """Change an item that is still what the mark names, as the auditors want it; return what became different."""
        with self.lock:
            row = self.row(what, number)
            if mark is None or mark.replace("-gzip", "") != self.mark(what, number):
                raise RefusalError(
                    412, "If-Match is missing or does not match. Retrieve asset and retry modification if valid."
                )
            wanted = self._read(what, fields)
            if how == "add":
                wanted = {name: row[name] + value if isinstance(value, list) else value for name, value in wanted.items()}
            elif how == "remove":
                wanted = {name: [one for one in row[name] if one not in value] for name, value in wanted.items()}
            if what == "issue" and "messages" in wanted and wanted["messages"] != row["messages"] and "status" not in wanted:
                quiet = [self._id_of("status", word) for word in ("unread", "resolved", "done-cbb")]
                if row["status"] in [*quiet, None]:
                    wanted["status"] = self._id_of("status", "chatting")
            different = {name: value for name, value in wanted.items() if row.get(name) != value}
            before = dict(row)
            row |= different | (self._kept(who, new=False) if different else {})
            if different:
                self._saved(what, number, before)
            return different

    def row(self, what: str, number: str) -> dict[str, Any]:
        """Return one item as it is kept."""
        if number not in self.rows[what]:
            raise RefusalError(404, f"no such {what} {number}")
        return self.rows[what][number]

    def mark(self, what: str, number: str) -> str:
        """Return the mark that a change must carry: it differs whenever the item does."""
        kept = json.dumps(self.row(what, number), sort_keys=True).encode()
        return f'"{hashlib.md5(kept, usedforsecurity=False).hexdigest()}"'

    def kind_of(self, what: str, name: str) -> str:
        """Return the type of a property, or refuse as Roundup does."""
        kind = self.schema[what].get(name) or KEPT.get(name)
        if kind is None:
            raise RefusalError(400, f"'Unknown property: {name}'")
        return kind

    def shown(self, what: str, number: str, names: list[str], verbose: int, base: str) -> dict[str, Any]:
        """Return properties as REST shows them: links as objects, with their label from verbose 2 on."""
        row, found = self.row(what, number), {}
        for name in sorted(names):
            kind, value = self.kind_of(what, name), number if name == "id" else row.get(name)
            if kind.startswith("links"):
                value = [self._link(kind.split()[1], one, verbose, base) for one in value or []]
            elif kind.startswith("link") and value is not None:
                value = self._link(kind.split()[1], value, verbose, base)
            if name == "content" and verbose < 3:
                value = {"link": f"{base.removesuffix('rest/data/')}{what}{number}/"}
            found[name] = value
        return found

    def label(self, what: str, number: str) -> str:
        """Return what people call an item."""
        return str(self.row(what, number).get(LABELS.get(what, "name"), number))

    def news(self, number: str, before: Mapping[str, Any] | None) -> News:
        """Return what our detector (connectors/roundup/detector.py) would post about an issue."""
        unsent = ("files", "superseder", "nosy", "keyword")
        names = [name for name in (*self.schema["issue"], "activity", "creation", "actor", "creator") if name not in unsent]
        row = self.row("issue", number)
        changed = sorted(name for name in self.schema["issue"] if before is not None and before.get(name) != row.get(name))
        return {
            "event": "issue.created" if before is None else "issue.updated",
            "issue": {"id": number} | {name: self._plain(name, row.get(name)) for name in names},
            "changed": changed,
            "old": {name: self._plain(name, (before or {}).get(name)) for name in changed if name not in unsent},
            "source": "rest",
        }

    def as_person(self, number: str, who: str, **fields: Any) -> dict[str, Any]:
        """Change an issue as somebody would in the web page."""
        with self.lock:
            return self.change("issue", number, fields, who, self.mark("issue", number))

    def say(self, number: str, who: str, text: str) -> str:
        """Add a message as somebody would in the web page."""
        with self.lock:
            message = self.create("msg", {"content": text, "author": who, "date": "."}, who)
            self.change("issue", number, {"messages": [message]}, who, self.mark("issue", number), "add")
            return message

    def _read(self, what: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Turn what was sent into what is kept; null is not there, the empty text is nothing."""
        found: dict[str, Any] = {}
        for name, value in fields.items():
            if name.startswith("@") or name in OWN.get(what, ()) or value is None:
                continue
            kind = self.schema[what].get(name)
            if kind is None:
                raise RefusalError(400, f"Property {name} not found in class {what}")
            if kind.startswith("links"):
                several = value if isinstance(value, list) else [one for one in str(value).split(",") if one]
                found[name] = [self._linked(kind.split()[1], name, str(one)) for one in several]
            elif value == "":
                found[name] = None
            elif kind.startswith("link"):
                found[name] = self._linked(kind.split()[1], name, str(value))
            else:
                found[name] = self._now() if kind == "time" and value == "." else str(value)
        return found

    def _linked(self, what: str, name: str, given: str) -> str:
        if given in self.rows[what]:
            return given
        found = self._id_of(what, given)
        if found is None:
            raise RefusalError(400, f"property {name}: '{given}' is not a {what}.")
        return found

    def _id_of(self, what: str, label: str) -> str | None:
        key = LABELS.get(what, "name")
        return next((number for number, row in self.rows[what].items() if row.get(key) == label), None)

    def _plain(self, name: str, value: Any) -> Any:
        kind = self.kind_of("issue", name)
        if kind.startswith("links"):
            return len(value or [])
        return self.label(kind.split()[1], value) if kind.startswith("link") and value is not None else value

    def _link(self, what: str, number: str, verbose: int, base: str) -> Any:
        if not verbose:
            return number
        shown = {"id": number, "link": f"{base}{what}/{number}"}
        return shown | ({LABELS.get(what, "name"): self.label(what, number)} if verbose > 1 else {})

    def _kept(self, who: str, *, new: bool) -> dict[str, Any]:
        person, now = self._id_of("user", who), self._now()
        return {"activity": now, "actor": person} | ({"creation": now, "creator": person} if new else {})

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%d.%H:%M:%S")

    def _add(self, what: str, row: dict[str, Any]) -> str:
        number = str(1 + max((int(one) for one in self.rows[what]), default=0))
        self.rows[what][number] = row
        return number

    def _saved(self, what: str, number: str, before: Mapping[str, Any] | None) -> None:
        self.writes += 1
        if self.keep is not None:
            partial = self.keep.with_suffix(".partial")
            partial.write_text(json.dumps(self.rows, ensure_ascii=False))
            partial.replace(self.keep)
        if what == "issue":
            for listener in self.listeners:
                listener(self.news(number, before))


def moment(text: str) -> str:
    """
    Return the start of a time filter in the form times are kept in, moved to UTC by its zone.

    >>> moment("from 2026-11-22.07:37:07+0000"), moment("2026-11-22.07:37:07-0500;")
    ('2026-11-22.07:37:07', '2026-11-22.12:37:07')
    """
    found = re.fullmatch(r"(?:from )?(\d{4}-\d\d-\d\d\.\d\d:\d\d:\d\d)([+-]\d{4})?;?", text.strip())
    if found is None:
        raise RefusalError(400, f"Not a date spec: {text!r}")
    at = datetime.strptime(f"{found[1]}{found[2] or '+0000'}", "%Y-%m-%d.%H:%M:%S%z")
    return at.astimezone(UTC).strftime("%Y-%m-%d.%H:%M:%S")
