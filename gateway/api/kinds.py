"""Kinds: which systems this Tieline can talk to, and what each needs and offers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from connectors.kit.contract import Kind
from connectors.registry import sheet_of
from gateway.operations import Call, Subject
from gateway.registering import secret_names
from gateway.shapes import Answer, Open

subject = Subject("kinds", "Sorts of systems that can be connected")


class FieldAnswer(Answer):
    """One field of a stream's record, a lookup's answer or an act's argument."""

    name: str
    type: str
    help: str
    required: bool
    words: list[str]
    unit: str | None


class StreamOffer(Answer):
    """A named set of records that can be read."""

    name: str
    help: str
    polled: bool
    pushed: bool
    every_s: int
    fields: list[FieldAnswer]


class LookupOffer(Answer):
    """A read for one subject."""

    name: str
    help: str
    inputs: list[FieldAnswer]
    outputs: list[FieldAnswer]


class ActOffer(Answer):
    """A write; `repeat` says what a second sending does."""

    name: str
    help: str
    repeat: str
    permission: str
    arguments: list[FieldAnswer]


class DoorOffer(Answer):
    """How such a system can push to us."""

    schemes: list[str]
    id_header: str | None
    window_s: int


class SettingsSchema(Open):
    """The JSON Schema of the settings: a form is made from it."""


class Proof(Answer):
    """What was proven, against what, when."""

    level: Literal["declared", "documented", "recorded", "real"]
    date: str
    version: str
    what: str


class KindAnswer(Answer):
    """All that is known about a kind without talking to anybody."""

    name: str
    title: dict[str, str]
    versions: str
    settings: SettingsSchema
    secrets: list[str]
    streams: list[StreamOffer]
    lookups: list[LookupOffer]
    acts: list[ActOffer]
    door: DoorOffer | None
    level: str = Field(
        description="declared: described only; documented: against the cited source; recorded: against real bytes; real"
    )
    evidence: list[Proof] = Field(description="the strongest first")
    open_points: dict[str, str] = Field(description="rules of the quality sheet that are not done, with the reason")


class Kinds(Answer):
    """Every kind, by name."""

    items: list[KindAnswer]


@subject.get("/kinds")
def list_kinds(call: Call) -> Kinds:
    """List every kind that can be registered."""
    return Kinds(items=[answer(call.parts.find_class(name).kind) for name in sorted(call.parts.kinds)])


@subject.get("/kinds/<name>")
def get_kind(call: Call, name: str) -> KindAnswer:
    """Show one kind."""
    return answer(call.parts.find_class(name).kind)


def answer(kind: Kind) -> KindAnswer:
    """Describe a kind."""
    sheet = sheet_of(kind.name)
    return KindAnswer(
        name=kind.name,
        title={"en": kind.title.en, "zh": kind.title.zh},
        versions=kind.versions,
        settings=SettingsSchema.model_validate(kind.settings.model_json_schema()),
        secrets=secret_names(kind),
        streams=[
            StreamOffer(
                name=one.name,
                help=one.help,
                polled=one.polled,
                pushed=one.pushed,
                every_s=one.every_s,
                fields=_fields(one.fields),
            )
            for one in kind.streams
        ],
        lookups=[
            LookupOffer(name=one.name, help=one.help, inputs=_fields(one.inputs), outputs=_fields(one.outputs))
            for one in kind.lookups
        ],
        acts=[
            ActOffer(
                name=one.name,
                help=one.help,
                repeat=one.repeat.value,
                permission=one.permission,
                arguments=_fields(one.arguments),
            )
            for one in kind.acts
        ],
        door=_door(kind),
        level=sheet.level,
        evidence=[Proof(level=one.level, date=str(one.date), version=one.version, what=one.what) for one in sheet.evidence],
        open_points={name: f"{state}: {why}" for name, (state, why) in sheet.rules.items() if state != "done"},
    )


def _door(kind: Kind) -> DoorOffer | None:
    if kind.door is None:
        return None
    return DoorOffer(schemes=list(kind.door.schemes), id_header=kind.door.id_header, window_s=kind.door.window_s)


def _fields(fields: tuple[Any, ...]) -> list[FieldAnswer]:
    return [FieldAnswer.model_validate({**asdict(one), "type": one.type.value, "words": list(one.words)}) for one in fields]
