"""
Errors as RFC 9457 problem documents: the one place where a family becomes a status.

No other file of ours knows which error is which number. ``type`` leads to a page of this very
Tieline that explains the code; ``what``, ``why`` and ``fix`` are the error's own sentences.
"""

from __future__ import annotations

import logging
from typing import Any

import orjson
from flask import Flask, Response, g, has_request_context, request
from werkzeug.exceptions import HTTPException

from bridges.admission import TooFastError
from connectors.kit.refusals import DoorSetupError, RefusedDoorError
from core.errors import (
    ConflictError,
    DefinitionError,
    InputError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SettingsError,
    SetupError,
    TielineError,
    TransientError,
)
from core.ids import new_id
from gateway.doors.reception import SlowSenderError
from gateway.languages import language_of
from gateway.refusals import (
    BrokenError,
    CheckFailedError,
    ForgedRequestError,
    MethodNotAllowedError,
    ScopeMissingError,
    TooLargeError,
    UnauthenticatedError,
    UnknownDoorError,
    UnsupportedMediaError,
)

log = logging.getLogger("tieline.gateway")

STATUS: dict[type[TielineError], int] = {
    InputError: 422,
    MalformedError: 400,
    UnauthenticatedError: 401,
    ScopeMissingError: 403,
    ForgedRequestError: 403,
    NotFoundError: 404,
    UnknownDoorError: 404,
    MethodNotAllowedError: 405,
    ConflictError: 409,
    SlowSenderError: 408,
    TooLargeError: 413,
    UnsupportedMediaError: 415,
    SetupError: 422,
    DefinitionError: 422,
    CheckFailedError: 422,
    RefusedDoorError: 401,
    DoorSetupError: 503,  # the sender shall keep it until a person has opened the door
    SettingsError: 500,
    BrokenError: 500,
    RefusedError: 502,
    TooFastError: 429,
    TransientError: 503,
}

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 5.0


def status_of(error: TielineError) -> int:
    """
    Return the HTTP status: the nearest class in the table decides, so a new error inherits its family's.

    >>> from core.errors import UnreachableError
    >>> status_of(UnreachableError("Zabbix is away.", why="No route."))
    503
    """
    for cls in type(error).__mro__:
        if cls in STATUS:
            return STATUS[cls]
    return 500


def document(error: TielineError, language: str = "en", instance: str | None = None) -> dict[str, Any]:
    """Return the problem document of an error in the asked language (titles; the sentences are the error's own)."""
    found: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title_zh if language == "zh" else error.title,
        "status": status_of(error),
        "detail": f"{error.what} {error.why} {error.fix}".strip(),
        "code": error.code,
        "family": error.family,
        "what": error.what,
        "why": error.why,
        "fix": error.fix,
    }
    if instance:
        found["instance"] = instance
    if error.facts:
        found["facts"] = error.facts
    return found


def headers(error: TielineError) -> dict[str, str]:
    """Return the headers that go with it: when to come back, and how to sign in."""
    if status_of(error) in (429, 503):
        return {"Retry-After": str(max(1, round(getattr(error, "retry_after", None) or RETRY_AFTER_S)))}
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": 'Bearer realm="tieline"'}
    return {}


def body(error: TielineError, language: str = "en", instance: str | None = None) -> bytes:
    """Return the problem document as bytes; a fact that is not JSON is shown as text rather than lost."""
    return orjson.dumps(document(error, language, instance), default=str, option=orjson.OPT_NON_STR_KEYS)


def answer(error: TielineError) -> Response:
    """Answer a request with a problem document."""
    language, path = ("en", None)
    if has_request_context():
        language, path = language_of(request), request.path
    response = Response(body(error, language, path), status=status_of(error), content_type=CONTENT_TYPE)
    response.headers.update(headers(error))
    response.headers["Cache-Control"] = "no-store"
    return response


def from_http(error: HTTPException) -> TielineError:
    """Say in our form what the web framework refused."""
    code = error.code or 500
    if code == 404:
        return NotFoundError(
            f"There is nothing at {request.path}.",
            why="No route has this path.",
            fix="See /openapi.json for every address of the API.",
        )
    if code == 405:
        allowed = sorted(getattr(error, "valid_methods", None) or [])
        return MethodNotAllowedError(
            f"{request.method} is not allowed at {request.path}.",
            why=f"This address takes: {', '.join(allowed)}.",
            fix="Use one of these methods.",
            allowed=allowed,
        )
    if code == 413:
        return TooLargeError(int(request.max_content_length or 0))
    if code == 415:
        return UnsupportedMediaError("The content type is not supported.", why=str(error.description), fix="Send JSON.")
    if code < 500:
        return MalformedError(
            "The request cannot be read.", why=str(error.description or error.name), fix="Correct the request."
        )
    return BrokenError("Something went wrong here.", why=str(error.name), fix="Look into the log of the web process.")


def install(app: Flask) -> None:
    """Answer every error of this application with a problem document (pages put their own handler before it)."""

    @app.errorhandler(TielineError)
    def _ours(error: TielineError) -> Response:
        return answer(error)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        response = answer(from_http(error))
        if error.code == 405:
            response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
        return response

    @app.errorhandler(Exception)
    def _broken(error: Exception) -> Response:
        return answer(broken(error))


def broken(error: Exception) -> BrokenError:
    """Log an unforeseen exception under a fresh reference, and give the reader only the reference."""
    reference = new_id("err")
    log.error("request failed %s", reference, exc_info=error)
    if has_request_context():
        g.failed = reference
    return BrokenError(
        "Tieline could not finish this request.",
        why="An error occurred that it has no name for.",
        fix=f"Look for {reference} in the log of the web process and report it.",
        reference=reference,
    )
