"""What the kind mqtt offers: settings, two streams, one lookup and two acts. No network here."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr
from pydantic import Field as Setting

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, TimeoutS

LONGEST_TOPIC = 1000


def topic_filter(text: str) -> str:
    """Refuse what no broker would take: + and # stand alone in a level, # only in the last."""
    levels = text.split("/")
    wrong = any(("#" in one and one != "#") or ("+" in one and one != "+") for one in levels) or "#" in levels[:-1]
    if not text or wrong or "\0" in text or len(text.encode()) > LONGEST_TOPIC:
        raise ValueError(f"{text[:80]!r} is no topic filter such as plant/+/status or plant/#")
    return text


class MqttSettings(Settings):
    """Where the broker is, as whom we sign in, and which topics are ours to read."""

    host: str = Setting(
        min_length=1, pattern=r"^[^\s/@]+$", title="Host of the broker", json_schema_extra={"zh": "MQTT 服务器主机名"}
    )
    port: int = Setting(
        default=8883,
        ge=1,
        le=65535,
        title="Port",
        description="8883 with TLS, 1883 without",
        json_schema_extra={"zh": "端口（TLS 8883，非 TLS 1883）"},
    )
    tls: bool = Setting(
        default=True,
        title="TLS",
        description="Off only in a network of your own: passwords and values then travel in the clear.",
        json_schema_extra={"zh": "启用 TLS"},
    )
    username: str | None = Setting(default=None, min_length=1, title="User name", json_schema_extra={"zh": "用户名"})
    password: SecretStr | None = Setting(default=None, title="Password", json_schema_extra={"zh": "密码"})
    topics: tuple[Annotated[str, AfterValidator(topic_filter)], ...] = Setting(
        default=("#",),
        min_length=1,
        max_length=50,
        title="Topics",
        description="Topic filters that are read, for example plant/+/status",
        json_schema_extra={"zh": "订阅的主题过滤器"},
    )
    device_level: int | None = Setting(
        default=None,
        ge=1,
        le=20,
        title="Level that names the device",
        description="3 for plant/berlin/press-07/status; empty: the whole topic names it",
        json_schema_extra={"zh": "表示设备名的主题层级（从 1 开始）"},
    )
    client_id: str | None = Setting(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]{1,60}$",
        title="Client id",
        description="Names our session at the broker; tieline-<connector> when left out. Two Tielines need two.",
        json_schema_extra={"zh": "客户端标识（默认 tieline-<连接器名>）"},
    )
    session_hours: int = Setting(
        default=72,
        ge=1,
        le=8760,
        title="Hours the broker keeps messages for us",
        description="While we are away, messages of QoS 1 and 2 wait there this long (and as many as the broker allows).",
        json_schema_extra={"zh": "离线时服务器为我们保留消息的小时数"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 10.0


_SHAPE = (
    Field("topic", FieldType.STRING, "the topic", required=True),
    Field("device", FieldType.STRING, "the level that names the device; null without device_level"),
    Field(
        "payload",
        FieldType.OBJECT,
        "a JSON object as it is; other JSON and text under `value`; bytes that are no text under `base64`",
        required=True,
    ),
)

STATES = Stream(
    name="states",
    help="Retained messages: what each topic holds now. A topic that was cleared comes once as deleted",
    fields=_SHAPE,
    every_s=60,
)

MESSAGES = Stream(
    name="messages",
    help="Messages since the last poll, kept by the broker meanwhile; each is acknowledged once it is stored",
    fields=(*_SHAPE, Field("retained", FieldType.BOOLEAN, "whether it was kept from before", required=True)),
    every_s=5,
)

STATE = Lookup(
    name="state",
    help="What one topic holds now",
    inputs=(Field("topic", FieldType.STRING, "a topic without wildcards", required=True),),
    outputs=_SHAPE,
)

_ARGUMENTS = (
    Field("topic", FieldType.STRING, "a topic without wildcards", required=True),
    Field("payload", FieldType.OBJECT, "sent as JSON; {value: …} alone is sent as that value", required=True),
)
SET_STATE = Act(
    name="set_state",
    help="Put a retained message into a topic, unless it holds the same already",
    arguments=_ARGUMENTS,
    repeat=Repeat.LOOKED_UP,
    permission="write and read on the topic",
)
SEND = Act(
    name="send",
    help="Send a message (QoS 1, not retained); its user property tieline-key is the same for every try",
    arguments=_ARGUMENTS,
    repeat=Repeat.MAY_REPEAT,
    permission="write on the topic",
)

MQTT = Kind(
    name="mqtt",
    title=Text("MQTT broker", "MQTT 物联网消息"),
    settings=MqttSettings,
    streams=(STATES, MESSAGES),
    lookups=(STATE,),
    acts=(SET_STATE, SEND),
    versions="MQTT 5; seen with Mosquitto 2.0.11",
)
