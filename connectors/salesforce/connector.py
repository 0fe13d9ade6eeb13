"""The salesforce connector: streams by SOQL, upsert by external id, the check by describe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.overlap import Overlap
from connectors.kit.shapes import shaped
from connectors.salesforce.kind import COLUMNS, SALESFORCE, SalesforceSettings
from connectors.salesforce.org import Org
from core.clock import SECOND, Clock, from_datetime, to_rfc3339
from core.errors import InputError, MalformedError, PermissionDeniedError, RefusedError, SetupError, TielineError
from core.jsons import canonical
from core.strict import read_json
from core.words import Delivery, Found, Json, Micros, Outcome, Page, Record, Verified

POLLED = "polled"  #: the key that marks a page of ours
MOST_ROWS = 2000
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_FIELDS = {"title": "Subject", "priority": "Priority", "text": "Description", "status": "Status", "account": "AccountId"}
_ASKED = {
    "task": "SELECT Id, Subject, Status, CreatedDate FROM Task WHERE AccountId = '{0}' ORDER BY CreatedDate DESC LIMIT {1}",
    "event": "SELECT Id, Subject, StartDateTime FROM Event WHERE AccountId = '{0}' ORDER BY StartDateTime DESC LIMIT {1}",
    "case": "SELECT Id, Subject, Status, CreatedDate FROM Case WHERE AccountId = '{0}' ORDER BY CreatedDate DESC LIMIT {1}",
}


class Salesforce(Connector):
    """One org. Threads share the session."""

    kind: ClassVar[Kind] = SALESFORCE

    def __init__(self, name: str, settings: SalesforceSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._org = Org(settings, self.clock)

    def check(self) -> CheckReport:
        """Sign in, read what a case may be asked and told (describe), one case, and what is left of the allowance."""
        report = CheckReport()
        if not report.run("credentials", lambda: f"Signed in; the data is at {self._org.signed_in()}."):
            return report
        described: dict[str, Any] = {}
        if report.run("permission:Case", lambda: self._describe(described)):
            report.run(f"field:{self.settings.ref_field}", lambda: self._ref(described))
        report.run("sample:cases", lambda: f"{self.poll('cases', None, 1).count} case read.")
        report.run("setting:limits", self._limits, needed=False)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page. Pure."""
        content = read_json(delivery.body)
        try:
            stream = content[POLLED]
            return [_record(stream, _fields(stream, one, settings.ref_field)) for one in content["records"]]
        except TielineError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise MalformedError(
                "The page of Salesforce cannot be read.",
                why=f"{type(error).__name__}: {error}.",
                fix="Only pages that Tieline polled itself are read here.",
            ) from error

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read what changed, oldest first."""
        self.kind.stream(stream)
        at = Overlap(cursor, self.settings.overlap_s)
        size = min(at.size(limit), MOST_ROWS)
        rows = self._org.query(self._soql(stream, at.since, size))
        fresh = at.take(((str(one["Id"]), _moment(one["SystemModstamp"]), one) for one in rows), limit)
        more = at.more or len(rows) >= size
        return Page(canonical({POLLED: stream, "records": fresh}), at.cursor(), more=more and bool(fresh), count=len(fresh))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read the last tasks, events and cases of an account, and merge them."""
        self.kind.lookup(name)
        account, limit = _id(inputs.get("account")), inputs.get("limit") or 3
        if not isinstance(limit, int) or not 1 <= limit <= 20:
            raise InputError(f"The limit {limit!r} cannot be used.", why="It is a number from 1 to 20.", fix="Correct it.")
        found = []
        for kind, soql in _ASKED.items():
            for one in self._org.query(soql.format(account, limit), timeout_s):
                at = to_rfc3339(_moment(one.get("CreatedDate") or one.get("StartDateTime")))
                found.append(
                    {"kind": kind, "id": one["Id"], "title": one.get("Subject"), "status": one.get("Status"), "at": at}
                )
        found.sort(key=lambda one: str(one["at"]), reverse=True)
        values: dict[str, Json] = {"interactions": found[:limit], "count": len(found[:limit])}
        return Found(values, self.clock.now(), f"salesforce interactions of {account}", absent=not found)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Upsert a case by our external id, or change one."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        wanted = {_FIELDS[field]: value for field, value in arguments.items() if field in _FIELDS and value not in (None, "")}
        if name == "create_ticket":
            return self._upsert(str(arguments.get("tieline_ref") or key), wanted)
        number = _id(arguments.get("id"))
        if not wanted:
            raise InputError(
                "There is nothing to change.", why="No field is given beside the id.", fix="Name at least one field."
            )
        now = self._case(number)
        differing = {field: value for field, value in wanted.items() if now.get(field) != value}
        if differing:
            self._org.call("PATCH", f"sobjects/Case/{number}", json=differing)
            now = self._case(number)
        held = {field: now.get(_FIELDS[field]) for field in arguments if field in _FIELDS}
        return Outcome(number, str(now.get("SystemModstamp")), held, repeated=not differing, request=differing)

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the case back; a field that the org's field-level security hides is dropped silently there, and said here."""
        self.kind.act(name)
        seen = self._case(_id(outcome.external_id))
        wanted = {_FIELDS[field]: value for field, value in arguments.items() if field in _FIELDS and value not in (None, "")}
        wrong = [field for field, value in wanted.items() if seen.get(field) != value]
        told: dict[str, Json] = {field: seen.get(field) for field in wanted}
        return Verified(
            not wrong, told, f"It now says {', '.join(f'{one}={seen.get(one)!r}' for one in wrong)}." if wrong else ""
        )

    def close(self) -> None:
        """Give back the sockets."""
        self._org.close()

    def _upsert(self, reference: str, wanted: dict[str, Any]) -> Outcome:
        if not wanted.get("Subject"):
            raise InputError("The title is empty.", why="A person has to read it.", fix="Give a title.")
        ref = self.settings.ref_field
        path = f"sobjects/Case/{ref}/{quote(reference, safe='')}"
        answer = self._org.call("PATCH", path, json=wanted, accept=(300,))
        if answer.status == 300:
            raise RefusedError(
                f"Several cases carry the reference {reference}.",
                why="Salesforce answered 300 and wrote nothing.",
                fix=f"Make {ref} unique, and empty it in all of them but one.",
            )
        now = self._org.get(path)
        created = answer.status == 201
        held: dict[str, Json] = {"tieline_ref": reference, "status": now.get("Status"), "number": now.get("CaseNumber")}
        return Outcome(str(now["Id"]), str(now.get("SystemModstamp")), held, repeated=not created, request=wanted)

    def _case(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self._org.get(f"sobjects/Case/{number}")
        return found

    def _soql(self, stream: str, since: Micros | None, size: int) -> str:
        thing, columns = COLUMNS[stream]
        names = [*columns.values(), *([self.settings.ref_field] if stream == "cases" else [])]
        where = f" WHERE SystemModstamp >= {_written(since)}" if since is not None else ""
        return f"SELECT {', '.join(names)} FROM {thing}{where} ORDER BY SystemModstamp, Id LIMIT {size}"  # noqa: S608

    def _describe(self, described: dict[str, Any]) -> str:
        described.update(self._org.get("sobjects/Case/describe"))
        missing = [word for word in ("queryable", "createable", "updateable") if not described.get(word)]
        if missing:
            raise PermissionDeniedError(
                f"Our user's cases are not {', '.join(missing)}.",
                why="So says describe.",
                fix="Give its profile read, create and edit on Case.",
            )
        return f"Case may be read, created and edited; {len(described.get('fields') or ())} fields are visible."

    def _ref(self, described: Mapping[str, Any]) -> str:
        ref = self.settings.ref_field
        about = next((one for one in described.get("fields") or () if one.get("name") == ref), None)
        if about is None or not about.get("externalId"):
            raise SetupError(
                f"Case has no external id field {ref}." if about is None else f"{ref} is no external id.",
                why="Without it a case could be opened twice.",
                fix=f"Make a text field {ref} on Case, External ID and unique, visible to our user.",
            )
        return "External id" + (", unique." if about.get("unique") else "; make it unique as well.")

    def _limits(self) -> str:
        left = self._org.get("limits/").get("DailyApiRequests") or {}
        return f"{left.get('Remaining')} of {left.get('Max')} calls are left today."


def _fields(stream: str, one: Mapping[str, Any], ref_field: str) -> dict[str, Json]:
    columns = COLUMNS[stream][1]
    found: dict[str, Json] = {ours: one.get(theirs) for ours, theirs in columns.items()}
    for name in ("changed_at", "creation"):
        if name in found and found[name] is not None:
            found[name] = to_rfc3339(_moment(found[name]))
    if stream == "cases":
        found["tieline_ref"] = one.get(ref_field) or None
    return found


def _record(stream: str, data: dict[str, Json]) -> Record:
    shaped(data, SALESFORCE.stream(stream).fields, f"A record of {stream}")
    if not data["id"] or not data["changed_at"]:
        raise ValueError("a record without id or SystemModstamp")
    at = from_datetime(datetime.fromisoformat(data["changed_at"]))
    return Record(
        stream, data["id"], data, at=at, version=data["changed_at"], actor=data.get("actor"), hint=data.get("tieline_ref")
    )


def _moment(text: Any) -> Micros:
    """
    Read a time as Salesforce writes it, with an offset that has no colon.

    >>> _moment("2026-01-05T03:04:05.000+0000")
    1767582245000000
    """
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return from_datetime(moment)


def _written(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _id(given: Json) -> str:
    if isinstance(given, str) and _ID.fullmatch(given):
        return given
    raise InputError(
        f"{str(given)[:40]!r} is no id of Salesforce.", why="It has 15 or 18 letters and digits.", fix="Give the id."
    )
