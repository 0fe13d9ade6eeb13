"""The declared schemes of a door as typed settings: unknown words are refused, and so is what cannot be safe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from connectors.kit.refusals import DoorSetupError

SCHEMES = ("standard_webhooks", "hmac", "header", "basic", "path")
_SLOT = re.compile(r"\{([a-z]*)\}")
_SLOTS = {"body", "timestamp", "id", "method", "url"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    lane: Literal["normal", "urgent"] = "normal"
    """An urgent source keeps a reserve at the door when too much waits, and is handled first."""


class StandardDoor(_Strict):
    """Standard Webhooks 1.0: id, time and body are signed; several signatures and secrets while rotating."""

    scheme: Literal["standard_webhooks"]
    tolerance_s: int = Field(300, ge=1, le=86_400)


class HmacDoor(_Strict):
    """A signature in a header over a declared text; ``signed`` names its parts: {body} {timestamp} {id} {method} {url}."""

    scheme: Literal["hmac"]
    header: str = Field(min_length=1)
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    separator: str = ""
    secret_encoding: Literal["text", "hex", "base64"] = "text"  # noqa: S105 - the name of an encoding
    signed: str = "{body}"
    timestamp_header: str | None = None
    timestamp_form: Literal["s", "ms", "rfc3339"] = "s"
    tolerance_s: int = Field(300, ge=1, le=86_400)
    id_header: str | None = None

    @model_validator(mode="after")
    def _covers_what_it_trusts(self) -> HmacDoor:
        slots = _SLOT.findall(self.signed)
        unknown = sorted(set(slots) - _SLOTS)
        if unknown:
            raise ValueError(f"signed names {unknown[0]!r}; it may name: {', '.join(sorted(_SLOTS))}")
        if slots.count("body") != 1:
            raise ValueError("signed must hold {body} exactly once, or a changed body would pass")
        for slot, header in (("timestamp", self.timestamp_header), ("id", self.id_header)):
            if (slot in slots) != (header is not None):
                raise ValueError(f"{{{slot}}} in signed and {slot}_header go together: an unsigned {slot} proves nothing")
        return self


class HeaderDoor(_Strict):
    """A shared secret in a header, compared in constant time."""

    scheme: Literal["header"]
    header: str = Field(min_length=1)
    prefix: str = ""


class BasicDoor(_Strict):
    """HTTP Basic: the user is a setting, the password the secret."""

    scheme: Literal["basic"]
    user: str = Field(min_length=1, pattern=r"^[^:]+$")


class PathDoor(_Strict):
    """A secret in the address, for the many systems that cannot sign."""

    scheme: Literal["path"]


Door = StandardDoor | HmacDoor | HeaderDoor | BasicDoor | PathDoor
_DOOR: TypeAdapter[Door] = TypeAdapter(Annotated[Door, Field(discriminator="scheme")])


def read_door(door: Mapping[str, Any]) -> Door:
    """Return the typed door, or raise DoorSetupError with every fault."""
    try:
        return _DOOR.validate_python(dict(door))
    except ValidationError as error:
        faults = "; ".join(_fault(one) for one in error.errors(include_url=False, include_input=False))
        raise DoorSetupError(
            "The door's settings are not valid.",
            why=f"{faults}.",
            fix=f"Correct the connector's inbound settings; schemes are: {', '.join(SCHEMES)}.",
        ) from None


def _fault(one: Any) -> str:
    place = ".".join(str(part) for part in one["loc"][1:])
    return f"{place}: {one['msg']}" if place else str(one["msg"])
