"""What the kind prometheus offers: settings, two streams and two lookups. No network here."""

from __future__ import annotations

from typing import Self

from pydantic import Field as Setting
from pydantic import SecretStr, model_validator

from connectors.kit.contract import Field, FieldType, Kind, Lookup, Settings, Stream, Text
from connectors.kit.fields import CaFile, TimeoutS


class PrometheusSettings(Settings):
    """Where Prometheus is, and what the proxy before it asks for."""

    url: str = Setting(
        title="Address of Prometheus",
        description="With its route prefix, without /api/v1: https://prometheus.example.com",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "Prometheus 地址（含路由前缀，不含 /api/v1）"},
    )
    username: str | None = Setting(
        default=None,
        pattern=r"^[^:]+$",
        title="User name",
        description="Only where Prometheus or the proxy before it asks for Basic authentication.",
        json_schema_extra={"zh": "用户名（启用 Basic 认证时填写）"},
    )
    password: SecretStr | None = Setting(default=None, title="Password", json_schema_extra={"zh": "密码"})
    token: SecretStr | None = Setting(
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


def _field(name: str, type_: FieldType, help_: str, *, words: tuple[str, ...] = (), required: bool = True) -> Field:
    return Field(name, type_, help_, required=required, words=words)


ALERTS = Stream(
    name="alerts",
    help="Alerts of the rules. One that Prometheus no longer shows comes once more, as resolved",
    every_s=30,
    fields=(
        _field("id", FieldType.STRING, "hash of the labels with the time it became active: one episode"),
        _field("alertname", FieldType.STRING, "name of the rule"),
        _field("status", FieldType.STRING, "how it stands", words=("pending", "firing", "resolved")),
        _field("severity", FieldType.STRING, "label severity; the words are the rules' own", required=False),
        _field("instance", FieldType.STRING, "label instance", required=False),
        _field("labels", FieldType.OBJECT, "all labels"),
        _field("summary", FieldType.STRING, "annotation summary, or description", required=False),
        _field("annotations", FieldType.OBJECT, "all annotations; absent when resolved", required=False),
        _field("value", FieldType.NUMBER, "value that the rule saw; null when it is no number", required=False),
        _field("active_at", FieldType.TIME, "when it became active"),
    ),
)

TARGETS = Stream(
    name="targets",
    help="What Prometheus scrapes, and whether it answers",
    every_s=60,
    fields=(
        _field("id", FieldType.STRING, "job, instance and address: they name a target"),
        _field("job", FieldType.STRING, "label job"),
        _field("instance", FieldType.STRING, "label instance"),
        _field("health", FieldType.STRING, "whether the last scrape worked", words=("up", "down", "unknown")),
        _field("last_error", FieldType.STRING, "what the last scrape said; empty when it worked", required=False),
        _field("labels", FieldType.OBJECT, "all labels"),
        _field("url", FieldType.STRING, "address that is scraped"),
    ),
)

VALUE = Lookup(
    name="value",
    help="What a PromQL expression gives now; an empty answer is absent, not 0",
    inputs=(_field("query", FieldType.STRING, 'PromQL, for example up{instance="db01:9100"}'),),
    outputs=(
        _field("value", FieldType.NUMBER, "value of the first series; null when it is NaN or infinite"),
        _field("count", FieldType.INTEGER, "how many series answered"),
        _field("series", FieldType.LIST, "[{labels, value}]: at most 50 of them"),
    ),
)

MEAN = Lookup(
    name="mean",
    help="Mean, lowest and highest value of one metric over the last hours",
    inputs=(
        _field("metric", FieldType.STRING, "name of the metric: machine_cpu_percent"),
        _field("labels", FieldType.OBJECT, "label values that choose the series: {instance: db01}", required=False),
        _field("hours", FieldType.NUMBER, "how far back, up to 720; 1 when left out", required=False),
    ),
    outputs=(
        _field("mean", FieldType.NUMBER, "mean over all samples of the chosen series"),
        _field("lowest", FieldType.NUMBER, "lowest sample"),
        _field("highest", FieldType.NUMBER, "highest sample"),
        _field("samples", FieldType.INTEGER, "how many samples it rests on"),
    ),
)

PROMETHEUS = Kind(
    name="prometheus",
    title=Text("Prometheus", "Prometheus 监控"),
    settings=PrometheusSettings,
    streams=(ALERTS, TARGETS),
    lookups=(VALUE, MEAN),
    versions="2.x and 3.x by the manual; seen with 2.42.0",
)
