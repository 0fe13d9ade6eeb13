"""
How Roundup is spoken to, and what it says translated into our families. One place for both.

Traps that live here: every write needs ``X-Requested-With`` and the ``Origin`` of the tracker's configured
address; a change needs ``If-Match``; errors are JSON, plain text (401) or a page (404); the answers' ETag
header has a suffix when it was packed, so the mark is taken from the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.kit.answers import Response, UnreadableAnswerError
from connectors.kit.http import Client
from connectors.roundup.kind import OWN_FIELDS, SCHEMA_LINE, RoundupSettings
from core.errors import (
    CredentialsError,
    PermissionDeniedError,
    RefusedError,
    SetupError,
    TielineError,
    UnknownVocabularyError,
)

CHANGED_MEANWHILE = 412


class TicketGoneError(RefusedError):
    """The issue is not there: its number is wrong, or somebody destroyed it."""

    code = "ticket-gone"
    title, title_zh = "The ticket is not there", "工单不存在"


class TrackerFieldError(SetupError):
    """The tracker's schema lacks a property that Tieline writes or reads."""

    code = "tracker-field"
    title, title_zh = "The tracker lacks a field", "工单系统缺少字段"


class Tracker:
    """One tracker's REST interface. Threads may share it."""

    def __init__(self, settings: RoundupSettings) -> None:
        shown = urlsplit(settings.shown_address)
        self.client = Client(
            settings.address,
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
            headers={"X-Requested-With": "Tieline", "Origin": f"{shown.scheme}://{shown.netloc}"},
            basic=(settings.username, settings.password.get_secret_value()),
            system="Roundup",
        )

    def list(
        self, what: str, query: Mapping[str, Any], timeout_s: float | None = None
    ) -> tuple[list[dict[str, Any]], Response]:
        """Return the rows of a class, and the answer they came in (its headers carry the far side's clock)."""
        answer = self._send("GET", what, query=query, timeout_s=timeout_s)
        return list(_answered(answer)["collection"]), answer

    def total(self, answer: Response) -> int:
        """Return how many rows there are in all, whatever the page showed."""
        return int(_answered(answer)["@total_size"])

    def item(self, what: str, number: str, fields: tuple[str, ...]) -> tuple[dict[str, Any], str]:
        """Return one item with labels for its links, and the mark that a change of it needs."""
        found = _answered(self._send("GET", f"{what}/{number}", query={"@fields": ",".join(fields), "@verbose": 2}))
        return {"id": number, **found["attributes"]}, str(found["@etag"])

    def create(self, what: str, fields: Mapping[str, Any]) -> str:
        """Create an item and return its number."""
        return str(_answered(self._send("POST", what, json=dict(fields)))["id"])

    def change(self, what: str, number: str, fields: Mapping[str, Any], mark: str) -> bool:
        """Change an item that is still what the mark names; False when somebody was faster."""
        answer = self._send(
            "PATCH", f"{what}/{number}", json=dict(fields), headers={"If-Match": mark}, accept=(CHANGED_MEANWHILE,)
        )
        return answer.status != CHANGED_MEANWHILE

    def root(self) -> Response:
        """Ask for the REST interface itself; a refusal of us still proves that it is there."""
        answer = self.client.request("GET", "rest/", accept=(400, 401, 403, 404))
        if answer.status == 404:
            raise SetupError(
                "There is no REST interface at this address.",
                why=f"{answer.place} answered 404.",
                fix="Set url to the tracker's own address (it ends with its name), and enable_rest = yes in its config.ini.",
            )
        return answer

    def refuses_unknown_field(self, what: str) -> None:
        """
        Prove that we may create items of a class, without creating one.

        Roundup looks at the permission first and at the fields second: a field that no tracker has is
        answered 403 to those who may not, and 400 to those who may. Nothing can come into being.
        """
        try:
            self._send("POST", what, json={"tieline_permission_probe": "never a field"})
        except TrackerFieldError:
            return
        raise UnreadableAnswerError(
            "Roundup took a field that no tracker has.", why="The probe for permissions was answered 2xx."
        )

    def _send(self, method: str, path: str, **options: Any) -> Response:
        try:
            return self.client.request(method, f"rest/data/{path}", **options)
        except TielineError as error:
            raise self._translated(error, path) from None

    def _translated(self, error: TielineError, path: str) -> TielineError:
        status, said = error.facts.get("status"), str(error.facts.get("foreign", ""))
        facts = {"status": status, "foreign": said}
        if status == 400 and ("Required Header Missing" in said or "not allowed to use Rest Interface" in said):
            return SetupError(
                "Roundup does not accept where we come from.",
                why=f"It said {said!r}: the Origin we send must be the address in its own config.ini.",
                fix="Set public_url to [tracker] web of the tracker's config.ini, or add ours to allowed_api_origins there.",
                **facts,
            )
        unknown = re.search(r"(?:Property|property:?|Field) '?(\w+)'?", said) if status == 400 else None
        if unknown and re.search(r"not found in class|Unknown property|is not valid for", said):
            name = unknown[1]
            line = SCHEMA_LINE if name in OWN_FIELDS else f"{name}=String()"
            return TrackerFieldError(
                f"The tracker's class {path.split('/')[0]} has no property {name!r}.",
                why=f"Roundup said: {said}",
                fix=f"Add to the issue class in the tracker's schema.py: {line}; then restart its servers.",
                field=name,
                **facts,
            )
        word = re.search(r"property (\w+): '(.*)' is not a (\w+)|value \"(.*)\" for \"(\w+)\"", said) if status == 400 else None
        if word:
            return self._unknown_word(word[2] or word[4], word[3] or word[5], said)
        if status == 404 and "no such" in said:
            return TicketGoneError(
                f"Roundup has no {path.replace('/', ' ')}.",
                why=f"It said: {said}",
                fix="Look it up there; it may be destroyed.",
                **facts,
            )
        if status == 403 and "Forbidden" in said:
            return PermissionDeniedError(
                "Our Roundup user may not use the REST interface.",
                why=f"It said: {said}",
                fix="Give its role the permission 'Rest Access' in schema.py, or give the user the role User.",
                **facts,
            )
        if status == 401:
            return CredentialsError(
                "Roundup does not accept our user name and password.",
                why=f"It said: {said}",
                fix="Correct them; after several wrong tries Roundup locks the API for a while (api_failed_login_limit).",
                **facts,
            )
        return error

    def _unknown_word(self, word: str, what: str, said: str) -> TielineError:
        """Name the words there are; a second request, only ever after a mistake."""
        try:
            rows, _ = self.list(what, {"@fields": "name,username" if what == "user" else "name", "@page_size": 50})
            known = [str(row.get("name") or row.get("username")) for row in rows]
        except TielineError:
            known = []
        return UnknownVocabularyError(
            f"The tracker knows no {what} {word!r}.",
            why=f"It knows: {', '.join(known)}." if known else f"It said: {said}",
            fix="Translate to one of these words in the mapping or the bridge, or add the word to the tracker.",
            known=known,
        )


def _answered(answer: Response) -> dict[str, Any]:
    found = answer.json()
    if not isinstance(found, dict) or not isinstance(found.get("data"), dict):
        raise UnreadableAnswerError(
            f"Roundup answered {answer.place} without data.", why="Each answer of its REST interface holds an object `data`."
        )
    return dict(found["data"])
