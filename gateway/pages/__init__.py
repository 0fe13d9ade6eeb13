"""The console: server-rendered pages in two languages, without scripts, over the same lists and rows as the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, render_template, request, session, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from core.errors import TielineError
from gateway import problems
from gateway.languages import COOKIE, LANGUAGES, language_of
from gateway.openapi import release
from gateway.pages import connectors, entities, fields, lists, overview, showing, snapshots, trail
from gateway.pages import names as naming
from gateway.pages.catalogue import entry
from gateway.pages.console import Console
from gateway.pages.entrance import ask_to_sign_in, caller_of, check_form, local, sign_in
from gateway.pages.reasons import reason
from gateway.pages.texts import text, word
from gateway.parts import Parts
from gateway.refusals import UnauthenticatedError
from snapshots.note import said

HERE = Path(__file__).parent
OPEN = {"pages.sign_in", "pages.stylesheet", "pages.problem"}
"""What may be seen without signing in."""

MASTER_ID = re.compile(r"[A-Z]{2,8}-\d{4}-\d{6,}")

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def blueprint(parts: Parts) -> Blueprint:
    """Return every page."""
    made = Blueprint("pages", __name__, template_folder="templates")
    style = (HERE / "static" / "style.css").read_bytes()
    console = Console(parts)

    @made.get("/style.css")
    def stylesheet() -> Response:
        return Response(style, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=300"})

    @made.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
    def signing_in() -> AnyResponse | tuple[str, int] | str:
        if request.method == "GET":
            return render_template("sign_in.html", wanted=request.args.get("wanted", ""), refused=None)
        wanted = request.form.get("wanted", "")
        try:
            sign_in(parts, request.form.get("key", ""))
        except UnauthenticatedError as error:
            return render_template("sign_in.html", wanted=wanted, refused=error), 401
        return redirect(local(wanted), 303)

    @made.post("/sign-out")
    def sign_out() -> AnyResponse:
        session.clear()
        return redirect(url_for("pages.sign_in"), 303)

    @made.get("/problems/<code>")
    def problem(code: str) -> str:
        return render_template("problem.html", **overview.problem(code, language_of(request)))

    for pages in (overview, lists, trail, connectors, entities, fields, snapshots):
        pages.add(made, console)
    _dress(made, parts)
    return made


def _dress(made: Blueprint, parts: Parts) -> None:
    """Give every page its caller, its language, its words, its headers and its way of failing."""
    _ask_who(made, parts)
    _say(made, parts)
    _fail(made, parts)

    @made.after_request
    def leave(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        asked = request.args.get("lang")
        if asked in LANGUAGES:
            response.set_cookie(COOKIE, asked, max_age=31_536_000, samesite="Lax")
        return response


def _ask_who(made: Blueprint, parts: Parts) -> None:
    @made.before_request
    def enter() -> AnyResponse | None:
        g.caller = caller_of(parts)
        if request.endpoint in OPEN:
            return None
        if g.caller is None:
            return ask_to_sign_in()
        with parts.db.read() as conn:
            g.names = naming.load(conn, language_of(request, parts.settings.language))
        if request.method == "POST":
            check_form()
        else:
            g.caller.require("read")
        return None


def _say(made: Blueprint, parts: Parts) -> None:
    """Teach the templates to speak: texts, words, times, states."""
    zone = parts.settings.time_zone

    def language() -> str:
        return language_of(request, parts.settings.language)

    @made.context_processor
    def words() -> dict[str, Any]:
        spoken = language()
        return {
            "language": spoken,
            "t": lambda key: text(key, spoken),
            "token": session.get("token", ""),
            "caller": g.get("caller"),
            "here": (request.endpoint or "").removeprefix("pages."),
            "release": release(),
            "zone": showing.zone_name(zone),
            "names": g.get("names"),
            "other_language": _switched(spoken),
        }

    for name, show in _filters(zone, language).items():
        made.add_app_template_filter(show, name)


def _filters(zone: str, language: Callable[[], str]) -> dict[str, Callable[..., Any]]:
    """Return how templates write what they are given, each in the reader's language and the zone of the settings."""
    own = ("pretty", "short", "seconds", "tone", "span", "body", "quoted")
    return {name: getattr(showing, name) for name in own} | {
        "moment": lambda found: showing.moment(found, zone),
        "state": lambda found: showing.state(found, language()),
        "holder": lambda found: showing.holder(found, language()),
        "held_why": lambda found: showing.holder(found, language(), whole=True),
        "word": lambda found, group="word": word(found, language(), group),
        "reference": lambda found: reference(found, zone),
        "value": lambda found: showing.timed(found, zone),
        "rows": lambda found: showing.rows(found, zone),
        "as_written": showing.value,
        "reason": lambda found: reason(found, language()),
        "facet_reason": lambda found: said(found, language()),
        "known_error": lambda code: known_error(code, language()),
        "happening": lambda event_type: happening(event_type, language()),
    }


def known_error(code: str | None, language: str) -> dict[str, str] | None:
    """Return an error's title and family as the catalogue has them."""
    known = entry(code or "")
    return None if known is None else {"title": known.title(language), "family": known.family}


def happening(event_type: str, language: str) -> Any:
    """Write an event type; a Chinese reader gets the entity's title and what happened before it."""
    etype, _, happened = event_type.rpartition(".")
    title = g.names.entity(etype) if language == "zh" else None
    if title is None:
        return event_type
    return Markup('{} {} <code class="help">{}</code>').format(title, word(happened, "zh"), event_type)


def reference(found: Any, zone: str) -> Any:
    """Write a value; one that is a master ID leads to its page."""
    if isinstance(found, str) and MASTER_ID.fullmatch(found):
        return Markup('<a href="{}">{}</a>').format(url_for("pages.entity", master_id=found), found)
    return showing.timed(found, zone)


def _fail(made: Blueprint, parts: Parts) -> None:
    @made.errorhandler(TielineError)
    def failed(error: TielineError) -> tuple[str, int]:
        title = error.title_zh if language_of(request, parts.settings.language) == "zh" else error.title
        return render_template("failed.html", error=error, title=title), problems.status_of(error)

    @made.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return failed(problems.from_http(error))

    @made.errorhandler(Exception)
    def broken(error: Exception) -> tuple[str, int]:
        return failed(problems.broken(error))


def _switched(language: str) -> str:
    """Return the address of this very page in the other language."""
    asked = {**request.args.to_dict(), "lang": "en" if language == "zh" else "zh"}
    return f"{request.path}?{urlencode(asked)}"
