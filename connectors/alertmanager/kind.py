"""What the kind alertmanager offers: settings, the stream of alerts, a lookup, two acts and its door. No network here."""

from __future__ import annotations

from typing import Self

from pydantic import Field as Setting
from pydantic import SecretStr, model_validator

from connectors.kit.contract import Act, Door, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, TimeoutS


class AlertmanagerSettings(Settings):
    """Where Alertmanager is, what the proxy before it asks for, and whose silences ours are."""

    url: str = Setting(
        title="Address of Alertmanager",
        description="With its route prefix, without /api/v2: https://alerts.example.com",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "Alertmanager 地址（含路由前缀，不含 /api/v2）"},
    )
    username: str | None = Setting(
        default=None,
        pattern=r"^[^:]+$",
        title="User name",
        description="Only where Alertmanager or the proxy before it asks for Basic authentication.",
        json_schema_extra={"zh": "用户名（启用 Basic 认证时填写）"},
    )
    password: SecretStr | None = Setting(default=None, title="Password", json_schema_extra={"zh": "密码"})
    token: SecretStr | None = Setting(
        default=None,
        title="Bearer token",
        description="Only where a proxy asks for one; not together with a user name.",
        json_schema_extra={"zh": "Bearer 令牌（代理要求时填写）"},
    )
    author: str = Setting(
        default="tieline",
        min_length=1,
        title="Author of our silences",
        description="Shown in Alertmanager as the creator; by it and a mark in the comment our silences are found again.",
        json_schema_extra={"zh": "静默规则的创建者名称"},
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


def _field(name: str, type_: FieldType, help_: str, *, words: tuple[str, ...] = (), required: bool = True) -> Field:
    return Field(name, type_, help_, required=required, words=words)


ALERTS = Stream(
    name="alerts",
    help="Alerts of all senders. One that is no longer shown comes once more, as resolved",
    polled=True,
    pushed=True,
    every_s=60,
    fields=(
        _field("id", FieldType.STRING, "fingerprint with the time it began: one episode"),
        _field("fingerprint", FieldType.STRING, "Alertmanager's hash of the labels"),
        _field("alertname", FieldType.STRING, "label alertname"),
        _field("status", FieldType.STRING, "whether it still holds", words=("firing", "resolved")),
        _field("severity", FieldType.STRING, "label severity; the words are the rules' own", required=False),
        _field("instance", FieldType.STRING, "label instance", required=False),
        _field("labels", FieldType.OBJECT, "all labels"),
        _field("summary", FieldType.STRING, "annotation summary, or description", required=False),
        _field("annotations", FieldType.OBJECT, "all annotations; absent when a poll found it gone", required=False),
        _field("starts_at", FieldType.TIME, "when it began"),
        _field("ends_at", FieldType.TIME, "when it ended; null while it holds, absent when not told", required=False),
        _field("generator_url", FieldType.STRING, "page of the rule that fired", required=False),
        _field("silenced", FieldType.BOOLEAN, "whether a silence or an inhibition hides it; absent on push", required=False),
        _field("silenced_by", FieldType.LIST, "ids of the silences; absent on push", required=False),
    ),
)

OPEN_ALERTS = Lookup(
    name="open_alerts",
    help="Alerts that hold now and carry a label value",
    inputs=(
        _field("label", FieldType.STRING, "name of the label: instance"),
        _field("value", FieldType.STRING, "its value"),
    ),
    outputs=(
        _field("alerts", FieldType.LIST, "[{id, alertname, severity, summary, starts_at, silenced}], oldest first, at most 50"),
        _field("count", FieldType.INTEGER, "how many there are in all"),
    ),
)

_ID = _field("id", FieldType.STRING, "id of the alert")
SILENCE = Act(
    name="silence",
    help="Silence one alert, by all its labels, while somebody works on it",
    arguments=(
        _ID,
        _field("comment", FieldType.STRING, "why; people read it in Alertmanager"),
        _field("hours", FieldType.NUMBER, "how long at most, up to 720; 4 when left out", required=False),
    ),
    repeat=Repeat.LOOKED_UP,
    permission="POST /api/v2/silences",
)
UNSILENCE = Act(
    name="unsilence",
    help="End every silence of ours for one alert",
    arguments=(_ID,),
    repeat=Repeat.IDEMPOTENT,
    permission="DELETE /api/v2/silence",
)

ALERTMANAGER = Kind(
    name="alertmanager",
    title=Text("Prometheus Alertmanager", "Alertmanager 告警管理"),
    settings=AlertmanagerSettings,
    streams=(ALERTS,),
    lookups=(OPEN_ALERTS,),
    acts=(SILENCE, UNSILENCE),
    door=Door(schemes=("header", "basic", "path"), window_s=600),
    versions="API v2 (0.16 and newer) and webhook version 4 by the manual; seen with 0.25.0",
)
