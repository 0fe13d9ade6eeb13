"""The addresses of the reconciliation service: who may ask, from which page, in which form, and JSONP for old clients."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, request
from sqlalchemy import Connection

from core.errors import MalformedError, NotFoundError, TielineError
from gateway import problems
from gateway.auth import authenticate, from_key
from gateway.languages import language_of
from gateway.operations import Call
from gateway.parts import Parts
from gateway.reconcile import answers
from gateway.reconcile.forms import BATCH, read_extension, read_queries
from gateway.refusals import TooLargeError
from mappings import catalogue

_CALLBACK = re.compile(r"[A-Za-z_$][\w$]{0,63}(\.[A-Za-z_$][\w$]{0,63}){0,4}", re.ASCII)
_WHATS = ("entity", "type", "property")


def blueprint(parts: Parts) -> Blueprint:
    """Return the service, at ``/reconcile`` and (key in the path) at ``/reconcile/with/<key>``."""
    made = Blueprint("reconcile", __name__, url_prefix="/reconcile")
    ours = _Addresses(parts)
    for prefix in ("", "/with/<key>"):
        name = "plain" if not prefix else "keyed"
        for path, run, methods in (
            ("", ours.endpoint, ["GET", "POST"]),
            ("/", ours.endpoint, ["GET", "POST"]),
            ("/suggest/<what>", ours.suggest, ["GET"]),
            ("/flyout/<what>", ours.flyout, ["GET"]),
            ("/properties", ours.properties, ["GET"]),
            ("/preview", ours.preview, ["GET"]),
        ):
            made.add_url_rule(
                prefix + path,
                f"{name}_{run.__name__}{'_slash' if path == '/' else ''}",
                run,
                methods=methods,
                strict_slashes=False,
            )
    made.after_request(_for_every_page)

    @made.errorhandler(TielineError)
    def refuse(error: TielineError) -> Response:
        return _for_every_page(problems.answer(error))

    return made


def _for_every_page(response: Response) -> Response:
    """Let pages of any origin read the answer (the protocol demands it); no cookie counts here, so nothing is given away."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


class _Addresses:
    """The functions behind the addresses."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def endpoint(self, key: str | None = None) -> Response:
        """Answer the manifest, a batch of queries, or a data extension."""
        asked = request.values
        if "queries" not in asked and "extend" not in asked:
            if request.method == "POST":
                raise MalformedError(
                    "The request has neither `queries` nor `extend`.",
                    why="They are parts of a form: application/x-www-form-urlencoded.",
                    fix='Send queries={"q0": {"query": "press 07"}}.',
                )
            if key is not None:
                self._caller(key)
            return self._manifest(key)
        call = self._caller(key)
        with self._parts.db.read() as conn:
            live = catalogue.load(conn)
            if "extend" in asked:
                return _json(answers.extended(conn, read_extension(asked["extend"]), live, call.language))
            queries = read_queries(asked["queries"])
            if len(queries) > BATCH:
                raise TooLargeError(BATCH)
            return _json(answers.matched(conn, queries, live, call.language))

    def _manifest(self, key: str | None) -> Response:
        console = self._parts.settings.public_url
        base = f"{console}/reconcile" + (f"/with/{quote(key)}" if key else "")
        with self._parts.db.read() as conn:
            found = answers.manifest(base, console, catalogue.load(conn), language_of(request))
        if key:
            del found["authentication"]  # it is in every address already
        return _json(found)

    def suggest(self, what: str, key: str | None = None) -> Response:
        """Answer what begins with ``prefix``."""
        call = self._caller(key)
        skip = _number("cursor", 0)
        with self._parts.db.read() as conn:
            live = catalogue.load(conn)
            return _json(answers.suggested(conn, _known(what), request.args.get("prefix", "")[:200], skip, live, call.language))

    def flyout(self, what: str, key: str | None = None) -> Response:
        """Answer a small piece of HTML about an entity; types and properties have nothing to add to their name."""
        call = self._caller(key)
        gid = request.args.get("id", "")
        with self._parts.db.read() as conn:
            html = self._page(conn, gid, call.language) if _known(what) == "entity" else ""
        return _json({"id": gid, "html": html})

    def preview(self, key: str | None = None) -> Response:
        """Answer a small page about an entity, for a frame."""
        call = self._caller(key)
        with self._parts.db.read() as conn:
            html = self._page(conn, request.args.get("id", ""), call.language)
        response = Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return response

    def properties(self, key: str | None = None) -> Response:
        """Answer which properties entities of a type may have."""
        call = self._caller(key)
        with self._parts.db.read() as conn:
            live = catalogue.load(conn)
            limit = _number("limit", 0) or None
            return _json(answers.proposed(conn, request.args.get("type") or None, limit, live, call.language))

    def _page(self, conn: Connection, gid: str, language: str) -> str:
        html = answers.previewed(conn, gid, catalogue.load(conn), language)
        if html is None:
            raise NotFoundError(
                f"There is no master ID {gid[:50]!r}.",
                why="It was never given out; given ones resolve for ever.",
                fix="Reconcile again.",
            )
        return html

    def _caller(self, key: str | None) -> Call:
        """Return the call of whoever holds the key: in the path, as a parameter, or in the header."""
        given = key or request.values.get("key")
        db = self._parts.db
        caller = from_key(db, given) if given else authenticate(db, request.headers.get("Authorization"))
        caller.require("read")
        return Call(self._parts, caller, language_of(request))


def _known(what: str) -> str:
    if what not in _WHATS:
        raise NotFoundError(
            f"Nothing is suggested of {what[:30]!r}.", why=f"Known: {', '.join(_WHATS)}.", fix="Use one of these."
        )
    return what


def _number(name: str, otherwise: int) -> int:
    text = request.args.get(name, "")
    if text and not re.fullmatch(r"[0-9]{1,6}", text):
        raise MalformedError(f"{name} is {text[:20]!r}.", why="It is a whole number.", fix=f"Send {name}=10, or leave it out.")
    return int(text) if text else otherwise


def _json(found: Any) -> Response:
    """Write an answer; with ``callback`` as a script that calls it (JSONP)."""
    raw = orjson.dumps(found)
    callback = request.values.get("callback")
    if not callback:
        return Response(raw, content_type="application/json")
    if not _CALLBACK.fullmatch(callback):
        raise MalformedError(
            "The callback is not the name of a function.",
            why="Anything else could be run in the reader's page.",
            fix="Send a name such as callback=answer.",
        )
    safe = raw.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return Response(b"/**/" + callback.encode() + b"(" + safe + b");", content_type="application/javascript; charset=utf-8")
