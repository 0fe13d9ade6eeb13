"""What the kind roundup offers: settings, the stream of issues, its lookup, its acts and its door. No network here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Setting

from connectors.kit.contract import Act, Door, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, OverlapS, Password, TimeoutS, text_field

OWN_FIELDS = ("machine", "asset", "event_id", "part", "tieline_ref")
"""Properties that the classic tracker does not have; schema.py needs them as String()."""

SCHEMA_LINE = ", ".join(f"{name}=String()" for name in OWN_FIELDS)


class RoundupSettings(Settings):
    """Where the tracker is and as whom we sign in."""

    url: str = Setting(
        title="Address of the tracker",
        description="As people open it, for example https://support.example.com/demo/",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "工单系统（Roundup tracker）的网址"},
    )
    username: str = Setting(
        min_length=1,
        pattern=r"^[^:]+$",
        title="User name",
        description="The gateway's own Roundup user, so that its changes are recognised; its role needs Rest Access.",
        json_schema_extra={"zh": "网关专用的 Roundup 用户名，角色需具有 Rest Access 权限"},
    )
    password: Password
    public_url: str | None = Setting(
        default=None,
        title="Public address, where it differs",
        description="When url is an internal address: [tracker] web of its config.ini, which Roundup compares with our Origin.",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "对外网址（与内部地址不同时填写，即 config.ini 中的 web）"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 10.0
    overlap_s: Annotated[OverlapS, Setting(ge=5, le=3600)] = 60
    history_days: int = Setting(
        default=30,
        ge=0,
        le=3650,
        title="Days of history the first poll reads",
        json_schema_extra={"zh": "首次轮询读取的历史天数"},
    )

    @property
    def address(self) -> str:
        """The tracker's address with exactly one slash at the end."""
        return self.url.rstrip("/") + "/"

    @property
    def shown_address(self) -> str:
        """The address people use, with exactly one slash at the end."""
        return (self.public_url or self.url).rstrip("/") + "/"


ISSUES = Stream(
    name="issues",
    help="Issues with their state; the words of status and priority are the tracker's own",
    polled=True,
    pushed=True,
    every_s=30,
    fields=(
        text_field("id", "number of the issue: 12 for issue12", required=True),
        text_field("title", "title"),
        text_field("status", "label of the status; the classic tracker begins with unread and ends with resolved"),
        text_field("priority", "label of the priority"),
        text_field("assignedto", "login of the person who has it"),
        text_field("machine", "technical name of the machine"),
        text_field("asset", "asset number"),
        text_field("event_id", "id of the event in the monitoring system"),
        text_field("part", "code of the spare part"),
        text_field("tieline_ref", "master ID of the ticket, written by us"),
        Field("activity", FieldType.TIME, "when it last changed, whole seconds"),
        Field("creation", FieldType.TIME, "when it was opened"),
        text_field("actor", "login of whoever changed it last"),
        text_field("creator", "login of whoever opened it"),
        Field("messages", FieldType.INTEGER, "how many messages it has"),
        text_field("url", "page of the issue", required=True),
    ),
)

RECENT_TICKETS = Lookup(
    name="recent_tickets",
    help="The last tickets of one machine, newest first",
    inputs=(
        text_field("machine", "technical name of the machine", required=True),
        Field("limit", FieldType.INTEGER, "how many, 1 to 50; 3 when left out"),
        text_field("except_ref", "leave out the ticket with this master ID"),
    ),
    outputs=(
        Field("tickets", FieldType.LIST, "[{id, title, status, priority, part, creation, activity, url}]", required=True),
        Field("count", FieldType.INTEGER, "how many there are in all", required=True),
    ),
)

_ID = text_field("id", "number of the issue", required=True)
_CHANGEABLE = (
    text_field("priority", "label of the priority, as the tracker knows it"),
    text_field("machine", "technical name of the machine"),
    text_field("asset", "asset number"),
    text_field("event_id", "id of the event in the monitoring system"),
    text_field("part", "code of the spare part"),
)

CREATE_TICKET = Act(
    name="create_ticket",
    help="Open an issue; one that carries the same tieline_ref already is taken instead",
    arguments=(
        text_field("title", "title", required=True),
        *_CHANGEABLE,
        text_field("text", "first message"),
        text_field("tieline_ref", "master ID of the ticket; the key of this write where it is missing"),
    ),
    repeat=Repeat.LOOKED_UP,
    permission="role: Rest Access; View, Create and Edit on issue and msg",
)
UPDATE_TICKET = Act(
    name="update_ticket",
    help="Change fields of an issue; only those that differ are written",
    arguments=(
        _ID,
        text_field("status", "label of the status, as the tracker knows it"),
        text_field("title", "title"),
        text_field("assignedto", "login of a person"),
        *_CHANGEABLE,
    ),
    repeat=Repeat.IDEMPOTENT,
    permission="role: Rest Access; View and Edit on issue",
)
ADD_MESSAGE = Act(
    name="add_message",
    help="Add a message to an issue without changing its status",
    arguments=(_ID, text_field("text", "the message", required=True)),
    repeat=Repeat.LOOKED_UP,
    permission="role: Rest Access; View and Edit on issue, Create on msg",
)

ROUNDUP = Kind(
    counted_ids=True,
    name="roundup",
    title=Text("Roundup", "Roundup 工单系统"),
    settings=RoundupSettings,
    streams=(ISSUES,),
    lookups=(RECENT_TICKETS,),
    acts=(CREATE_TICKET, UPDATE_TICKET, ADD_MESSAGE),
    door=Door(schemes=("standard_webhooks", "header", "path"), id_header="webhook-id", window_s=600),
    versions="2.x by its source; seen with 2.6.0",
)
