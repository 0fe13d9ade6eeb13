"""What a record became: its fields, its troubles, and how each value got where it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from core.errors import InputError
from core.words import FieldState, Json
from mappings.translate.step import Looked


class TranslationError(InputError):
    """A record that its mapping refuses: a field's policy says ``error``."""

    code = "translation"
    title, title_zh = "The record does not fit its mapping", "记录不符合其映射"


class Translated(NamedTuple):
    """One field as it will be written: its state, our value, the source's own words, and where they stood."""

    state: FieldState
    value: Json
    raw: Json
    path: str


class Taken(NamedTuple):
    """One step of a value's way: which, and what it gave; the last may say why it gave nothing."""

    step: str
    gives: Json
    why: str = ""


@dataclass(frozen=True, slots=True)
class FieldTrouble:
    """A field that could not be used as it came: which of the four states, what its policy made of it, and its way there."""

    field: str
    path: str
    state: str
    policy: str
    why: str
    fix: str
    raw: Json = None
    trace: tuple[Taken, ...] = ()

    def as_dict(self) -> dict[str, Json]:
        """Return it as JSON for the event's row."""
        steps = [{"step": one.step, "gives": one.gives, **({"why": one.why} if one.why else {})} for one in self.trace]
        return asdict(self) | {"trace": steps}


@dataclass(slots=True)
class Translation:
    """
    What a record became: the fields to write, the troubles, and the fields left as they were with their state.

    ``words`` are the look-ups in code tables, ``asked`` the tables whose word a steward has to decide about. A record
    with a trouble of policy ``error`` is refused as a whole: call ``check`` or ask ``refused``.
    """

    mapping: str
    fields: dict[str, Translated]
    problems: list[FieldTrouble] = field(default_factory=list)
    left: dict[str, FieldState] = field(default_factory=dict)
    words: list[Looked] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Say whether nothing of this record may be written."""
        return any(one.policy == "error" for one in self.problems)

    def check(self) -> None:
        """Raise TranslationError when the record is refused, naming every field at fault."""
        faults = [one for one in self.problems if one.policy == "error"]
        if faults:
            raise TranslationError(
                f"The mapping {self.mapping} refuses this record: {', '.join(one.field for one in faults)}.",
                why=" ".join(f"{one.field} ({one.path}): {one.why}" for one in faults),
                fix=f"{faults[0].fix} After a change of the mapping: `tieline replay --mapping {self.mapping}`.",
                fields=[one.as_dict() for one in faults],
            )
