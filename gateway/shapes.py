"""The forms that many operations share: bodies, answers, paging, times."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from core.clock import from_rfc3339, to_rfc3339
from core.words import Micros
from gateway.refusals import ValidationError


class Body(BaseModel):
    """What is sent to us: unknown members are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(BaseModel):
    """The parameters of a read: unknown ones are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What we answer: every member is always there, null where there is nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Open(BaseModel):
    """An answer whose room may add members without breaking who reads it."""

    model_config = ConfigDict(extra="allow", frozen=True)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise ValueError("must be a whole number")
        return int(value)
    return value


def _claim(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("must be true or false")
        return value == "true"
    return value


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time as text")  # noqa: TRY004 pydantic collects ValueError only
    try:
        return from_rfc3339(value.replace("Z", "+00:00").replace("z", "+00:00"))
    except (ValueError, OverflowError) as error:
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-01-01T08:00:00+08:00") from error


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number in a query."""

Number = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
"""A number of something, from one, in a query."""

Claim = Annotated[bool, BeforeValidator(_claim)]
"""true or false in a query."""

Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time outside (RFC 3339), microseconds inside."""

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time in an answer."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="lower-case letters, digits and hyphens")]
"""A name that people give: it stands in URLs and in definitions."""

Facts = dict[str, Any]


class Paged(Query):
    """How a list is read: so many, after the cursor of the page before."""

    limit: Whole = Field(50, ge=1, le=200, description="at most so many")
    cursor: str | None = Field(None, max_length=200, description="the `next` of the page before")


class Problem(Open):
    """An error as RFC 9457 describes it, with our three sentences."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="stable; docs/errors.md has a heading for it")
    family: Literal["transient", "input", "setup", "refused"]
    what: str
    why: str
    fix: str
    instance: str | None = None
    facts: Facts | None = None


class Links(Answer):
    """Where to look next."""

    self: str


class Received(Answer):
    """A delivery is stored; ``status`` says whether it was new."""

    receipt: str
    status: Literal["accepted", "duplicate"]
    links: Links


def time(at: Micros | None) -> str | None:
    """Write a row's time."""
    return to_rfc3339(at)


def moment(at: Micros) -> str:
    """Write a time that is always there."""
    return to_rfc3339(at) or ""


def cursor_of(key: str | int) -> str:
    """
    Return the opaque text by which the next page is asked for.

    >>> read_cursor(cursor_of("evt_1"))
    'evt_1'
    """
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def read_cursor(text: str | None) -> Any:
    """Read a cursor that we wrote; anything else is refused."""
    if text is None:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if not isinstance(found, str | int) or isinstance(found, bool):
        raise _bad_cursor()
    return found


def _bad_cursor() -> ValidationError:
    return ValidationError("query", [{"path": "cursor", "what": "is not a cursor that a list gave out"}])
