"""Settings that many kinds have, written once: every form says the same about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

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
