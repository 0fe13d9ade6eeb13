"""The check: what reading proves, step by step, and honestly what it does not."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from connectors.kit.answers import Response
from connectors.kit.contract import CheckReport, Step
from connectors.roundup.issues import ASKED, fields
from connectors.roundup.kind import OWN_FIELDS, RoundupSettings
from connectors.roundup.tracker import Tracker, TrackerFieldError
from core.clock import SECOND, from_datetime
from core.errors import CredentialsError
from core.words import Micros

SKEW_S = 60
_LOOPBACK = ("http://127.", "http://localhost", "http://[::1]")


def check(tracker: Tracker, settings: RoundupSettings, now: Micros) -> CheckReport:
    """Prove reachability, credentials, the fields, a sample read and what we may create; name the clocks' difference."""
    report = CheckReport()
    answers: list[Response] = []
    if not report.run("reachable", lambda: _reach(tracker, settings, answers)):
        return report
    report.steps.append(_tls(settings))
    if not report.run("credentials", lambda: _who(tracker, settings)):
        return report
    for name in OWN_FIELDS:
        needed = name == "tieline_ref"  # without it a ticket could not be found again, and might be opened twice
        report.run(f"field:{name}", lambda name=name: _field(tracker, name), needed=needed)  # type: ignore[misc]
    report.run("sample:issues", lambda: _sample(tracker, settings))
    for what in ("issue", "msg"):
        report.run(f"permission:{what}.create", lambda what=what: _may_create(tracker, what))  # type: ignore[misc]
    report.steps.append(_clock(answers[0], now))
    return report


def _reach(tracker: Tracker, settings: RoundupSettings, answers: list[Response]) -> str:
    answers.append(tracker.root())
    return f"A REST interface answers at {settings.address}rest/."


def _tls(settings: RoundupSettings) -> Step:
    plain = settings.url.startswith("http://") and not settings.url.startswith(_LOOPBACK)
    if plain:
        fix = "Serve the tracker by https and change url; a private CA can be named in ca_file."
        return Step("tls", ok=False, detail="The password travels in the clear with every request.", fix=fix, needed=False)
    return Step("tls", ok=True, detail="Requests are encrypted, or never leave this machine.", needed=False)


def _who(tracker: Tracker, settings: RoundupSettings) -> str:
    rows, _ = tracker.list("user", {"username:": settings.username, "@fields": "roles"})
    if not rows:
        raise CredentialsError(
            f"Roundup does not show us our own user {settings.username!r}.",
            why="Its answer holds no such user; our role may not even see user names.",
            fix="Give our user a role with the View permission on user (the classic role User has it).",
        )
    return f"Signed in as {settings.username}, roles: {rows[0].get('roles') or 'not shown'}."


def _field(tracker: Tracker, name: str) -> str:
    tracker.list("issue", {"@fields": name, "@page_size": 1})
    return f"The class issue has {name}."


def _sample(tracker: Tracker, settings: RoundupSettings) -> str:
    asked = list(ASKED)
    while True:
        try:
            query = {"@fields": ",".join(asked), "@verbose": 2, "@sort": "-activity", "@page_size": 1}
            rows, answer = tracker.list("issue", query)
        except TrackerFieldError as error:
            if error.facts.get("field") not in asked:
                raise
            asked.remove(str(error.facts["field"]))
            continue
        statuses, _ = tracker.list("status", {"@fields": "name", "@sort": "order"})
        words = ", ".join(str(one.get("name")) for one in statuses)
        shown = f"newest: {fields(rows[0], settings.shown_address).get('title')!r}" if rows else "none yet"
        return f"{tracker.total(answer)} issues, {shown}. Status words: {words}."


def _may_create(tracker: Tracker, what: str) -> str:
    tracker.refuses_unknown_field(what)
    return f"Our role may create {what} (asked with a field that no tracker has, so nothing was created)."


def _clock(answer: Response, now: Micros) -> Step:
    try:
        there = from_datetime(parsedate_to_datetime(answer.headers["date"]))
    except (KeyError, TypeError, ValueError):
        return Step("clock", ok=True, detail="Not proven: the web server sends no Date.", needed=False)
    skew = (there - now) // SECOND
    near = abs(skew) <= SKEW_S
    fix = "" if near else "Set both machines' clocks by NTP; ages and the order of changes are wrong by this much."
    return Step("clock", ok=near, detail=f"The tracker's web server is {skew:+d} s from our clock.", fix=fix, needed=False)
