"""What the kind smtp offers: settings and one act. No network here."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field as Setting
from pydantic import SecretStr, model_validator

from connectors.kit.contract import Act, Field, FieldType, Kind, Repeat, Settings, Text
from connectors.kit.fields import CaFile, TimeoutS

ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,255}")


class SmtpSettings(Settings):
    """Which server takes our mail, and in whose name we write."""

    host: str = Setting(
        min_length=1, pattern=r"^[^\s/@]+$", title="Host of the mail server", json_schema_extra={"zh": "邮件服务器主机名"}
    )
    port: int = Setting(
        default=587,
        ge=1,
        le=65535,
        title="Port",
        description="587 with starttls, 465 with tls, 25 in a network of your own",
        json_schema_extra={"zh": "端口（STARTTLS 587，TLS 465）"},
    )
    security: Literal["starttls", "tls", "none"] = Setting(
        default="starttls",
        title="Encryption",
        description="starttls: demanded after the greeting; tls: from the first byte; none: only in a network of your own",
        json_schema_extra={"zh": "加密方式：starttls、tls 或 none"},
    )
    username: str | None = Setting(default=None, min_length=1, title="User name", json_schema_extra={"zh": "用户名"})
    password: SecretStr | None = Setting(
        default=None,
        title="Password",
        description="Many mail services want an app password here.",
        json_schema_extra={"zh": "密码（通常为应用专用密码或授权码）"},
    )
    sender: str = Setting(
        pattern=ADDRESS.pattern.join("^$"),
        title="Sender's address",
        description="The server has to let our user write in this name.",
        json_schema_extra={"zh": "发件人地址"},
    )
    sender_name: str = Setting(
        default="Tieline",
        pattern=r"^[^\r\n]*$",
        title="Sender's name",
        description="Shown beside the address.",
        json_schema_extra={"zh": "发件人名称"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 20.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("user name and password go together")
        return self


SEND_MAIL = Act(
    name="send_mail",
    help="Send a mail. Every try carries the same Message-ID, by which mail programs show it once",
    arguments=(
        Field("to", FieldType.LIST, "addresses", required=True),
        Field("cc", FieldType.LIST, "more addresses"),
        Field("subject", FieldType.STRING, "subject, one line", required=True),
        Field("text", FieldType.STRING, "what people read", required=True),
        Field("html", FieldType.STRING, "the same as HTML"),
    ),
    repeat=Repeat.MAY_REPEAT,
    permission="send in the sender's name",
)

SMTP = Kind(
    name="smtp",
    title=Text("Mail (SMTP)", "电子邮件（SMTP）"),
    settings=SmtpSettings,
    acts=(SEND_MAIL,),
    versions="RFC 5321; seen with aiosmtpd 1.4.6",
)
