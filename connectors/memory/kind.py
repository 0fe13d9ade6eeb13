"""What the kind memory offers: alerts and tickets, three lookups, five acts."""

from __future__ import annotations

from pydantic import Field as Setting
from pydantic import SecretStr

from connectors.kit.contract import Act, Door, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text

TICKET_WORDS = ("open", "in_progress", "resolved", "closed")
ALERT_WORDS = ("problem", "resolved")


class MemorySettings(Settings):
    """Which world to live in, and as whom."""

    world: str = Setting(
        default="default",
        min_length=1,
        title="World",
        description="Connectors with the same world see the same alerts and tickets; it lives as long as the process.",
        json_schema_extra={"zh": "世界名称：同名的连接器看到相同的数据，进程结束即消失"},
    )
    user: str = Setting(
        default="tieline",
        min_length=1,
        title="User",
        description="The name our own writes carry, so that their echo is recognised.",
        json_schema_extra={"zh": "写入时使用的用户名，用于识别自身写入的回声"},
    )
    token: SecretStr | None = Setting(
        default=None,
        title="Token",
        description="Needed when the world was given one.",
        json_schema_extra={"zh": "访问令牌（世界设置了令牌时必填）"},
    )


def _field(name: str, kind: FieldType, help_: str = "", *, required: bool = True, words: tuple[str, ...] = ()) -> Field:
    return Field(name, kind, help_, required=required, words=words)


def _optional(*names: str) -> tuple[Field, ...]:
    return tuple(_field(name, FieldType.STRING, required=False) for name in names)


ALERTS = Stream(
    name="alerts",
    help="Problems that a monitoring system sees",
    pushed=True,
    fields=(
        _field("id", FieldType.STRING, "the alert's own id"),
        _field("name", FieldType.STRING, "what is wrong"),
        _field("severity", FieldType.INTEGER, "0 (unknown) to 5 (disaster)"),
        _field("status", FieldType.STRING, words=ALERT_WORDS),
        _field("acknowledged", FieldType.BOOLEAN),
        _field("manual_close", FieldType.BOOLEAN, "whether a person may close it"),
        _field("notes", FieldType.LIST, "what was said about it"),
        _field("at", FieldType.TIME, "when it last changed, RFC 3339"),
        *_optional("machine", "part"),
    ),
)

TICKETS = Stream(
    name="tickets",
    help="Work orders and their state",
    pushed=True,
    fields=(
        _field("id", FieldType.STRING, "the ticket's own id"),
        _field("title", FieldType.STRING),
        _field("status", FieldType.STRING, words=TICKET_WORDS),
        _field("messages", FieldType.LIST, "the conversation"),
        _field("actor", FieldType.STRING, "who changed it last"),
        _field("at", FieldType.TIME, "when it last changed, RFC 3339"),
        *_optional("priority", "machine", "event_id", "part"),
        _field("tieline_ref", FieldType.STRING, "the master ID we gave it", required=False),
    ),
)

LOOKUPS = (
    Lookup(
        "cpu_mean",
        "Mean CPU use of a machine over the last hours",
        inputs=(_field("machine", FieldType.STRING), _field("hours", FieldType.NUMBER, required=False)),
        outputs=(_field("mean", FieldType.NUMBER), _field("samples", FieldType.INTEGER), _field("unit", FieldType.STRING)),
    ),
    Lookup(
        "stock",
        "How many of a part are in stock",
        inputs=(_field("code", FieldType.STRING),),
        outputs=(
            _field("quantity", FieldType.NUMBER),
            _field("unit", FieldType.STRING),
            _field("order_point", FieldType.NUMBER, required=False),
            _field("bom", FieldType.LIST, "parts that contain it", required=False),
        ),
    ),
    Lookup(
        "recent_tickets",
        "The last tickets of a machine, newest first",
        inputs=(_field("machine", FieldType.STRING), _field("limit", FieldType.INTEGER, required=False)),
        outputs=(_field("tickets", FieldType.LIST), _field("count", FieldType.INTEGER)),
    ),
)

_ID = _field("id", FieldType.STRING)
ACTS = (
    Act(
        "create_ticket",
        "Open a ticket",
        (
            _field("title", FieldType.STRING),
            *_optional("priority", "machine", "event_id", "part", "text", "tieline_ref"),
        ),
        Repeat.NATIVE_KEY,
        permission="ticket.create",
    ),
    Act(
        "update_ticket",
        "Change fields of a ticket",
        (_ID, _field("status", FieldType.STRING, required=False, words=TICKET_WORDS), *_optional("title", "priority", "part")),
        Repeat.NATIVE_KEY,
        permission="ticket.edit",
    ),
    Act(
        "add_message",
        "Say something in a ticket",
        (_ID, _field("text", FieldType.STRING)),
        Repeat.NATIVE_KEY,
        permission="ticket.edit",
    ),
    Act(
        "acknowledge",
        "Acknowledge an alert with a note",
        (_ID, _field("message", FieldType.STRING, required=False)),
        Repeat.NATIVE_KEY,
        permission="alert.acknowledge",
    ),
    Act(
        "close_problem",
        "Close an alert; one that forbids it is acknowledged with a note instead",
        (_ID, _field("message", FieldType.STRING, required=False)),
        Repeat.NATIVE_KEY,
        permission="alert.close",
    ),
)

KIND = Kind(
    name="memory",
    title=Text("In-memory twin", "内存演示系统"),
    settings=MemorySettings,
    streams=(ALERTS, TICKETS),
    lookups=LOOKUPS,
    acts=ACTS,
    door=Door(schemes=("standard_webhooks", "hmac", "header", "basic", "path"), id_header="webhook-id"),
    versions="made by Tieline itself",
)
