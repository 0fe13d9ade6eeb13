"""What the kind prometheus offers: settings, two streams and two lookups. No network here."""

from __future__ import annotations

from pydantic import Field as Setting

from connectors.kit.contract import FieldType, Kind, Lookup, Stream, Text
from connectors.kit.fields import WebLogin, carried


class PrometheusSettings(WebLogin):
    """Where Prometheus is, and what the proxy before it asks for."""

    url: str = Setting(
        title="Address of Prometheus",
        description="With its route prefix, without /api/v1: https://prometheus.example.com",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "Prometheus 地址（含路由前缀，不含 /api/v1）"},
    )


ALERTS = Stream(
    name="alerts",
    help="Alerts of the rules. One that Prometheus no longer shows comes once more, as resolved",
    every_s=30,
    fields=(
        carried("id", FieldType.STRING, "hash of the labels with the time it became active: one episode"),
        carried("alertname", FieldType.STRING, "name of the rule"),
        carried("status", FieldType.STRING, "how it stands", words=("pending", "firing", "resolved")),
        carried("severity", FieldType.STRING, "label severity; the words are the rules' own", required=False),
        carried("instance", FieldType.STRING, "label instance", required=False),
        carried("labels", FieldType.OBJECT, "all labels"),
        carried("summary", FieldType.STRING, "annotation summary, or description", required=False),
        carried("annotations", FieldType.OBJECT, "all annotations; absent when resolved", required=False),
        carried("value", FieldType.NUMBER, "value that the rule saw; null when it is no number", required=False),
        carried("active_at", FieldType.TIME, "when it became active"),
    ),
)

TARGETS = Stream(
    name="targets",
    help="What Prometheus scrapes, and whether it answers",
    every_s=60,
    fields=(
        carried("id", FieldType.STRING, "job, instance and address: they name a target"),
        carried("job", FieldType.STRING, "label job"),
        carried("instance", FieldType.STRING, "label instance"),
        carried("health", FieldType.STRING, "whether the last scrape worked", words=("up", "down", "unknown")),
        carried("last_error", FieldType.STRING, "what the last scrape said; empty when it worked", required=False),
        carried("labels", FieldType.OBJECT, "all labels"),
        carried("url", FieldType.STRING, "address that is scraped"),
    ),
)

VALUE = Lookup(
    name="value",
    help="What a PromQL expression gives now; an empty answer is absent, not 0",
    inputs=(carried("query", FieldType.STRING, 'PromQL, for example up{instance="db01:9100"}'),),
    outputs=(
        carried("value", FieldType.NUMBER, "value of the first series; null when it is NaN or infinite"),
        carried("count", FieldType.INTEGER, "how many series answered"),
        carried("series", FieldType.LIST, "[{labels, value}]: at most 50 of them"),
    ),
)

MEAN = Lookup(
    name="mean",
    help="Mean, lowest and highest value of one metric over the last hours",
    inputs=(
        carried("metric", FieldType.STRING, "name of the metric: machine_cpu_percent"),
        carried("labels", FieldType.OBJECT, "label values that choose the series: {instance: db01}", required=False),
        carried("hours", FieldType.NUMBER, "how far back, up to 720; 1 when left out", required=False),
    ),
    outputs=(
        carried("mean", FieldType.NUMBER, "mean over all samples of the chosen series"),
        carried("lowest", FieldType.NUMBER, "lowest sample"),
        carried("highest", FieldType.NUMBER, "highest sample"),
        carried("samples", FieldType.INTEGER, "how many samples it rests on"),
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
