"""How a token is got: by a request of the manifest, or by one of the grants of OAuth 2."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from authlib.oauth2.auth import encode_client_secret_basic, encode_client_secret_post, encode_none
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from joserfc import jws
from joserfc.errors import JoseError
from urllib3.util import make_headers

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.assertions import JWT_BEARER, assertion
from connectors.kit.declared.credentials import Expiry, OAuth2, TokenAuth
from connectors.kit.declared.judging import Got
from connectors.kit.declared.paths import path
from connectors.kit.declared.predicates import Condition
from connectors.kit.declared.slots import as_text, filler
from connectors.kit.declared.wire import Answer, Request, Rule
from connectors.kit.tokens import Token, WrongCredentialsError
from core.clock import SECOND
from core.errors import CredentialsError
from core.words import Json, Micros

if TYPE_CHECKING:
    from connectors.kit.declared.caller import Caller

_NO_CREDENTIALS = ("timeout_s", "ca_file", "allowed_networks", "credentials_end")
_WRONG = ("invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope", "unsupported_grant_type", "access_denied")
"""Errors of RFC 6749 after which trying again with the same credentials is useless."""


def basic_header(user: Any, password: Any) -> str:
    """Return the Authorization header of user and password."""
    return str(make_headers(basic_auth=f"{user or ''}:{password or ''}")["authorization"])


def form_body(pairs: Mapping[str, Json]) -> bytes:
    """Return a form as it is sent."""
    return urlencode([(name, as_text(value)) for name, value in pairs.items()]).encode()


def seed(auth: TokenAuth | OAuth2, fixed: Mapping[str, Any]) -> str:
    """Return the fingerprint of the credentials: what was got with others counts for nothing."""
    given = {name: value for name, value in fixed.items() if name not in _NO_CREDENTIALS}
    raw = orjson.dumps([auth.model_dump(mode="json", by_alias=True), given], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(raw).hexdigest()


def take(got: Got, wanted: Mapping[str, str], system: str) -> dict[str, str]:
    """Take named values from an answer: a path into the body, header:NAME, or cookie:NAME."""
    found: dict[str, str] = {}
    for name, place in wanted.items():
        value = _taken(got, place)
        if value in (None, ""):
            raise UnreadableAnswerError(
                f"{system} answered {got.answer.place}, but without {name}.",
                why=f"There is nothing at {place}.",
                fix="It is tried again; if it stays, compare the system's version with the manifest.",
            )
        found[name] = value if isinstance(value, str) else str(value)
    return found


def _taken(got: Got, place: str) -> Json:
    if place.startswith("header:"):
        return got.answer.headers.get(place.removeprefix("header:").lower())
    if place.startswith("cookie:"):
        return _cookie(got.answer.headers.get("set-cookie", ""), place.removeprefix("cookie:"))
    return path(place)(got.body)


def _cookie(lines: str, name: str) -> str | None:
    for line in lines.splitlines():
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(line)
        except CookieError:
            continue
        if name in jar:
            return jar[name].value
    return None


def fetch(caller: Caller, auth: TokenAuth | OAuth2, old: Token | None) -> Token:
    """Get a token: renew the old one where that is possible, else start from the credentials."""
    if isinstance(auth, OAuth2):
        return _oauth2(caller, auth, old)
    if auth.refresh is not None and old is not None:
        try:
            return _exchanged(caller, auth, auth.refresh, old)
        except CredentialsError:
            pass  # the refresh token has ended too: sign in anew
    return _exchanged(caller, auth, auth.request, old)


def _exchanged(caller: Caller, auth: TokenAuth, request: Request, old: Token | None) -> Token:
    got = caller.send(request, {"token": old.values if old else {}}, signed_in=False)
    values = take(got, auth.take, caller.name)
    return Token({**(old.values if old else {}), **values}, _ends(auth.expires, got, values, caller))


def _ends(expiry: Expiry, got: Got, values: Mapping[str, str], caller: Caller) -> Micros | None:
    now = caller.clock.now()
    if expiry.jwt is not None:
        return _jwt_end(values.get(expiry.jwt, ""))
    if expiry.at is not None:
        said = path(expiry.at)(got.body)
        try:
            number = float(said)
        except (TypeError, ValueError):
            number = 0.0
        if number > 0:
            unit = 1000 if expiry.unit.endswith("ms") else SECOND
            span = round(number * unit)
            return span if expiry.unit.startswith("until") else now + span
    return now + expiry.after_s * SECOND if expiry.after_s is not None else None


def _jwt_end(token: str) -> Micros | None:
    """Return the moment at which a JWT says that it ends; its signature is the far side's business."""
    try:
        claims = orjson.loads(jws.extract_compact(token.encode()).payload)
        return int(claims["exp"]) * SECOND
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _oauth2(caller: Caller, auth: OAuth2, old: Token | None) -> Token:
    values = old.values if old else {}
    refresh = values.get("refresh") or _text(auth.refresh_token, caller)
    if refresh:
        try:
            return _asked(caller, auth, {"grant_type": "refresh_token", "refresh_token": refresh}, refresh)
        except CredentialsError:
            if auth.grant == "authorization_code":
                raise  # nobody but a person can authorise again
    if auth.grant == "authorization_code":
        raise WrongCredentialsError(
            f"{caller.name} is not authorised yet.",
            why="There is no refresh token.",
            fix="Authorise it, or set its refresh_token.",
        )
    return _asked(caller, auth, _granted(caller, auth), None)


def _granted(caller: Caller, auth: OAuth2) -> dict[str, str]:
    """Return the members of the token request of this grant."""
    asked: dict[str, str] = {"grant_type": auth.grant}
    if auth.grant == "password":
        asked |= {"username": _text(auth.username, caller) or "", "password": _text(auth.password, caller) or ""}
    if auth.grant == "jwt_bearer":
        asked = {"grant_type": JWT_BEARER, "assertion": _assertion(caller, auth)}
    scope = _text(auth.scope, caller)
    return {**asked, **({"scope": scope} if scope else {})}


def _assertion(caller: Caller, auth: OAuth2) -> str:
    return assertion(
        _text(auth.private_key, caller) or "",
        issuer=_text(auth.client_id, caller) or "",
        subject=_text(auth.subject, caller) or "",
        audience=_text(auth.audience, caller) or "",
        now=caller.clock.now(),
        whose=caller.name,
    )


def exchange_code(caller: Caller, auth: OAuth2, code: str, *, verifier: str, redirect_uri: str) -> Token:
    """Exchange the code that came back from authorising for the first token."""
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return _asked(caller, auth, {**asked, **({"code_verifier": verifier} if auth.pkce else {})}, None)


class _ClientId:
    """What Authlib's client authentication reads."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id, self.client_secret = client_id, client_secret


_SHOWN = {"basic": encode_client_secret_basic, "body": encode_client_secret_post, "none": encode_none}


def _asked(caller: Caller, auth: OAuth2, members: dict[str, str], refresh: str | None) -> Token:
    """Send one token request, its client shown as the manifest says, and read the answer."""
    members = {**members, **{name: str(filler(text)(caller.fixed) or "") for name, text in auth.more.items()}}
    kind = members.pop("grant_type")
    body = prepare_token_request(kind, "", **members)
    client = _ClientId(_text(auth.client_id, caller) or "", _text(auth.client_secret, caller) or "")
    url = str(filler(auth.token_url)(caller.fixed))
    url, headers, body = _SHOWN[auth.client_auth](client, "POST", url, {}, body)
    got = caller.send(
        _token_request(auth, caller),
        {"token": {"url": url, "body": body, "shown": headers.get("Authorization")}},
    )
    values = take(got, {"access": "access_token", **auth.take}, caller.name)
    renewed = path("refresh_token")(got.body) or refresh
    if isinstance(renewed, str) and renewed:
        values["refresh"] = renewed
    return Token(values, _ends(auth.expires, got, values, caller))


def _token_request(auth: OAuth2, caller: Caller) -> Request:
    """Return the request by which every grant asks, as a manifest would write it."""
    made = caller.own_requests.get("token")
    if made is None:
        wrong = Condition.model_validate({"at": "error", "one_of": list(_WRONG)})
        told = Rule.model_validate({"when": [wrong], "as": "auth_wrong"})
        answer = auth.answer or Answer.model_validate({"success": [], "words": "error_description"})
        made = Request.model_validate(
            {
                "method": "POST",
                "to": "{token.url}",
                "headers": {"content-type": "application/x-www-form-urlencoded", "authorization": "{token.shown}"},
                "text": "{token.body}",
                "auth": False,
                "answer": answer.model_copy(update={"classify": [*answer.classify, told]}),
            }
        )
        caller.own_requests["token"] = made
    return made


def _text(text: str | None, caller: Caller) -> str | None:
    if text is None:
        return None
    value = filler(text)(caller.fixed)
    return None if value is None else str(value)
