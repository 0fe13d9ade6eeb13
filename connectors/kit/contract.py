"""
The contract between Tieline and a kind of foreign system.

A **kind** is described by data (``Kind``): its settings model, streams, lookups, acts and the fields
each offers. That description is what forms, mappings, lineage and checks read. A **connector** is
one registered instance (``Connector``): it reads, looks up, acts, verifies and checks.

The rules, held by ``connectors.kit.laws``: every request has a timeout; library exceptions never leak
(they become the four families of ``core.errors``); nothing outside the declared fields is returned;
``parse`` is pure (no network, no clock), so that any delivery can be handled again; ``act`` with the
same key has one effect; a secret never appears in a repr, an error or a log.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from connectors.kit.tokens import PrivateTokens, Tokens
from core.clock import Clock, SystemClock
from core.errors import NotFoundError, TielineError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people in both languages."""

    en: str
    zh: str


class FieldType(StrEnum):
    """The type a foreign field is declared with."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a stream's record, a lookup's answer or an act's argument, by its JSONPath-like name."""

    name: str
    type: FieldType
    help: str = ""
    required: bool = False
    words: tuple[str, ...] = ()  #: the closed list of values, where there is one
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A named set of records that can be polled, pushed to us, or both."""

    name: str
    help: str
    fields: tuple[Field, ...]
    polled: bool = True
    pushed: bool = False
    every_s: int = 60  #: default seconds between polls


@dataclass(frozen=True, slots=True)
class Lookup:
    """A read for one subject."""

    name: str
    help: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


class Repeat(StrEnum):
    """What happens when the same act is sent twice."""

    NATIVE_KEY = "native key"  #: the far side honours our key
    IDEMPOTENT = "idempotent"  #: the second write changes nothing
    LOOKED_UP = "looked up"  #: we look before we write
    MAY_REPEAT = "may repeat"  #: it can happen twice; said to the user


@dataclass(frozen=True, slots=True)
class Act:
    """A write. ``creates``/``changes`` name what it touches; ``repeat`` says what a second sending does."""

    name: str
    help: str
    arguments: tuple[Field, ...]
    repeat: Repeat
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """How the foreign system can push to us, and what a body without an id of its own is deduplicated by."""

    schemes: tuple[str, ...]  #: names from connectors.kit.webhooks, the recommended one first
    id_header: str | None = None
    window_s: int = 600  #: the same body within this span is the same delivery


class Settings(BaseModel):
    """
    The base of every kind's settings: unknown fields are refused, secrets are ``pydantic.SecretStr``.

    Each field carries ``Field(title=…, description=…, json_schema_extra={"zh": …})``: the form is made from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """All that is known about a kind without talking to anybody."""

    name: str
    title: Text
    settings: type[Settings]
    streams: tuple[Stream, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    acts: tuple[Act, ...] = ()
    door: Door | None = None
    counted_ids: bool = False  #: the system counts its ids itself, so 999999 is an id and no placeholder
    versions: str = ""  #: the foreign versions this was built for and seen with

    def stream(self, name: str) -> Stream:
        """Return the stream of that name, or say which there are."""
        return _named(self.streams, name, f"stream of {self.name}")

    def lookup(self, name: str) -> Lookup:
        """Return the lookup of that name, or say which there are."""
        return _named(self.lookups, name, f"lookup of {self.name}")

    def act(self, name: str) -> Act:
        """Return the act of that name, or say which there are."""
        return _named(self.acts, name, f"act of {self.name}")


_Named = TypeVar("_Named", Stream, Lookup, Act)


def _named(offered: tuple[_Named, ...], name: str, what: str) -> _Named:
    for one in offered:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in offered) or "none"
    raise NotFoundError(f"There is no {what} called {name!r}.", why=f"The kind offers: {known}.", fix="Use one of these names.")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a check: what it proves, whether it holds, and what to do if not."""

    name: str  #: reachable | tls | credentials | permission:event.acknowledge | sample:problems | field:tieline_ref | clock
    ok: bool
    detail: str = ""
    fix: str = ""
    needed: bool = True  #: False: a warning; the connector can be saved without it


@dataclass(slots=True)
class CheckReport:
    """What a check proved, step by step."""

    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Say whether every needed step holds (and there was at least one)."""
        return bool(self.steps) and all(step.ok or not step.needed for step in self.steps)

    def run(self, name: str, probe: Callable[[], str | None], *, needed: bool = True) -> bool:
        """Run one probe; a TielineError becomes a failed step with its own sentences."""
        try:
            detail = probe() or ""
        except TielineError as error:
            self.steps.append(Step(name, ok=False, detail=f"{error.what} {error.why}", fix=error.fix, needed=needed))
            return False
        self.steps.append(Step(name, ok=True, detail=detail, needed=needed))
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON for the API, the CLI and the row."""
        return {
            "ok": self.ok,
            "steps": [{"name": s.name, "ok": s.ok, "detail": s.detail, "fix": s.fix, "needed": s.needed} for s in self.steps],
        }


class Connector(ABC):
    """One registered instance of a kind. Instances are shared by threads: keep no per-call state."""

    kind: ClassVar[Kind]

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        self.name = name
        self.settings: Any = settings
        self.clock: Clock = clock or SystemClock()
        self.tokens: Tokens = PrivateTokens(self.clock)
        """Where the token of this connector is kept; for a registered one rows take this place, before it is used."""

    def __repr__(self) -> str:
        return f"<{self.kind.name} connector {self.name!r}>"

    @abstractmethod
    def check(self) -> CheckReport:
        """Only read, and say what that proves: reachability, credentials, each permission, a sample read."""

    @classmethod
    @abstractmethod
    def parse(cls, delivery: Delivery, settings: Settings) -> list[Record]:
        """
        Read a pushed body or a polled page into records. Pure. Raises InputError on what it cannot read.

        A pushed body is normalised into the same declared record shape as the polled stream of that name.
        """

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read one page of a stream after the cursor (None: from the beginning that makes sense)."""
        raise NotImplementedError(f"{self.kind.name} has no polled stream {stream!r}")

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read for one subject within the time given."""
        raise NotImplementedError(f"{self.kind.name} has no lookup {name!r}")

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Do one write. The key is constant over retries and replays: the same key has one effect."""
        raise NotImplementedError(f"{self.kind.name} has no act {name!r}")

    def preview(self, name: str, arguments: Mapping[str, Json], *, key: str) -> list[dict[str, Json]] | None:
        """Return the requests that an act would send, without sending any; None where a kind cannot know them before."""
        self.kind.act(name)
        return None

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read back and say whether the far side now holds what the act wrote."""
        raise NotImplementedError(f"{self.kind.name} cannot verify {name!r}")

    def close(self) -> None:  # noqa: B027 - optional on purpose: most kinds hold nothing to give back
        """Give back sockets; called once at the end."""
