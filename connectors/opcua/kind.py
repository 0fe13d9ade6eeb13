"""What the kind opcua offers: settings, the stream of readings, one lookup and one act. No network here."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator
from pydantic import Field as Setting

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import TimeoutS
from connectors.kit.readings import READING

NODE = re.compile(r"(?:nsu=(?P<uri>[^;]+);|ns=(?P<index>[0-9]{1,5});)?(?P<id>[isgb]=.+)")


class Node(BaseModel):
    """Where one value stands in the server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str = Setting(
        pattern=rf"^{NODE.pattern.replace('?P<uri>', '').replace('?P<index>', '').replace('?P<id>', '')}$",
        description="nsu=http://plant.example/press;s=press-07.Temperature; a namespace's number may change at a restart",
    )
    unit: str | None = None
    deadband: float = Setting(default=0.0, ge=0, description="smaller changes are no news")
    writable: bool = False


class OpcUaSettings(Settings):
    """Where the server is, how the line is secured, and which nodes are read."""

    url: str = Setting(
        pattern=r"^opc\.tcp://[^\s@]+$",
        title="Endpoint",
        description="opc.tcp://press-07.plant.example:4840/plant/",
        json_schema_extra={"zh": "OPC UA 端点地址"},
    )
    security: Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = Setting(
        default="None",
        title="Security policy",
        description="With one, all is signed and encrypted; the server's administrator has to trust our certificate once.",
        json_schema_extra={"zh": "安全策略"},
    )
    certificate_file: str | None = Setting(
        default=None,
        title="Our certificate",
        description="PEM or DER; the server has to trust it",
        json_schema_extra={"zh": "客户端证书文件"},
    )
    key_file: str | None = Setting(
        default=None, title="Our private key", description="PEM, readable by Tieline only", json_schema_extra={"zh": "私钥文件"}
    )
    server_certificate_file: str | None = Setting(
        default=None,
        title="The server's certificate",
        description="Pinned: nobody else is talked to. Without it, whoever answers is believed.",
        json_schema_extra={"zh": "服务器证书文件（固定校验）"},
    )
    username: str | None = Setting(default=None, min_length=1, title="User name", json_schema_extra={"zh": "用户名"})
    password: SecretStr | None = Setting(default=None, title="Password", json_schema_extra={"zh": "密码"})
    nodes: dict[Annotated[str, Setting(min_length=1, max_length=100)], Node] = Setting(
        min_length=1,
        max_length=1000,
        title="Nodes",
        description='{"temperature": {"node": "nsu=http://plant.example/press;s=press-07.Temperature", "unit": "°C"}}',
        json_schema_extra={"zh": "节点表：名称 → 节点标识"},
    )
    timeout_s: TimeoutS = 10.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("user name and password go together")
        if self.security != "None" and (self.certificate_file is None or self.key_file is None):
            raise ValueError("a security policy needs certificate_file and key_file")
        return self


READINGS = Stream("readings", "Nodes whose value or quality changed, with the machine's own time", READING, every_s=10)

READING_OF = Lookup(
    name="reading",
    help="One node, read now",
    inputs=(Field("point", FieldType.STRING, "name of the node in the settings", required=True),),
    outputs=READING,
)

WRITE = Act(
    name="write",
    help="Write a number, a text or a claim to a node that is marked writable, in the node's own type",
    arguments=(
        Field("point", FieldType.STRING, "name of the node in the settings", required=True),
        Field("value", FieldType.NUMBER, "for a number"),
        Field("text", FieldType.STRING, "for a text"),
        Field("on", FieldType.BOOLEAN, "for a claim"),
    ),
    repeat=Repeat.IDEMPOTENT,
    permission="writable: true in the node's settings, and write access for our user in the server",
)

OPCUA = Kind(
    name="opcua",
    title=Text("OPC UA", "OPC UA 设备"),
    settings=OpcUaSettings,
    streams=(READINGS,),
    lookups=(READING_OF,),
    acts=(WRITE,),
    versions="OPC UA 1.04 binary; seen with the server of asyncua 2.1.0",
)
