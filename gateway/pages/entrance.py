"""
Signing in to the console: with an API key, once, into a signed cookie that holds no secret.

The cookie names the key and the first characters of its hash, so it ends when the key is revoked.
It is SameSite=Strict; whoever comes by a link from another system (a ticket's note) is sent round
once, so that the browser shows the cookie after all.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from flask import Flask, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from gateway.auth import Caller, from_key, from_session
from gateway.languages import language_of
from gateway.parts import Parts
from gateway.refusals import ForgedRequestError, UnauthenticatedError

HOURS = 12
_LOCAL = re.compile(r"/(?!/)[^\x00-\x1f\x7f\\]*")


def configure(app: Flask, parts: Parts) -> None:
    """Give the application its cookie: signed with a key derived from the vault's, so that every process reads it."""
    app.config.update(
        SECRET_KEY=parts.vault.derive("console session"),
        SESSION_COOKIE_NAME="tieline",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=parts.settings.public_url.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=timedelta(hours=HOURS),
    )


def sign_in(parts: Parts, key: str) -> Caller:
    """Take a key and begin a session, or refuse like the API does."""
    caller = from_key(parts.db, key.strip())
    session.clear()
    session.permanent = True
    session.update(prefix=caller.prefix, fingerprint=caller.fingerprint, token=secrets.token_urlsafe(16))
    return caller


def caller_of(parts: Parts) -> Caller | None:
    """Return who is signed in, or None."""
    if "prefix" not in session:
        return None
    try:
        return from_session(parts.db, session["prefix"], session["fingerprint"])
    except UnauthenticatedError:
        session.clear()
        return None


def ask_to_sign_in() -> AnyResponse:
    """Send the reader to the sign-in page, or round once if the browser kept the cookie back."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method == "GET":
        return Response(render_template("again.html", address=request.full_path.rstrip("?")), 200)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("pages.sign_in", wanted=wanted))


def check_form() -> None:
    """Refuse a form that does not carry this session's token."""
    held, shown = str(session.get("token", "")), request.form.get("token", "")
    if not held or not compare_digest(held.encode(), shown.encode("utf-8", "replace")):
        raise ForgedRequestError(
            "This form cannot be trusted.",
            why="It does not belong to your session; it may be older than your sign-in, or come from another site.",
            fix="Open the page again and repeat.",
        )


def frame(parts: Parts) -> dict[str, Any]:
    """Return what every template knows."""
    return {"language": language_of(request, parts.settings.language), "token": session.get("token", "")}


def local(address: str | None) -> str:
    """
    Return the address if it leads to a page of this console, else the overview.

    Control characters count as elsewhere: browsers take a tab out, and then two slashes are left.

    >>> local("/events?state=held"), local("//evil.example/"), local("https://evil.example"), local(None)
    ('/events?state=held', '/', '/', '/')
    """
    return address if address and _LOCAL.fullmatch(address) else "/"
