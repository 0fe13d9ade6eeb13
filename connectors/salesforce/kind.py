"""What the kind salesforce offers: settings, two streams, one lookup and two acts. No network here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field as Setting
from pydantic import SecretStr, model_validator

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, OverlapS, TimeoutS, text_field


class SalesforceSettings(Settings):
    """Which org, by which flow we sign in, and which field of a case is ours."""

    url: str = Setting(
        title="Log-in address",
        description="My Domain (https://acme.my.salesforce.com); with jwt or password also https://login.salesforce.com",
        pattern=r"^https?://[^\s@/?#]+$",
        json_schema_extra={"zh": "登录地址（推荐 My Domain）"},
    )
    flow: Literal["client_credentials", "jwt", "password"] = Setting(
        default="client_credentials",
        title="Flow",
        description="client_credentials: the app's run-as user; jwt: a key of ours; password: blocked in many orgs",
        json_schema_extra={"zh": "授权方式"},
    )
    consumer_key: str = Setting(min_length=1, title="Consumer key", json_schema_extra={"zh": "Consumer Key（客户端编号）"})
    consumer_secret: SecretStr | None = Setting(
        default=None,
        title="Consumer secret",
        description="Not for jwt",
        json_schema_extra={"zh": "Consumer Secret（客户端密钥）"},
    )
    username: str | None = Setting(
        default=None, title="User name", description="For jwt and password", json_schema_extra={"zh": "用户名"}
    )
    password: SecretStr | None = Setting(
        default=None,
        title="Password",
        description="With the security token appended, for the flow password",
        json_schema_extra={"zh": "密码（后接安全令牌）"},
    )
    private_key: SecretStr | None = Setting(
        default=None, title="Private key", description="PEM (RSA), for jwt", json_schema_extra={"zh": "私钥（PEM，jwt 方式）"}
    )
    api_version: str = Setting(
        default="59.0", pattern=r"^[0-9]{2}\.0$", title="API version", json_schema_extra={"zh": "API 版本"}
    )
    ref_field: str = Setting(
        default="Tieline_Ref__c",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*__c$",
        title="External id field of Case",
        description="Text, External ID, unique: it holds our master ID, and Salesforce itself opens no case twice",
        json_schema_extra={"zh": "Case 上的外部 ID 字段（文本、唯一）"},
    )
    overlap_s: Annotated[OverlapS, Setting(ge=5, le=3600)] = 120
    ca_file: CaFile = None
    timeout_s: TimeoutS = 20.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {
            "client_credentials": ("consumer_secret",),
            "jwt": ("username", "private_key"),
            "password": ("consumer_secret", "username", "password"),
        }[self.flow]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the flow {self.flow} needs {', '.join(missing)}")
        return self


_CHANGED = Field("changed_at", FieldType.TIME, "SystemModstamp", required=True)

ACCOUNTS = Stream(
    name="accounts",
    help="Accounts, by their last change. Deleted ones are not seen",
    every_s=300,
    fields=(
        text_field("id", "18-character id", required=True),
        text_field("name", "Name"),
        text_field("number", "AccountNumber"),
        text_field("phone", "Phone"),
        text_field("website", "Website"),
        text_field("city", "BillingCity"),
        text_field("country", "BillingCountry"),
        _CHANGED,
    ),
)

CASES = Stream(
    name="cases",
    help="Cases, by their last change; status and priority are the org's own words",
    every_s=60,
    fields=(
        text_field("id", "18-character id", required=True),
        text_field("number", "CaseNumber"),
        text_field("title", "Subject"),
        text_field("status", "Status"),
        Field("closed", FieldType.BOOLEAN, "IsClosed"),
        text_field("priority", "Priority"),
        text_field("account", "AccountId"),
        text_field("actor", "LastModifiedById: the id of whoever changed it last"),
        text_field("tieline_ref", "our external id field"),
        Field("creation", FieldType.TIME, "CreatedDate"),
        _CHANGED,
    ),
)

INTERACTIONS = Lookup(
    name="interactions",
    help="The last interactions with an account: tasks, events and cases, newest first",
    inputs=(
        text_field("account", "id of the account", required=True),
        Field("limit", FieldType.INTEGER, "1 to 20; 3 when left out"),
    ),
    outputs=(
        Field("interactions", FieldType.LIST, "[{kind, id, title, status, at}]", required=True),
        Field("count", FieldType.INTEGER, "how many are listed", required=True),
    ),
)

_CHANGEABLE = (text_field("priority", "as the org knows it"), text_field("text", "Description"))
CREATE_TICKET = Act(
    name="create_ticket",
    help="Open a case, by upsert on our external id field",
    arguments=(
        text_field("title", "Subject", required=True),
        *_CHANGEABLE,
        text_field("account", "id of the account"),
        text_field("tieline_ref", "master ID of the ticket; the key of this write where it is missing"),
    ),
    repeat=Repeat.NATIVE_KEY,
    permission="Case: create, edit, and our external id field",
)
UPDATE_TICKET = Act(
    name="update_ticket",
    help="Change a case; only fields that differ are written",
    arguments=(
        text_field("id", "id of the case", required=True),
        text_field("status", "as the org knows it"),
        text_field("title", "Subject"),
        *_CHANGEABLE,
    ),
    repeat=Repeat.IDEMPOTENT,
    permission="Case: edit",
)

SALESFORCE = Kind(
    name="salesforce",
    title=Text("Salesforce", "Salesforce 客户关系管理"),
    settings=SalesforceSettings,
    streams=(ACCOUNTS, CASES),
    lookups=(INTERACTIONS,),
    acts=(CREATE_TICKET, UPDATE_TICKET),
    versions="REST API 59.0 by the manual; not run against Salesforce itself",
)

COLUMNS: dict[str, tuple[str, dict[str, str]]] = {
    "accounts": (
        "Account",
        {
            "id": "Id",
            "name": "Name",
            "number": "AccountNumber",
            "phone": "Phone",
            "website": "Website",
            "city": "BillingCity",
            "country": "BillingCountry",
            "changed_at": "SystemModstamp",
        },
    ),
    "cases": (
        "Case",
        {
            "id": "Id",
            "number": "CaseNumber",
            "title": "Subject",
            "status": "Status",
            "closed": "IsClosed",
            "priority": "Priority",
            "account": "AccountId",
            "actor": "LastModifiedById",
            "creation": "CreatedDate",
            "changed_at": "SystemModstamp",
        },
    ),
}
"""Stream -> object and our name -> its field; the external id field of cases comes from the settings."""
