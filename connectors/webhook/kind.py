"""What the kind webhook offers: one pushed stream of messages, and one act that sends a message."""

from __future__ import annotations

from pydantic import Field as Setting
from pydantic import SecretStr, field_validator

from connectors.kit.contract import Act, Door, Field, FieldType, Kind, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, TimeoutS
from connectors.kit.webhooks import sign
from core.errors import TielineError


class WebhookSettings(Settings):
    """Where messages are sent, and with which secret. Without ``url`` the connector only receives."""

    url: str | None = Setting(
        default=None,
        pattern=r"^https?://[^\s@]+$",
        title="Address to send to",
        description="Leave empty when this connector only receives.",
        json_schema_extra={"zh": "发送地址（仅接收时留空）"},
    )
    secret: SecretStr | None = Setting(
        default=None,
        title="Signing secret",
        description="whsec_… of Standard Webhooks; the receiver has the same one.",
        json_schema_extra={"zh": "签名密钥（whsec_…，与接收方一致）"},
    )
    token: SecretStr | None = Setting(
        default=None,
        title="Bearer token",
        description="Sent as Authorization: Bearer, for receivers that ask for one besides the signature.",
        json_schema_extra={"zh": "Bearer 令牌（接收方另有要求时填写）"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 20.0  # Standard Webhooks recommends 15 to 30
    id_field: str = Setting(
        default="",
        title="Field that names the thing",
        description="Dotted path inside a received message, such as data.order.id; empty: the id of the message itself.",
        json_schema_extra={"zh": "标识业务对象的字段路径，如 data.order.id；留空则使用消息编号"},
    )

    @field_validator("secret")
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            try:
                sign({"scheme": "standard_webhooks"}, {"secret": secret.get_secret_value()}, b"", message_id="m", now=0)
            except TielineError as error:
                raise ValueError("the secret must be whsec_ followed by base64") from error
        return secret


def _text(name: str, help_: str, *, required: bool = True) -> Field:
    return Field(name, FieldType.STRING, help_, required=required)


MESSAGES = Stream(
    name="messages",
    help="Messages that others push: CloudEvents, Standard Webhooks, or any JSON object",
    polled=False,
    pushed=True,
    fields=(
        _text("id", "id of the message: CloudEvents id, webhook-id, or the hash of the body"),
        _text("type", "what happened; 'message' when the sender does not say"),
        _text("source", "CloudEvents source; null when the sender does not say"),
        Field("time", FieldType.TIME, "when it happened; null when the sender does not say", required=True),
        Field("data", FieldType.OBJECT, "the message itself", required=True),
    ),
)

SEND = Act(
    "send",
    "Send a signed message",
    (
        _text("type", "what happened, for example ticket.resolved"),
        Field("payload", FieldType.OBJECT, "the message", required=True),
    ),
    Repeat.NATIVE_KEY,
)

KIND = Kind(
    name="webhook",
    title=Text("Webhook", "通用 Webhook"),
    settings=WebhookSettings,
    streams=(MESSAGES,),
    acts=(SEND,),
    door=Door(schemes=("standard_webhooks", "hmac", "header", "basic", "path"), id_header="webhook-id"),
    versions="Standard Webhooks 1.0, CloudEvents 1.0 (JSON, structured and binary)",
)
