"""What the kind zabbix offers: settings, streams, lookups, acts and its door. No network here."""

from __future__ import annotations

from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field as Setting
from pydantic import SecretStr, field_validator, model_validator

from connectors.kit.contract import Act, Door, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, TimeoutS, carried

SEVERITIES: tuple[str, ...] = ("Not classified", "Information", "Warning", "Average", "High", "Disaster")
"""Zabbix' own words for 0 to 5. An administrator can rename them, so the number decides where there is one."""


class ZabbixSettings(Settings):
    """Where the Zabbix frontend is and as whom we sign in: an API token, or a user name with a password."""

    url: str = Setting(
        title="Address of the Zabbix frontend",
        description="Without /api_jsonrpc.php, for example https://zabbix.example.com/zabbix",
        pattern=r"^https?://[^\s@]+$",
        json_schema_extra={"zh": "Zabbix 前端地址（不含 /api_jsonrpc.php）"},
    )
    api_token: SecretStr | None = Setting(
        default=None,
        title="API token",
        description="Zabbix 5.4 or newer: Users > API tokens. Leave password empty then.",
        json_schema_extra={"zh": "API 令牌（Zabbix 5.4 及以上），填写后密码留空"},
    )
    username: str | None = Setting(
        default=None,
        title="User name",
        description="The gateway's own Zabbix user. With an API token: the token's user, so that our changes are recognised.",
        min_length=1,
        json_schema_extra={"zh": "网关专用的 Zabbix 用户名；使用令牌时填写令牌所属用户，用于识别自己的操作"},
    )
    password: SecretStr | None = Setting(default=None, title="Password", json_schema_extra={"zh": "密码"})
    ca_file: CaFile = None
    timeout_s: TimeoutS = 10.0
    time_zone: str = Setting(
        default="UTC",
        title="Time zone of the Zabbix server",
        description="Pushed dates carry no zone; this says which one they are in, for example Asia/Shanghai.",
        json_schema_extra={"zh": "Zabbix 服务器时区，例如 Asia/Shanghai（推送的时间不带时区）"},
    )
    cpu_keys: tuple[str, ...] = Setting(
        default=("system.cpu.util",),
        min_length=1,
        title="Item keys of CPU use",
        description="The first one a host has is used; values in percent.",
        json_schema_extra={"zh": "CPU 使用率监控项键值，按顺序取第一个存在的"},
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin or Asia/Shanghai") from error
        return name

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.api_token is None and (self.username is None or self.password is None):
            raise ValueError("give an api_token, or a username with a password")
        if self.api_token is not None and self.password is not None:
            raise ValueError("give an api_token or a password, not both")
        return self


PROBLEMS = Stream(
    name="problems",
    help="Trigger problems. Of one that Zabbix no longer shows, a deleted record carries the eventid only",
    polled=True,
    pushed=True,
    every_s=60,
    fields=(
        carried("eventid", FieldType.STRING, "id of the problem event; its recovery keeps this id"),
        carried("objectid", FieldType.STRING, "id of the trigger", required=False),
        carried("name", FieldType.STRING, "text of the problem", required=False),
        carried(
            "severity", FieldType.STRING, "0 not classified to 5 disaster", words=("0", "1", "2", "3", "4", "5"), required=False
        ),
        carried("status", FieldType.STRING, "whether it still holds", words=("problem", "resolved"), required=False),
        carried("acknowledged", FieldType.BOOLEAN, "whether somebody acknowledged it", required=False),
        carried("host", FieldType.OBJECT, "first host of the trigger; null when the host is gone", required=False),
        carried("host.hostid", FieldType.STRING, "id of the host", required=False),
        carried("host.host", FieldType.STRING, "technical name of the host", required=False),
        carried("host.name", FieldType.STRING, "visible name of the host", required=False),
        carried("tags", FieldType.LIST, "[{tag, value}]", required=False),
        carried("clock", FieldType.INTEGER, "unix seconds when it began", required=False),
        carried("r_eventid", FieldType.STRING, "id of the recovery event; null while open", required=False),
        carried("r_clock", FieldType.INTEGER, "unix seconds when it ended; null while open or not told", required=False),
        carried("opdata", FieldType.STRING, "operational data", required=False),
        carried("manual_close", FieldType.BOOLEAN, "whether the trigger allows manual close; unknown on push", required=False),
    ),
)

HOSTS = Stream(
    name="hosts",
    help="Monitored hosts with inventory and tags",
    every_s=900,
    fields=(
        carried("hostid", FieldType.STRING, "id of the host"),
        carried("host", FieldType.STRING, "technical name"),
        carried("name", FieldType.STRING, "visible name"),
        carried("status", FieldType.STRING, "whether it is monitored", words=("monitored", "unmonitored")),
        carried("tags", FieldType.LIST, "[{tag, value}]"),
        carried("inventory", FieldType.OBJECT, "inventory fields that hold something"),
        carried("ip", FieldType.STRING, "address of the main interface; null without one"),
    ),
)

CPU_MEAN = Lookup(
    name="cpu_mean",
    help="Mean CPU use of a host over the last hours",
    inputs=(
        carried("hostid", FieldType.STRING, "id of the host"),
        carried("hours", FieldType.INTEGER, "how far back, 1 to 720; 1 when left out", required=False),
    ),
    outputs=(
        Field("mean", FieldType.NUMBER, "the mean", unit="%"),
        carried("samples", FieldType.INTEGER, "how many samples it rests on"),
        carried("unit", FieldType.STRING, "unit of the item"),
        carried("method", FieldType.STRING, "which table answered", words=("history", "trends")),
    ),
)

HOST = Lookup(
    name="host",
    help="One host with inventory and tags",
    inputs=(carried("hostid", FieldType.STRING, "id of the host"),),
    outputs=HOSTS.fields,
)

_ARGUMENTS = (
    carried("id", FieldType.STRING, "event id of the problem"),
    carried("message", FieldType.STRING, "text that is left at the problem; no secrets"),
)
ACKNOWLEDGE = Act(
    name="acknowledge",
    help="Acknowledge a problem and leave a message",
    arguments=_ARGUMENTS,
    repeat=Repeat.LOOKED_UP,
    permission="role: Acknowledge problems, Add problem comments; read on the host group",
)
CLOSE_PROBLEM = Act(
    name="close_problem",
    help="Close a problem with a message; acknowledges with a note where the trigger forbids manual close",
    arguments=_ARGUMENTS,
    repeat=Repeat.LOOKED_UP,
    permission="role: Close problems, Acknowledge problems, Add problem comments; read-write on the host group",
)

ZABBIX = Kind(
    counted_ids=True,
    name="zabbix",
    title=Text("Zabbix", "Zabbix 监控"),
    settings=ZabbixSettings,
    streams=(PROBLEMS, HOSTS),
    lookups=(CPU_MEAN, HOST),
    acts=(ACKNOWLEDGE, CLOSE_PROBLEM),
    door=Door(schemes=("standard_webhooks", "header", "path"), id_header="webhook-id", window_s=600),
    versions="5.0 to 7.2 by the manual; seen with 6.0.14",
)
