"""The whole of a manifest, as data: what a kind of system needs, offers and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from connectors.kit.contract import FieldType, Repeat
from connectors.kit.declared.credentials import Auth
from connectors.kit.declared.predicates import Part, PathText
from connectors.kit.declared.times import FORMS, zone_of
from connectors.kit.declared.wire import Answer, Conditions, Decode, Name, Paging, Request, SlotText, SlotTree
from core.words import Json


def _form(value: Any) -> Any:
    if value not in FORMS:
        raise ValueError(f"there is no form of time {value!r}; known: {', '.join(FORMS)}")
    return value


def _zone(value: Any) -> Any:
    if isinstance(value, str) and value != "{time_zone}":
        zone_of(value)
    return value


TimeForm = Annotated[str, BeforeValidator(_form), Field(description=f"one of {', '.join(FORMS)}")]
Zone = Annotated[str, BeforeValidator(_zone), Field(description="Asia/Shanghai, UTC, or {time_zone}: the setting of that name")]
Category = Literal["crm", "erp", "mes", "iot", "monitoring", "knowledge", "itsm", "notification", "database", "other"]
CATEGORIES: dict[str, str] = {
    "crm": "客户关系", "erp": "企业资源", "mes": "制造执行", "iot": "物联网", "monitoring": "监控告警",
    "knowledge": "知识库", "itsm": "服务管理", "notification": "通知", "database": "数据库", "other": "其他",
}  # fmt: skip
"""Every category with its Chinese name."""


class Words(Part):
    """A text for people in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class Setting(Part):
    """One field of the form that registers a connector."""

    title: str = Field(min_length=1)
    zh: str = Field(min_length=1, description="its title in Chinese")
    help: str | None = Field(default=None, description="where the value is found, in one sentence")
    type: Literal["string", "integer", "number", "boolean"] = "string"
    secret: bool = False
    optional: bool = False
    default: Json = None
    pattern: str | None = Field(default=None, description="a regular expression the value must fit")
    words: list[str] | None = Field(default=None, description="the closed list of values")
    example: str | None = None


class FieldSpec(Part):
    """One declared field, and where it comes from."""

    type: FieldType = FieldType.STRING
    help: str = ""
    required: bool = False
    words: list[str] | None = None
    unit: str | None = None
    from_: PathText | None = Field(default=None, alias="from", description="where it stands; left out: under its own name")
    form: TimeForm | None = Field(default=None, description="for times: how they are written")
    zone: Zone | None = Field(default=None, description="for times without a zone")
    each: dict[str, PathText] | None = Field(default=None, description="for lists of objects: name -> path in each member")


class Moment(Part):
    """A time in a record."""

    at: PathText
    form: TimeForm = "iso"
    zone: Zone | None = None


class Since(Moment):
    """How only what is new is read: {since} is the latest time that was seen, less an overlap."""

    overlap_s: int = Field(default=60, ge=0, description="read again what is younger than this, for records that came late")
    first_days: int | None = Field(default=None, ge=0, description="how far the first sweep looks back; left out: everything")
    sorted: bool = Field(default=True, description="records come sorted by this time, the oldest first")


class Stream(Part):
    """A named set of records."""

    help: str
    every_s: int = Field(default=60, ge=1, le=86_400)
    request: Request
    records: PathText = Field(default="$", description="where the list of records stands")
    decode: list[Decode] = Field(default=[])
    id: PathText = Field(description="what names a record")
    at: Moment | None = Field(default=None, description="the source's own time of this state")
    version: PathText | None = Field(default=None, description="what changes with every change")
    actor: PathText | None = Field(default=None, description="who changed it")
    hint: PathText | None = Field(default=None, description="where our master ID stands, if we wrote it there")
    deleted: Conditions = Field(default=[], description="these hold when the record is gone")
    paging: Paging | None = None
    since: Since | None = None
    fields: dict[str, FieldSpec] = Field(min_length=1)


class Lookup(Part):
    """A read for one subject."""

    help: str
    inputs: dict[str, FieldSpec] = Field(min_length=1)
    request: Request
    decode: list[Decode] = Field(default=[])
    absent: Conditions = Field(default=[], description="these hold when there is no such thing")
    at: Moment | None = Field(default=None, description="the time of the value")
    outputs: dict[str, FieldSpec] = Field(min_length=1)


class Search(Part):
    """Looks whether the effect is there already, before anything is written."""

    request: Request
    id: PathText = Field(description="the id of what was found; null: nothing was")


class Expect(Part):
    """What reading back must show."""

    at: PathText
    equals: SlotTree


class Verify(Part):
    """How the effect of an act is read back."""

    request: Request
    holds: Conditions = Field(default=[], description="these hold when the effect is there")
    expect: list[Expect] = Field(default=[], description="these places hold what was written")
    seen: dict[str, PathText] = Field(default={}, description="what is told of what was seen")


class Act(Part):
    """A write."""

    help: str
    arguments: dict[str, FieldSpec] = Field(min_length=1)
    permission: str = ""
    repeat: Repeat = Field(description="what happens when it is sent twice")
    search: Search | None = None
    request: Request
    id: str | None = Field(default=None, description="where the answer says what was made, or a {slot} when we know it")
    version: PathText | None = None
    fields: dict[str, PathText] = Field(default={}, description="what the far side now holds")
    partial: Conditions = Field(default=[], description="one of these holds when only a part was done")
    partial_words: PathText | None = Field(default=None, description="where it says what was not done")
    verify: Verify | None = None
    unverifiable: str | None = Field(default=None, description="why there is nothing to read back")

    @model_validator(mode="after")
    def _told(self) -> Act:
        if (self.verify is None) == (self.unverifiable is None):
            raise ValueError("say with `verify` how it is read back, or with `unverifiable` why it cannot be")
        if (self.repeat is Repeat.LOOKED_UP) != (self.search is not None):
            raise ValueError("`search` and `repeat: looked up` belong together")
        return self


class Probe(Part):
    """One step of the check. Without a request it proves that a token can be had, or reads a stream."""

    proves: str = Field(
        pattern=r"^(reachable|tls|credentials|clock|version|(permission|sample|field|lookup|setting):\S.*)$",
        description="reachable, credentials, version, permission:…, sample:STREAM, …",
    )
    request: Request | None = None
    say: PathText | None = Field(default=None, description="what of the answer is shown, such as its version")
    holds: Conditions = Field(default=[], description="besides success, these must hold")
    needed: bool = True
    any_answer: bool = Field(default=False, description="a refusal proves it too: somebody is there who speaks HTTP")
    cannot: str | None = Field(default=None, description="why it cannot be proven; shown, and never counted as proven")


class Push(Part):
    """What this system sends by itself, and how it becomes records of a stream."""

    stream: Name
    when: Conditions = Field(default=[], description="only such a body; left out: every one")
    records: PathText = "$"
    decode: list[Decode] = Field(default=[])
    id: PathText | None = None
    at: Moment | None = None
    version: PathText | None = None
    actor: PathText | None = None
    deleted: Conditions = Field(default=[])
    fields: dict[str, FieldSpec] = Field(default={}, description="fields that stand elsewhere than in a polled record")


class DoorSpec(Part):
    """How it proves who it is when it pushes."""

    schemes: list[Literal["standard_webhooks", "hmac", "header", "basic", "path"]] = Field(min_length=1)
    id_header: str | None = None
    window_s: int = 600
    setup: dict[str, Json] = Field(
        default={}, description="the door as it is set up for this system, such as its signature header"
    )


class Before(Part):
    """A request that has to be made before others; its answer is kept for a while."""

    request: Request
    take: dict[Name, str] = Field(min_length=1)
    keep_s: int = Field(default=0, ge=0, description="0: before every request anew")


class Budget(Part):
    """How often we may call, by one process."""

    calls: int = Field(ge=1)
    per_s: float = Field(gt=0)


class Tls(Part):
    """A certificate of our own: files in PEM."""

    certificate: SlotText
    key: SlotText


class Variants(Part):
    """One setting chooses among editions; each says how it differs."""

    by: Name
    cases: dict[str, dict[str, Json]] = Field(min_length=1)


class Manifest(Part):
    """Everything about a kind of system that a connector needs. It names; it never computes."""

    kind: Name
    title: Words
    category: Category
    versions: str = Field(min_length=1, description="which versions of the system or of its interface this is about")
    sources: list[str] = Field(min_length=1, description="what this was written from")
    confidence: Literal["high", "medium", "low"] = Field(description="high: the vendor's own text or code was read")
    settings: dict[Name, Setting] = Field(min_length=1)
    address: SlotText = Field(description="the base address of every request, such as {url}/api/v2")
    hosts: list[str] = Field(default=[], description="other hosts an answer may send us to: a name, or *.example.com")
    texts: dict[Name, SlotText] = Field(default={}, description="named texts, used as {text.NAME}")
    headers: dict[str, SlotText] = Field(default={})
    auth: Auth
    tls: Tls | None = None
    answer: Answer = Answer()
    before: dict[Name, Before] = Field(default={})
    budget: Budget | None = None
    variants: Variants | None = None
    check: list[Probe] = Field(min_length=1)
    streams: dict[Name, Stream] = Field(default={})
    lookups: dict[Name, Lookup] = Field(default={})
    acts: dict[Name, Act] = Field(default={})
    door: DoorSpec | None = None
    push: list[Push] = Field(default=[])
    counted_ids: bool = Field(default=False, description="the system counts its ids itself, so 999999 is an id")
    notes: str = ""

    @model_validator(mode="after")
    def _joined(self) -> Manifest:
        if "url" not in self.settings:
            raise ValueError("settings: `url` is one of them; give it a default where all customers share one address")
        if not (self.streams or self.lookups or self.acts):
            raise ValueError("it offers nothing: declare streams, lookups or acts")
        if self.push and self.door is None:
            raise ValueError("push: say with `door` how the sender proves who it is")
        for one in self.push:
            if one.stream not in self.streams:
                raise ValueError(f"push: there is no stream {one.stream!r}")
        return self
