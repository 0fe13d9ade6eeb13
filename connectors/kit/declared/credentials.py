"""What a manifest says of credentials: the families of ``auth:``, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from connectors.kit.declared.predicates import Part, PathText
from connectors.kit.declared.wire import Answer, Name, Request, Sign, SlotText, SlotTree


class NoAuth(Part):
    """Nothing is sent along: the network decides, or each request carries what is needed in its body."""

    scheme: Literal["none"]


class BasicAuth(Part):
    """User and password in the Authorization header."""

    scheme: Literal["basic"]
    username: SlotText
    password: SlotText


class KeyAuth(Part):
    """Keys in headers or in the query of every request: bearer tokens, API keys, pairs of them."""

    scheme: Literal["keys"]
    headers: dict[str, SlotText] = Field(default={})
    query: dict[str, SlotText] = Field(default={})

    @model_validator(mode="after")
    def _some(self) -> KeyAuth:
        if not self.headers and not self.query:
            raise ValueError("name at least one header or query parameter")
        return self


class SignAuth(Sign):
    """Every request is signed by a signer of the closed list."""

    scheme: Literal["signer"]


class Send(Part):
    """Where a token goes: {token.access} and whatever else was taken."""

    headers: dict[str, SlotText] = Field(default={})
    query: dict[str, SlotText] = Field(default={})
    cookies: dict[str, SlotText] = Field(default={})
    json_: dict[str, SlotTree] = Field(default={}, alias="json", description="members added to a JSON body")


class Expiry(Part):
    """How long a token lives, if anybody knows."""

    at: PathText | None = Field(default=None, description="where the answer says it")
    unit: Literal["s", "ms", "until_s", "until_ms"] = Field(default="s", description="a span, or a moment since 1970")
    after_s: int | None = Field(default=None, description="a fixed span")
    jwt: str | None = Field(default=None, description="the taken token whose `exp` claim says it")
    margin_s: int = Field(default=120, ge=0, description="it is renewed so many seconds before")


class TokenAuth(Part):
    """A token is got by a request of its own: POST, GET with secrets in the query, log-in with a cookie."""

    scheme: Literal["token"]
    request: Request
    take: dict[Name, str] = Field(
        description="what is taken from the answer: a path, header:NAME or cookie:NAME; `access` is one"
    )
    expires: Expiry = Expiry()
    refresh: Request | None = Field(default=None, description="how it is renewed; left out: by the first request again")
    send: Send

    @model_validator(mode="after")
    def _access(self) -> TokenAuth:
        if "access" not in self.take:
            raise ValueError("take: one of the names is `access`")
        return self


class OAuth2(Part):
    """OAuth 2: client credentials, authorization code with PKCE, password, JWT bearer; refresh tokens may rotate."""

    scheme: Literal["oauth2"]
    grant: Literal["client_credentials", "authorization_code", "password", "jwt_bearer"]
    token_url: SlotText
    authorize_url: SlotText | None = None
    client_id: SlotText
    client_secret: SlotText | None = None
    client_auth: Literal["basic", "body", "none"] = Field(default="basic", description="how the client shows its secret")
    scope: SlotText | None = None
    username: SlotText | None = None
    password: SlotText | None = None
    private_key: SlotText | None = Field(default=None, description="PEM of the RSA key that signs (RS256)")
    subject: SlotText | None = None
    audience: SlotText | None = None
    refresh_token: SlotText | None = Field(default=None, description="the first one; later ones are kept by us")
    pkce: bool = True
    more: dict[str, SlotText] = Field(default={}, description="further members of the token request")
    asked: dict[str, SlotText] = Field(default={}, description="further members of the address people authorise at")
    take: dict[Name, PathText] = Field(default={}, description="what else is kept of the token's answer, such as instance_url")
    expires: Expiry = Expiry(at="expires_in")
    send: Send = Send(headers={"authorization": "Bearer {token.access}"})
    answer: Answer | None = None

    @model_validator(mode="after")
    def _complete(self) -> OAuth2:
        needs = {
            "client_credentials": ("client_secret",),
            "authorization_code": ("authorize_url",),
            "password": ("username", "password"),
            "jwt_bearer": ("private_key", "audience"),
        }
        missing = [name for name in needs[self.grant] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the grant {self.grant} also needs {', '.join(missing)}")
        return self


Auth = Annotated[NoAuth | BasicAuth | KeyAuth | SignAuth | TokenAuth | OAuth2, Field(discriminator="scheme")]
FAMILIES = ("none", "basic", "keys", "signer", "token", "oauth2")
