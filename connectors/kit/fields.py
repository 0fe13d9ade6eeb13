"""Written once for many kinds: settings, so that every form says the same of them, and short ways to declare fields."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from connectors.kit import contract
from connectors.kit.contract import FieldType, Settings
from connectors.kit.http import Client

CaFile = Annotated[
    str | None,
    Field(
        title="CA file",
        description="PEM file of a private CA. Verification is never switched off.",
        json_schema_extra={"zh": "私有 CA 证书文件（PEM）"},
    ),
]
TimeoutS = Annotated[
    float,
    Field(ge=0.2, le=60, title="Seconds to wait for one answer", json_schema_extra={"zh": "单次请求超时（秒）"}),
]
CredentialsEnd = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        title="Day the credentials end",
        description="Such as 2026-06-30; a repair tells people 14, 7 and 1 day before.",
        json_schema_extra={"zh": "凭据到期日（如 2026-06-30），到期前 14、7、1 天提醒"},
    ),
]
Password = Annotated[SecretStr, Field(title="Password", json_schema_extra={"zh": "密码"})]
OverlapS = Annotated[
    int,
    Field(
        title="Seconds each poll looks back",
        description="A change carries the time it was made, not committed: whoever commits late is found within this span.",
        json_schema_extra={"zh": "每次轮询回看的秒数"},
    ),
]
"""Each kind adds its own bounds."""


class WebLogin(Settings):
    """An address that may ask for Basic authentication or a bearer token, itself or through a proxy before it."""

    url: str
    username: str | None = Field(
        default=None,
        pattern=r"^[^:]+$",
        title="User name",
        description="Only where the system or the proxy before it asks for Basic authentication.",
        json_schema_extra={"zh": "用户名（启用 Basic 认证时填写）"},
    )
    password: SecretStr | None = Field(default=None, title="Password", json_schema_extra={"zh": "密码"})
    token: SecretStr | None = Field(
        default=None,
        title="Bearer token",
        description="Only where a proxy asks for one; not together with a user name.",
        json_schema_extra={"zh": "Bearer 令牌（代理要求时填写）"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 10.0

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("user name and password go together")
        if self.token is not None and self.username is not None:
            raise ValueError("give a token or a user name, not both")
        return self

    def client(self, system: str) -> Client:
        """Return a client that signs in as these settings say."""
        token = self.token.get_secret_value() if self.token else None
        return Client(
            self.url,
            timeout_s=self.timeout_s,
            ca_file=self.ca_file,
            headers={"authorization": f"Bearer {token}"} if token else {},
            basic=(self.username, self.password.get_secret_value()) if self.username and self.password else None,
            secrets=[token] if token else [],
            system=system,
        )


def text_field(name: str, help_: str, *, required: bool = False) -> contract.Field:
    """Declare a text, such as an argument that may be left out."""
    return contract.Field(name, FieldType.STRING, help_, required=required)


def carried(name: str, type_: FieldType, help_: str, *, words: tuple[str, ...] = (), required: bool = True) -> contract.Field:
    """Declare a field that every record of a stream carries, unless said otherwise."""
    return contract.Field(name, type_, help_, required=required, words=words)
