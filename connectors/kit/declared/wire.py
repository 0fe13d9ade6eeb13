"""What a manifest says of requests and answers: the words of ``request:``, ``answer:`` and ``decode:``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from connectors.kit.declared.predicates import Condition, Part, PathText
from connectors.kit.declared.slots import SlotSyntaxError, slots_of, texts_in
from core.words import Json


def _slotted(tree: Any) -> Any:
    try:
        for _, text in texts_in(tree):
            slots_of(text)
    except SlotSyntaxError as error:
        raise ValueError(str(error)) from None
    return tree


def _several(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


SlotText = Annotated[str, BeforeValidator(_slotted), Field(description="a text with {slots}")]
SlotTree = Annotated[Json, BeforeValidator(_slotted), Field(description="texts with {slots}, lists and objects of them")]
Conditions = Annotated[list[Condition], BeforeValidator(_several)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="small letters, digits and _")]

Sort = Literal[
    "auth_expired", "auth_wrong", "rate_limited", "quota_exhausted", "permission",
    "duplicate_ok", "transient", "permanent", "not_found",
]  # fmt: skip
"""What an answer can be classified as, besides success."""

SORTS: dict[str, str] = {
    "auth_expired": "the token is no longer taken: it is renewed once, then the request is sent again",
    "auth_wrong": "the credentials are wrong: never tried again, a person is told",
    "rate_limited": "we are asked to slow down",
    "quota_exhausted": "what was bought is used up: trying again is useless, a person is told",
    "permission": "we are known, but may not do this",
    "duplicate_ok": "the thing is there already: counts as done",
    "transient": "it is tried again",
    "permanent": "the far side understood us and said no",
    "not_found": "there is no such thing",
}


class Wait(Part):
    """Where the far side says how long to wait."""

    header: str | None = Field(default=None, description="the header that says it")
    at: PathText | None = Field(default=None, description="or the place in the body")
    unit: Literal["s", "ms", "until_s"] = Field(
        default="s", description="seconds, milliseconds, or the second since 1970 until when"
    )


class Rule(Part):
    """The first rule whose conditions all hold says what an answer is."""

    when: Conditions = Field(min_length=1)
    as_: Sort = Field(alias="as", description="what such an answer is")
    wait: Wait | float | None = Field(
        default=None, description="for rate_limited and transient: seconds, or where they are said"
    )
    fix: str | None = Field(default=None, description="what a person can do about it")


class Answer(Part):
    """How answers are read and judged. What a request leaves out, the manifest's own ``answer`` says."""

    read: Literal["json", "text", "csv", "ndjson", "nothing"] | None = Field(default=None, description="how the body is read")
    success: Conditions = Field(default=[], description="besides a good status, all of these must hold")
    classify: list[Rule] = Field(default=[], description="tried in order before anything else")
    words: PathText | None = Field(default=None, description="where the far side's own explanation stands")


class Sign(Part):
    """A signer from the closed list, and what it is given."""

    signer: str = Field(description="one of the signers; `tieline kinds schema` lists them")
    with_: dict[str, SlotText] = Field(alias="with", description="what the signer needs, by its names")


class Request(Part):
    """One request. What would hold an empty slot is left out."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    to: SlotText | None = Field(default=None, description="another base address than the manifest's")
    path: SlotText = Field(default="", description="below the base address; slots are percent-encoded")
    query: dict[str, SlotTree] = Field(default={})
    headers: dict[str, SlotText] = Field(default={})
    json_: SlotTree = Field(default=None, alias="json", description="a JSON body")
    form: dict[str, SlotText] | None = Field(default=None, description="a form body")
    text: SlotText | None = Field(default=None, description="a body of another type; set its content-type in headers")
    before: Name | None = Field(default=None, description="a request of `before` that must have been made")
    auth: bool = Field(default=True, description="whether our credentials are sent along")
    sign: Sign | None = Field(default=None, description="signs this request only")
    answer: Answer | None = Field(default=None, description="how this answer differs from the manifest's `answer`")

    @model_validator(mode="after")
    def _one_body(self) -> Request:
        bodies = {"json_", "form", "text"} & self.model_fields_set
        if len(bodies) > 1:
            raise ValueError("a request has one body: json, form or text")
        if bodies and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} has no body")
        return self


class Zip(Part):
    """Rows that are arrays become objects: the n-th value gets the n-th name."""

    rows: PathText = Field(default="$", description="the list of rows")
    names: list[str] | None = Field(default=None, description="the names, in order")
    names_at: PathText | None = Field(default=None, description="or where the names stand in the answer")
    name_in: str = Field(default="name", description="when the names are objects: the member that is the name")

    @model_validator(mode="after")
    def _named(self) -> Zip:
        if (self.names is None) == (self.names_at is None):
            raise ValueError("say the names with `names`, or their place with `names_at`")
        return self


class Named(Part):
    """An object whose names are ids becomes a list; each member learns its name."""

    at: PathText = "$"
    name_as: str = Field(default="name", description="the member that gets the name")


class Pairs(Part):
    """A list of name and value pairs becomes an object."""

    at: PathText = Field(description="the list, seen from one record")
    name: str = "name"
    value: str = "value"


class Decode(Part):
    """One step of reading records; the steps are taken in order."""

    zip_: Zip | None = Field(default=None, alias="zip")
    named: Named | None = None
    json_in: list[str] | None = Field(default=None, description="members of each record whose text is JSON")
    pairs: Pairs | None = None
    points: PathText | None = Field(default=None, description="members [time, value] of each record become {time, value}")
    blank: list[str | bool | int] | None = Field(
        default=None, description="values that mean: nothing; such members become null"
    )

    @model_validator(mode="after")
    def _one(self) -> Decode:
        if len(self.model_fields_set) != 1:
            raise ValueError("a step does one thing: zip, named, json_in, pairs, points or blank")
        return self


class Paging(Part):
    """How the next page is asked for."""

    by: Literal["offset", "page", "cursor", "link", "last"] = Field(
        description="offset: {offset} counts records; page: {page} counts pages; cursor: {next} comes with the answer; "
        "link: the answer gives the next address; last: {last} is the id of the last record"
    )
    size: int = Field(default=100, ge=1, le=10_000, description="records per page; {limit} is this or less")
    first: int = Field(default=1, description="the number of the first page")
    next: str | None = Field(default=None, description="where cursor or link stand: a path, or header:link for the Link header")
    more: Conditions = Field(default=[], description="there is another page only if these hold")
    most: int | None = Field(default=None, ge=1, description="the far side gives no more than so many records of one sweep")

    @model_validator(mode="after")
    def _says_where(self) -> Paging:
        if self.by in ("cursor", "link") and not self.next:
            raise ValueError(f"say with `next` where the {self.by} stands in the answer")
        if self.next and not self.next.startswith("header:"):
            _path(self.next)
        return self


def _path(text: str) -> None:
    from connectors.kit.declared.paths import PathSyntaxError, path

    try:
        path(text)
    except PathSyntaxError as error:
        raise ValueError(str(error)) from None
