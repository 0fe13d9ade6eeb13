"""What the kind alertmanager offers: settings, the stream of alerts, a lookup, two acts and its door. No network here."""

from __future__ import annotations

from pydantic import Field as Setting

from connectors.kit.contract import Act, Door, FieldType, Kind, Lookup, Repeat, Stream, Text
from connectors.kit.fields import WebLogin, carried


class AlertmanagerSettings(WebLogin):
    """Where Alertmanager is, what the proxy before it asks for, and whose silences ours are."""

    url: str = Setting(
        title="Address of Alertmanager",
        description="With its route prefix, without /api/v2: https://alerts.example.com",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "Alertmanager 地址（含路由前缀，不含 /api/v2）"},
    )
    author: str = Setting(
        default="tieline",
        min_length=1,
        title="Author of our silences",
        description="Shown in Alertmanager as the creator; by it and a mark in the comment our silences are found again.",
        json_schema_extra={"zh": "静默规则的创建者名称"},
    )


ALERTS = Stream(
    name="alerts",
    help="Alerts of all senders. One that is no longer shown comes once more, as resolved",
    polled=True,
    pushed=True,
    every_s=60,
    fields=(
        carried("id", FieldType.STRING, "fingerprint with the time it began: one episode"),
        carried("fingerprint", FieldType.STRING, "Alertmanager's hash of the labels"),
        carried("alertname", FieldType.STRING, "label alertname"),
        carried("status", FieldType.STRING, "whether it still holds", words=("firing", "resolved")),
        carried("severity", FieldType.STRING, "label severity; the words are the rules' own", required=False),
        carried("instance", FieldType.STRING, "label instance", required=False),
        carried("labels", FieldType.OBJECT, "all labels"),
        carried("summary", FieldType.STRING, "annotation summary, or description", required=False),
        carried("annotations", FieldType.OBJECT, "all annotations; absent when a poll found it gone", required=False),
        carried("starts_at", FieldType.TIME, "when it began"),
        carried("ends_at", FieldType.TIME, "when it ended; null while it holds, absent when not told", required=False),
        carried("generator_url", FieldType.STRING, "page of the rule that fired", required=False),
        carried("silenced", FieldType.BOOLEAN, "whether a silence or an inhibition hides it; absent on push", required=False),
        carried("silenced_by", FieldType.LIST, "ids of the silences; absent on push", required=False),
    ),
)

OPEN_ALERTS = Lookup(
    name="open_alerts",
    help="Alerts that hold now and carry a label value",
    inputs=(
        carried("label", FieldType.STRING, "name of the label: instance"),
        carried("value", FieldType.STRING, "its value"),
    ),
    outputs=(
        carried(
            "alerts", FieldType.LIST, "[{id, alertname, severity, summary, starts_at, silenced}], oldest first, at most 50"
        ),
        carried("count", FieldType.INTEGER, "how many there are in all"),
    ),
)

_ID = carried("id", FieldType.STRING, "id of the alert")
SILENCE = Act(
    name="silence",
    help="Silence one alert, by all its labels, while somebody works on it",
    arguments=(
        _ID,
        carried("comment", FieldType.STRING, "why; people read it in Alertmanager"),
        carried("hours", FieldType.NUMBER, "how long at most, up to 720; 4 when left out", required=False),
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
