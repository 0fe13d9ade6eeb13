"""The one table that turns what HTTP and its library say into our four families."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from urllib3 import exceptions as lib

from connectors.kit.answers import Response
from connectors.kit.redact import Redactor
from core.errors import (
    CredentialsError,
    InputError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
    UnreachableError,
)

_WORDS = 500  #: how much of a foreign explanation is shown
_SAYS = ("message", "error_description", "detail", "msg", "errmsg", "error", "title", "description", "reason", "errors", "data")
_WAITS = {408, 423, 425}
_OWN_OBJECT = re.compile(r"\w+Connection\([^)]*\): ")  #: how the HTTP library names its own objects; nobody can use that
_PLAIN = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")


class CertificateError(SetupError):
    """The far side's certificate does not prove who it is; verification is never switched off."""

    code = "certificate"
    title, title_zh = "The certificate cannot be trusted", "证书不受信任"


def from_exception(error: Exception, system: str, place: str, redact: Redactor) -> TielineError:
    """Translate what the HTTP library raised. Anything unknown is transient: nothing is lost by trying again."""
    said = redact(_OWN_OBJECT.sub("", f"{type(error).__name__}: {error}"))[:_WORDS]
    if isinstance(error, lib.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return CertificateError(
            f"{system} shows a certificate we cannot trust ({place}).",
            why=said,
            fix="Set ca_file to the CA that signed it, or correct the host name in url. Verification cannot be switched off.",
        )
    if isinstance(error, lib.SSLError) and any(one in str(error).upper().replace(" ", "_") for one in _PLAIN):
        return UnreachableError(
            f"{system} does not speak TLS at this address ({place}).",
            why=said,
            fix="If this port speaks plain HTTP, write http:// in url; else correct the port. It is tried again.",
        )
    if isinstance(error, lib.LocationParseError | UnicodeError | ValueError | TypeError) and not isinstance(error, OSError):
        return InputError(
            f"The request {place} cannot be sent.", why=said, fix="Remove line breaks and control characters from what is sent."
        )
    if isinstance(error, lib.NameResolutionError):
        return UnreachableError(
            f"The host of {system} has no address ({place}).",
            why=said,
            fix="Correct the host name in url, or the name service of this machine. It is tried again.",
        )
    if isinstance(error, lib.NewConnectionError):
        return UnreachableError(
            f"{system} cannot be reached ({place}).",
            why=said,
            fix="See whether it runs, and whether host and port in url lead to it from here. It is tried again.",
        )
    if isinstance(error, lib.TimeoutError | TimeoutError):
        return UnreachableError(f"{system} did not answer in time ({place}).", why=said)
    if isinstance(error, lib.HTTPError | OSError):
        return UnreachableError(f"{system} cannot be reached ({place}).", why=said)
    return TransientError(f"The request {place} broke off.", why=said)


def from_status(answer: Response, system: str, redact: Redactor) -> TielineError:
    """Translate an answer outside 2xx; the far side's own words are kept, redacted."""
    status, said = answer.status, foreign_words(answer, redact)
    facts: dict[str, Any] = {"status": status, "foreign": said}
    why = f"It answered {status}: {said}" if said else f"It answered {status}."
    place = answer.place
    if status == 401:
        return CredentialsError(
            f"{system} does not accept our credentials ({place}).", why=why, fix="Renew the connector's credentials.", **facts
        )
    if status == 403:
        return PermissionDeniedError(
            f"{system} knows us, but does not let us do this ({place}).",
            why=why,
            fix="Give the connector's user this permission there.",
            **facts,
        )
    if status == 429:
        return RateLimitedError(f"{system} asks us to slow down ({place}).", why=why, retry_after=retry_after(answer), **facts)
    if status >= 500 or status in _WAITS:
        return TransientError(f"{system} cannot serve us now ({place}).", why=why, retry_after=retry_after(answer), **facts)
    if 300 <= status < 400:
        there = redact(answer.headers.get("location", "nowhere"))
        return SetupError(
            f"{system} sends us to another place: {there} ({place}).",
            why=f"It answered {status}, and redirects are not followed here.",
            fix="Set the connector's url to the place it really answers at.",
            **facts,
        )
    if status == 404:
        return RefusedError(
            f"{system} has nothing at this address ({place}).",
            why=why,
            fix="Correct the path in url if it is wrong; else what is asked for is gone there: change what is sent, and retry.",
            **facts,
        )
    return RefusedError(
        f"{system} refused ({place}).", why=why, fix="Change what is sent, or the other system's rules; then retry.", **facts
    )


def foreign_words(answer: Response, redact: Redactor) -> str:
    """
    Return the far side's own explanation as one short line, from JSON, HTML or plain text.

    >>> page = Response(400, {"content-type": "text/html"}, b"<h1>Bad</h1><p>No such  part</p>", "GET /")
    >>> foreign_words(page, Redactor())
    'Bad No such part'
    """
    text = redact(answer.text[:200_000])[:20_000]  # before any cut or change could leave half a secret
    try:
        text = _said(orjson.loads(answer.body)) or text
    except orjson.JSONDecodeError:
        if "<" in text:
            text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text)
    return redact(" ".join(text.split()))[:_WORDS]


def _said(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > 4:
        return ""
    if isinstance(value, dict):
        return " - ".join(said for name in _SAYS if name in value and (said := _said(value[name], depth + 1)))
    if isinstance(value, list):
        return "; ".join(said for one in value[:5] if (said := _said(one, depth + 1)))
    return ""


def retry_after(answer: Response) -> float | None:
    """
    Return the seconds we are asked to wait, from a number or an HTTP date (counted from the answer's own Date).

    >>> retry_after(Response(429, {"retry-after": "120"}, b"", "GET /"))
    120.0
    """
    wish = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", wish):
        return float(wish)
    until, sent = _moment(wish), _moment(answer.headers.get("date", ""))
    if until is None:
        return None
    return max((until - (sent or datetime.now(UTC))).total_seconds(), 0.0)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
