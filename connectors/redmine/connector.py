"""The redmine connector: composes the REST interface with what the kind offers; its poll and its check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from connectors.kit.contract import CheckReport, Connector, Kind, Step
from connectors.kit.overlap import Overlap
from connectors.kit.shapes import shaped
from connectors.redmine import acts
from connectors.redmine.issues import POLLED, fields, parse
from connectors.redmine.kind import OWN_FIELDS, REDMINE, RedmineSettings
from connectors.redmine.rest import Rest
from core.clock import SECOND, Clock, from_rfc3339
from core.errors import InputError, PermissionDeniedError, SetupError
from core.jsons import canonical
from core.words import Delivery, Found, Json, Micros, Outcome, Page, Record, Verified

MOST_TICKETS = 50
SHOWN = ("id", "title", "status", "priority", "part", "creation", "activity", "url")
NEEDED = ("view_issues", "add_issues", "edit_issues", "add_issue_notes")
_DAY = 86_400 * SECOND


class Redmine(Connector):
    """One project of one Redmine. Threads share the pool."""

    kind: ClassVar[Kind] = REDMINE

    def __init__(self, name: str, settings: RedmineSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._rest = Rest(settings)

    def check(self) -> CheckReport:
        """Only read: who we are, our permissions in the project, the custom fields, a sample."""
        report = CheckReport()
        found: list[dict[str, Any]] = []
        if not report.run("credentials", lambda: self._who(found)):
            return report
        if report.run("permission:project", self._project):
            for name in NEEDED:
                report.run(f"permission:{name}", partial(self._allowed, found[0], name))
        report.steps.append(self._ref_is_set())
        report.run("sample:issues", self._sample)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page or a message of our plug-in."""
        return parse(delivery, settings)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """
        Read issues by their last change, oldest first, from a span before the newest one seen.

        Redmine's times are whole seconds and a change may be committed late; which states of that span were
        handed out is kept in the cursor, so nothing comes twice and nothing is lost.
        """
        self.kind.stream(stream)
        at = Overlap(cursor, self.settings.overlap_s)
        since = self.clock.now() - self.settings.history_days * _DAY if at.since is None else at.since
        rows = self._rest.issues({"sort": "updated_on,id", "updated_on": f">={_written(since)}"})
        fresh = at.take(((str(row["id"]), from_rfc3339(row["updated_on"]), row) for row in rows), limit)
        return Page(canonical({POLLED: "issues", "issues": fresh}), at.cursor(), more=at.more, count=len(fresh))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read the last tickets of one machine."""
        self.kind.lookup(name)
        machine, except_ref = inputs.get("machine"), inputs.get("except_ref")
        if not isinstance(machine, str) or not machine.strip():
            raise InputError("No machine is named.", why="The lookup needs one.", fix="Give the machine's technical name.")
        limit = _limit(inputs.get("limit"))
        rows, count = self._rest.with_field(
            "machine", machine, limit=limit + bool(except_ref), timeout_s=timeout_s, sort="created_on:desc,id:desc"
        )
        shown = [fields(row, self.settings) for row in rows]
        others = [one for one in shown if not except_ref or one.get("tieline_ref") != except_ref]
        tickets = [{field: one[field] for field in SHOWN if field in one} for one in others[:limit]]
        values: dict[str, Json] = {"tickets": tickets, "count": count - (len(shown) - len(others))}
        return Found(values, self.clock.now(), f"redmine issues of {machine}", absent=not tickets)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Create, change or comment; what is there already is found and not written again."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        if name == "create_ticket":
            return acts.create(self._rest, arguments, key)
        if name == "update_ticket":
            return acts.update(self._rest, arguments)
        return acts.add_message(self._rest, arguments, key)

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the issue back."""
        self.kind.act(name)
        return acts.verify(self._rest, name, arguments, outcome)

    def close(self) -> None:
        """Give back the sockets."""
        self._rest.client.close()

    def _who(self, found: list[dict[str, Any]]) -> str:
        found.append(self._rest.item("users/current.json", "user", {"include": "memberships"}))
        return f"Signed in as {found[0].get('login')}."

    def _project(self) -> str:
        project = self._rest.item(f"projects/{self.settings.project}.json", "project", {"include": "trackers"})
        trackers = [str(one.get("name")) for one in project.get("trackers") or ()]
        if self.settings.tracker is not None and self.settings.tracker not in trackers:
            raise SetupError(
                f"The project has no tracker {self.settings.tracker!r}.",
                why=f"It has: {', '.join(trackers)}.",
                fix="Correct tracker, or add it to the project.",
            )
        return f"Project {project.get('name')}, trackers: {', '.join(trackers)}."

    def _allowed(self, user: Mapping[str, Any], name: str) -> str:
        """Read the roles of our user in the project and look for a permission."""
        if user.get("admin"):
            return "Our user is an administrator: use one that is not."
        project = self._rest.item(f"projects/{self.settings.project}.json", "project")
        roles = [
            role
            for one in user.get("memberships") or ()
            if (one.get("project") or {}).get("id") == project.get("id")
            for role in one.get("roles") or ()
        ]
        for role in roles:
            if name in (self._rest.item(f"roles/{role['id']}.json", "role").get("permissions") or ()):
                return f"By the role {role.get('name')}."
        raise PermissionDeniedError(
            f"Our user lacks {name} in the project.",
            why=f"Its roles there: {', '.join(str(role.get('name')) for role in roles) or 'none'}.",
            fix=f"Give one of them {name} (Administration > Roles), or make our user a member.",
        )

    def _ref_is_set(self) -> Step:
        """Say whether a ticket can be found again; a reader without it may still poll."""
        if "tieline_ref" in self.settings.custom_fields:
            missing = [name for name in OWN_FIELDS if name not in self.settings.custom_fields]
            return Step("setting:custom_fields", ok=True, detail=f"Not used: {', '.join(missing) or 'none'}.")
        return Step(
            "setting:custom_fields",
            ok=False,
            detail="tieline_ref has no custom field; a ticket could not be found again, and might be opened twice.",
            fix="Make a custom field (text, for all trackers, used as a filter) and set its number.",
        )

    def _sample(self) -> str:
        rows, total = self._rest.page({"limit": 1, "sort": "updated_on:desc"})
        if not rows:
            return "No issue yet, so the custom fields are not proven."
        there = {one.get("id"): one.get("name") for one in rows[0].get("custom_fields") or ()}
        lost = {name: at for name, at in self.settings.custom_fields.items() if at not in there}
        if lost:
            raise SetupError(
                f"The newest issue has no custom field {', '.join(f'{at} ({name})' for name, at in lost.items())}.",
                why=f"It has: {', '.join(f'{at} {name}' for at, name in there.items()) or 'none'}.",
                fix="Correct the numbers in custom_fields, or switch the fields on for the tracker and the project.",
            )
        return f"{total} issues, newest: {rows[0].get('subject')!r}."


def _written(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _limit(given: Json) -> int:
    try:
        limit = 3 if given is None else int(given)
    except (TypeError, ValueError):
        limit = 0
    if not 1 <= limit <= MOST_TICKETS:
        raise InputError(
            f"The limit {given!r} cannot be used.", why=f"It is a number from 1 to {MOST_TICKETS}.", fix="Correct it."
        )
    return limit
