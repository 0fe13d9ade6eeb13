"""What the kind redmine offers: settings, the stream of issues, its lookup, its acts and its door. No network here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Setting
from pydantic import SecretStr

from connectors.kit.contract import Act, Door, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, OverlapS, TimeoutS, text_field

OWN_FIELDS = ("machine", "asset", "event_id", "part", "tieline_ref")
"""What a plain Redmine does not have: custom fields of the format text, for all trackers, marked as filter."""

OwnField = Literal["machine", "asset", "event_id", "part", "tieline_ref"]


class RedmineSettings(Settings):
    """Where Redmine is, as whom we work, and which custom fields are ours."""

    url: str = Setting(
        title="Address of Redmine",
        description="As people open it, for example https://redmine.example.com",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "Redmine 网址"},
    )
    api_key: SecretStr = Setting(
        title="API key",
        description="The gateway's own user: My account > API access key. REST has to be on (Administration > Settings > API).",
        json_schema_extra={"zh": "API 访问密钥（“我的账号”页面，需在管理中启用 REST）"},
    )
    project: str = Setting(
        pattern=r"^[a-z0-9_-]+$",
        title="Project",
        description="Identifier of the project where tickets are opened; issues of its subprojects are read too.",
        json_schema_extra={"zh": "项目标识"},
    )
    tracker: str | None = Setting(
        default=None,
        min_length=1,
        title="Tracker of new tickets",
        description="Its name; the project's first one when left out",
        json_schema_extra={"zh": "新工单的跟踪标签名称"},
    )
    custom_fields: dict[OwnField, Annotated[int, Setting(ge=1)]] = Setting(
        title="Custom fields",
        description='Our name -> its number in the address of Administration > Custom fields: {"tieline_ref": 5, "machine": 1}',
        json_schema_extra={"zh": "自定义字段：名称 → 编号（管理 > 自定义字段页面地址中的数字）"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 15.0
    overlap_s: Annotated[OverlapS, Setting(ge=5, le=3600)] = 60
    history_days: int = Setting(
        default=30,
        ge=0,
        le=3650,
        title="Days of history the first poll reads",
        json_schema_extra={"zh": "首次轮询读取的历史天数"},
    )


_OWN = (
    text_field("machine", "technical name of the machine"),
    text_field("asset", "asset number"),
    text_field("event_id", "id of the event in the monitoring system"),
    text_field("part", "code of the spare part"),
    text_field("tieline_ref", "master ID of the ticket, written by us"),
)

ISSUES = Stream(
    name="issues",
    help="Issues of the project with their state; the words of status, priority and tracker are Redmine's own",
    polled=True,
    pushed=True,
    every_s=30,
    fields=(
        text_field("id", "number of the issue", required=True),
        text_field("title", "subject"),
        text_field("status", "name of the status", required=True),
        Field("closed", FieldType.BOOLEAN, "whether this status means closed; absent where Redmine does not say"),
        text_field("priority", "name of the priority"),
        text_field("tracker", "name of the tracker"),
        text_field("author", "who opened it, by name"),
        text_field("assignedto", "who has it, by name"),
        *_OWN,
        Field("activity", FieldType.TIME, "when it last changed, whole seconds", required=True),
        Field("creation", FieldType.TIME, "when it was opened"),
        text_field("actor", "login of whoever changed it; only a push knows it"),
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
_CHANGEABLE = (text_field("priority", "name of the priority, as Redmine knows it"), *_OWN[:4])

CREATE_TICKET = Act(
    name="create_ticket",
    help="Open an issue; one that carries the same tieline_ref already is taken instead",
    arguments=(
        text_field("title", "subject", required=True),
        *_CHANGEABLE,
        text_field("text", "description"),
        text_field("tieline_ref", "master ID of the ticket; the key of this write where it is missing"),
    ),
    repeat=Repeat.LOOKED_UP,
    permission="view_issues, add_issues",
)
UPDATE_TICKET = Act(
    name="update_ticket",
    help="Change fields of an issue; only those that differ are written",
    arguments=(
        _ID,
        text_field("status", "name of the status, as Redmine knows it"),
        text_field("title", "subject"),
        *_CHANGEABLE,
    ),
    repeat=Repeat.IDEMPOTENT,
    permission="view_issues, edit_issues, and the workflow's step for the role",
)
ADD_MESSAGE = Act(
    name="add_message",
    help="Add a note to an issue",
    arguments=(_ID, text_field("text", "the note", required=True)),
    repeat=Repeat.LOOKED_UP,
    permission="view_issues, add_issue_notes",
)

REDMINE = Kind(
    counted_ids=True,
    name="redmine",
    title=Text("Redmine", "Redmine 工单系统"),
    settings=RedmineSettings,
    streams=(ISSUES,),
    lookups=(RECENT_TICKETS,),
    acts=(CREATE_TICKET, UPDATE_TICKET, ADD_MESSAGE),
    door=Door(schemes=("standard_webhooks", "header", "path"), id_header="webhook-id", window_s=600),
    versions="4.2 and newer by the manual; seen with 5.0.4",
)
