"""What a technician does in the lab's Roundup, over its REST interface and as himself; standard library only."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from core.errors import SetupError
from lab.real.roundup.system import TECHNICIAN, TECHNICIAN_PASSWORD, Roundup

FIELDS = "title,status,priority,machine,asset,event_id,part,tieline_ref,activity,actor,messages"


class Technician:
    """A person with a login of his own at the ticket system."""

    def __init__(self, roundup: Roundup, name: str = TECHNICIAN, password: str = TECHNICIAN_PASSWORD) -> None:
        self.name = name
        self._data = f"{roundup.url}rest/data/"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode(),
            "X-Requested-With": "rest",
            "Origin": roundup.url.split("/demo")[0],
            "Content-Type": "application/json",
        }

    def tickets(self, **exactly: str) -> list[dict[str, Any]]:
        """Return the issues whose fields are exactly these, oldest first; links as labels, messages as a count."""
        query = {"@fields": FIELDS, "@verbose": "2", "@sort": "id", **{f"{name}:": value for name, value in exactly.items()}}
        found = self._ask("GET", "issue?" + urllib.parse.urlencode(query))["collection"]
        return [{name: _label(value) for name, value in one.items()} for one in found]

    def ticket(self, number: str) -> dict[str, Any]:
        """Return one issue."""
        found = self._ask("GET", f"issue/{number}?" + urllib.parse.urlencode({"@fields": FIELDS, "@verbose": "2"}))
        return {"id": number, **{name: _label(value) for name, value in found["attributes"].items()}}

    def messages(self, number: str) -> list[str]:
        """Return the texts of an issue's messages, oldest first."""
        found = self._ask("GET", f"issue/{number}?@fields=messages&@verbose=1")["attributes"]["messages"]
        return [self._ask("GET", f"msg/{one['id']}?@fields=content&@verbose=3")["attributes"]["content"] for one in found]

    def set(self, number: str, **fields: Any) -> None:
        """Change an issue, as the web page would: read its mark, then write with it."""
        mark = self._ask("GET", f"issue/{number}")["@etag"]
        self._ask("PATCH", f"issue/{number}", fields, {"If-Match": mark})

    def take(self, number: str) -> None:
        """Take the ticket into work."""
        self.set(number, assignedto=self.name, status="in-progress")

    def resolve(self, number: str) -> None:
        """Say that the work is done."""
        self.set(number, status="resolved")

    def say(self, number: str, text: str) -> None:
        """Add a message."""
        message = self._ask("POST", "msg", {"content": text, "author": self.name, "date": "."})["id"]
        mark = self._ask("GET", f"issue/{number}")["@etag"]
        self._ask("PATCH", f"issue/{number}", {"messages": message, "@op": "add"}, {"If-Match": mark})

    def open_ticket(self, **fields: Any) -> str:
        """Open an issue by hand and return its number."""
        return str(self._ask("POST", "issue", fields)["id"])

    def _ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        payload = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._data + path, payload, self._headers | (headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                found: dict[str, Any] = json.load(answer)["data"]
                return found
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            error.close()
            raise SetupError(f"Roundup refused {method} {path}.", why=f"{error.code}: {said}", fix="See its log.") from None


def _label(value: Any) -> Any:
    """Return a link by its label, a list of links by its length, anything else as it is."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict):
        return next((text for name, text in value.items() if name not in ("id", "link")), value["id"])
    return value
