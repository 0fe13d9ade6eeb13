"""Every family of credentials, against far sides that check them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from connectors.kit.declared import authorising
from connectors.kit.tokens import WrongCredentialsError
from core.errors import CredentialsError, RefusedError, TielineError
from lab.standins.server import Answer, Request, Server
from tests.connectors.declared.small import bent, made

GOOD: dict[str, Any] = {"user": "joe", "password": "s3cret-pw"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Far(Server):
    """A far side made of one function per path."""

    def __init__(self, **doors: Callable[[Request], Answer]) -> None:
        super().__init__()
        self.doors = doors
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.doors[urlsplit(request.path).path.rpartition("/")[2]](request)


def form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def says(name: str, value: str) -> Callable[[Request], Answer]:
    """A door that opens to one header."""
    return lambda request: (
        Answer.of({"things": [{"id": 1, "at": 1}]}) if request.headers.get(name) == value else Answer.of({}, 401)
    )


@pytest.mark.parametrize(
    ("auth", "opens"),
    [
        ("{scheme: basic, username: '{user}/token', password: '{password}'}",
         says("authorization", "Basic " + base64.b64encode(b"joe/token:s3cret-pw").decode())),
        ("{scheme: keys, headers: {authorization: 'Bearer {password}'}}", says("authorization", "Bearer s3cret-pw")),
        ("{scheme: keys, headers: {dd-api-key: '{user}', dd-application-key: '{password}'}}",
         says("dd-application-key", "s3cret-pw")),
        ("{scheme: keys, query: {key: '{password}'}}",
         lambda request: Answer.of({"things": []}) if "key=s3cret-pw" in request.path else Answer.of({}, 401)),
    ],
    ids=["basic", "bearer", "two-headers", "query"],
)  # fmt: skip
def test_static_credentials(auth: str, opens: Callable[[Request], Answer]) -> None:
    """User and password, keys in headers, a key in the query: the good ones open, wrong ones are a credentials error."""
    kind = bent(("{scheme: none}", auth))
    with Far(things=opens) as far:
        made(kind, far.url, **GOOD).poll("things", None)
        with pytest.raises(CredentialsError):
            made(kind, far.url, user="eve", password="wrong-pw").poll("things", None)


LOGIN = "{scheme: token, request: {method: POST, path: login, json: {u: '{user}', p: '{password}'}}, "


@pytest.mark.parametrize(
    ("auth", "login", "opens"),
    [
        (LOGIN + "take: {access: token}, send: {headers: {x-authorization: 'Bearer {token.access}'}}}",
         lambda _: Answer.of({"token": "tok-of-login-1"}), says("x-authorization", "Bearer tok-of-login-1")),
        (LOGIN + "take: {access: 'cookie:B1SESSION', node: 'cookie:ROUTEID'},"
         " send: {cookies: {B1SESSION: '{token.access}', ROUTEID: '{token.node}'}}}",
         lambda _: _two_cookies(),
         says("cookie", "B1SESSION=sess-of-login-1; ROUTEID=.node1")),
        (LOGIN + "take: {access: 'result[1]', id: 'result[0]'},"
         " send: {headers: {authorization: 'Session {text.session:base64}'}}}\n"
         "texts: {session: '{user}:{token.id}:{token.access}'}",
         lambda _: Answer.of({"result": [7, "sess-of-login-2"]}),
         says("authorization", "Session " + base64.b64encode(b"joe:7:sess-of-login-2").decode())),
    ],
    ids=["jwt-like", "cookies", "composite-header"],
)  # fmt: skip
def test_a_token_from_a_log_in(auth: str, login: Callable[[Request], Answer], opens: Callable[[Request], Answer]) -> None:
    """Token, cookies or a composite header: got once, used for every request after it."""
    kind = bent(("{scheme: none}", auth))
    with Far(login=login, things=opens) as far:
        one = made(kind, far.url, **GOOD)
        for _ in range(3):
            one.poll("things", None)
        one.close()
        assert [urlsplit(request.path).path for request in far.asked].count("/api/login") == 1
        assert orjson.loads(far.asked[0].body) == {"u": "joe", "p": "s3cret-pw"}


def _two_cookies() -> Answer:
    """Two cookies in two lines, as SAP Business One sets them."""

    class Both(dict[str, str]):
        def items(self) -> Any:
            return [("Set-Cookie", "B1SESSION=sess-of-login-1; HttpOnly"), ("Set-Cookie", "ROUTEID=.node1; path=/")]

    return Answer(200, b"{}", Both())


def test_the_end_of_a_jwt_is_read_from_it() -> None:
    """A token whose `exp` has come is renewed before it is used again."""
    ends = [1_767_225_600 + 60, 1_767_225_600 + 9000]

    def login(_: Request) -> Answer:
        claims = {"exp": ends.pop(0), "sub": "joe"}
        return Answer.of({"token": jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(PEM))})

    from core.clock import FixedClock

    kind = bent(
        (
            "{scheme: none}",
            LOGIN + "take: {access: token}, expires: {jwt: access, margin_s: 120}, send: {headers: {a: '{token.access}'}}}",
        )
    )
    with Far(login=login, things=lambda _: Answer.of({"things": []})) as far:
        one = made(kind, far.url, clock=FixedClock(), **GOOD)
        one.poll("things", None)
        one.poll("things", None)
        one.poll("things", None)
        assert [urlsplit(request.path).path.rpartition("/")[2] for request in far.asked].count("login") == 2


OAUTH = "{scheme: oauth2, token_url: '{url}/token', client_id: '{user}', "


def _client_shown(request: Request, how: str) -> bool:
    if how == "basic":
        return request.headers.get("authorization") == "Basic " + base64.b64encode(b"joe:s3cret-pw").decode()
    return (form(request).get("client_id"), form(request).get("client_secret")) == ("joe", "s3cret-pw")


@pytest.mark.parametrize("how", ["basic", "body"])
@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (
            "grant: client_credentials, scope: 'a b', take: {instance: instance_url}",
            {"grant_type": "client_credentials", "scope": "a b"},
        ),
        ("grant: password, username: joe@x, password: pw", {"grant_type": "password", "username": "joe@x", "password": "pw"}),
        (
            "grant: client_credentials, refresh_token: first-refresh",
            {"grant_type": "refresh_token", "refresh_token": "first-refresh"},
        ),
    ],
)
def test_oauth2_grants(how: str, more: str, wanted: dict[str, str]) -> None:
    """Client credentials, password and refresh, the client shown in the header or in the body."""

    def token(request: Request) -> Answer:
        assert _client_shown(request, how)
        assert {name: form(request).get(name) for name in wanted} == wanted
        return Answer.of({"access_token": "access-token-1", "instance_url": "https://inst.example", "expires_in": 3600})

    kind = bent(("{scheme: none}", OAUTH + f"client_secret: '{{password}}', client_auth: {how}, {more}}}"))
    with Far(token=token, things=says("authorization", "Bearer access-token-1")) as far:
        one = made(kind, far.url, **GOOD)
        assert one.poll("things", None).count == 1
        if "instance" in more:
            assert one.caller.token().values["instance"] == "https://inst.example"


def test_a_jwt_assertion_is_signed_by_our_key() -> None:
    """JWT bearer (RFC 7523): issuer, audience, subject and times in an assertion that our key signed with RS256."""

    def token(request: Request) -> Answer:
        said = jwt.decode(form(request)["assertion"], RSAKey.import_key(PEM), algorithms=["RS256"])
        assert form(request)["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert (said.claims["iss"], said.claims["aud"], said.claims["sub"]) == ("joe", "https://login.example", "hub@acme")
        assert said.claims["exp"] - said.claims["iat"] == 180
        return Answer.of({"access_token": "access-token-1"})

    more = (
        "grant: jwt_bearer, private_key: '{password}', audience: 'https://login.example', subject: hub@acme, client_auth: none"
    )
    kind = bent(("{scheme: none}", OAUTH + more + "}"))
    with Far(token=token, things=says("authorization", "Bearer access-token-1")) as far:
        assert made(kind, far.url, user="joe", password=PEM).poll("things", None).count == 1
        with pytest.raises(TielineError, match="cannot sign") as caught:
            made(kind, far.url, user="joe", password="no key at all").poll("things", None)
        assert "no key at all" not in str(caught.value)


def test_a_person_authorises_with_pkce() -> None:
    """The address carries state and challenge; the code is exchanged with the verifier; the token is kept and used."""
    import hashlib

    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def token(request: Request) -> Answer:
        given = form(request)
        assert (given["grant_type"], given["code"], given["code_verifier"]) == ("authorization_code", "the-code", verifier)
        return Answer.of({"access_token": "access-token-1", "refresh_token": "refresh-token-1", "expires_in": 3600})

    more = "grant: authorization_code, authorize_url: '{url}/authorize', client_secret: '{password}'"
    more += ", scope: read, asked: {prompt: consent}"
    kind = bent(("{scheme: none}", OAUTH + more + "}"))
    with Far(token=token, things=says("authorization", "Bearer access-token-1")) as far:
        one = made(kind, far.url, **GOOD)
        with pytest.raises(WrongCredentialsError, match="not authorised"):
            one.poll("things", None)
        back = "https://tieline.example/oauth/callback"
        there = authorising.address(
            one.caller.manifest.auth, one.caller.fixed, redirect_uri=back, state="st", verifier=verifier
        )
        asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
        assert asked == {
            "response_type": "code", "client_id": "joe", "redirect_uri": back, "scope": "read", "state": "st",
            "prompt": "consent", "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        authorising.finish(one.caller, one.tokens, "the-code", redirect_uri=back, verifier=verifier)
        assert one.poll("things", None).count == 1


def test_wrong_is_told_from_a_refusal_of_the_token_endpoint() -> None:
    """invalid_client is wrong credentials; another 400 keeps its words as a refusal; neither shows the secret."""
    kind = bent(("{scheme: none}", OAUTH + "client_secret: '{password}', grant: client_credentials}"))
    for said, sort in (("invalid_client", WrongCredentialsError), ("temporarily_out_of_order", RefusedError)):
        answer = Answer.of({"error": said, "error_description": "no s3cret-pw"}, 400)
        with Far(token=lambda _, answer=answer: answer) as far:  # type: ignore[misc]
            with pytest.raises(sort) as caught:
                made(kind, far.url, **GOOD).poll("things", None)
            assert "s3cret-pw" not in str(caught.value.as_dict())
