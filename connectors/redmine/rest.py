"""
Redmine's REST interface, with the two things about it that nobody would guess.

A filter on a custom field that does not exist is ignored, and every issue matches: so what a filter brings is
compared again here. A status that the workflow forbids is ignored, and the answer is 204: so it is read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.kit.answers import Response, UnreadableAnswerError
from connectors.kit.http import Client
from connectors.redmine.kind import RedmineSettings
from core.errors import SetupError, UnknownVocabularyError
from core.words import Json

MOST = 100  #: Redmine's own largest page


class Rest:
    """What the connector asks of Redmine."""

    def __init__(self, settings: RedmineSettings) -> None:
        self.settings = settings
        key = settings.api_key.get_secret_value()
        self.client = Client(
            settings.url,
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
            headers={"x-redmine-api-key": key},
            secrets=[key],
            system="Redmine",
        )

    def item(self, path: str, name: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Read one thing."""
        answer = self.client.get(path, query=query)
        found = answer.json()
        if not isinstance(found, dict) or not isinstance(found.get(name), dict):
            raise _strange(answer, name)
        return dict(found[name])

    def issue(self, number: str, *, journals: bool = False) -> dict[str, Any]:
        """Read one issue."""
        return self.item(f"issues/{number}.json", "issue", {"include": "journals"} if journals else None)

    def page(self, query: Mapping[str, Any], timeout_s: float | None = None) -> tuple[list[dict[str, Any]], int]:
        """Read one page of the project's issues, closed ones included, and how many there are in all."""
        wanted = {"project_id": self.settings.project, "status_id": "*", **query}
        answer = self.client.get("issues.json", query=wanted, timeout_s=timeout_s)
        found = answer.json()
        if not isinstance(found, dict) or not isinstance(found.get("issues"), list):
            raise _strange(answer, "issues")
        rows = found["issues"]
        if not all(isinstance(one, dict) and isinstance(one.get("status"), dict) and "updated_on" in one for one in rows):
            raise _strange(answer, "issues")
        return rows, int(found.get("total_count") or len(rows))

    def issues(self, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Read page after page; what moves meanwhile may come twice."""
        offset = 0
        while True:
            rows, total = self.page({**query, "limit": MOST, "offset": offset})
            yield from rows
            offset += len(rows)
            if not rows or offset >= total:
                return

    def with_field(
        self, name: str, value: str, *, limit: int = 5, timeout_s: float | None = None, sort: str = "id"
    ) -> tuple[list[dict[str, Any]], int]:
        """Read the issues whose custom field holds a value; compared again: an unknown filter lets everything through."""
        at = self.field(name)
        rows, total = self.page({f"cf_{at}": f"={value}", "limit": limit, "sort": sort}, timeout_s)
        same = [one for one in rows if _holds(one, at, value)]
        return same, total if len(same) == len(rows) else len(same)

    def field(self, name: str) -> int:
        """Return the number of one of our custom fields, or say that it is not set."""
        at = self.settings.custom_fields.get(name)  # type: ignore[call-overload]
        if at is None:
            raise SetupError(
                f"The connector does not know which custom field is {name!r}.",
                why=f"custom_fields names: {', '.join(self.settings.custom_fields) or 'none'}.",
                fix=f'Make a custom field for it in Redmine and add its number to custom_fields: {{"{name}": 7}}.',
            )
        return int(at)

    def word(self, path: str, name: str, word: Json, what: str) -> int:
        """Return the number of a status, priority or tracker by its name."""
        answer = self.client.get(path)
        content = answer.json()
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise _strange(answer, name)
        known = {str(one.get("name")): int(one["id"]) for one in content[name]}
        if word in known:
            return known[str(word)]
        raise UnknownVocabularyError(
            f"Redmine knows no {what} {str(word)[:80]!r}.",
            why=f"It knows: {', '.join(known)}.",
            fix="Translate to one of these words in the mapping or the bridge, or add the word to Redmine.",
            known=list(known),
        )

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Open an issue."""
        answer = self.client.post("issues.json", json={"issue": wanted})
        found = answer.json()
        if not isinstance(found, dict) or not isinstance(found.get("issue"), dict):
            raise _strange(answer, "issue")
        return dict(found["issue"])

    def change(self, number: str, wanted: dict[str, Any]) -> None:
        """Change an issue; Redmine answers with nothing."""
        self.client.request("PUT", f"issues/{number}.json", json={"issue": wanted})


def _holds(issue: Mapping[str, Any], at: int, value: str) -> bool:
    return any(one.get("id") == at and one.get("value") == value for one in issue.get("custom_fields") or ())


def _strange(answer: Response, name: str) -> UnreadableAnswerError:
    return UnreadableAnswerError(
        f"Redmine answered {answer.place} without {name}.",
        why="Its REST interface promises it.",
        fix="See whether url leads to a Redmine.",
    )
