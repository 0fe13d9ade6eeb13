"""
The step that looks an external id up in the crosswalk.

A translation is pure and has no database, so this step only says which id is meant; whoever handles the batch looks
all of them up at once (``bridges.parsed``), and the field then holds the master ID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.words import Json
from mappings.translate.numbers import string
from mappings.translate.step import Lens, Step, StepDefinitionError, World, options

UNKNOWN: tuple[Literal["mint", "quarantine", "error"], ...] = ("mint", "quarantine", "error")


@dataclass(frozen=True, slots=True)
class Reference:
    """
    Which thing an external id names: of which entity, known to which connector (None: the one that sends the record).

    ``unknown`` says what happens to an id that nobody has seen: ``mint`` gives it a master ID, ``quarantine`` keeps it
    as an invalid value until its own source has told of it, ``error`` refuses the record.
    """

    etype: str
    connector: str | None = None
    unknown: str = "mint"


def reference(argument: Json) -> Reference:
    """Return what the step looks up: ``device``, or ``{entity: device, connector: erp, unknown: quarantine}``."""
    wanted = options("lookup", argument, {"entity": (str,), "connector": (str,), "unknown": (str,)}, "entity")
    if "entity" not in wanted:
        raise StepDefinitionError(
            "the step lookup takes the `entity` whose id it is, and the `connector` that knows it by that id"
        )
    unknown = wanted.get("unknown", "mint" if "connector" not in wanted else "quarantine")
    if unknown not in UNKNOWN:
        raise StepDefinitionError(f"`unknown` of the step lookup is one of {', '.join(UNKNOWN)}")
    return Reference(wanted["entity"], wanted.get("connector"), unknown)


def _lookup(argument: Json, world: World) -> Lens:
    reference(argument)
    return Lens(string, None, "an entity's id in a connector is written with id_of")


STEPS = (
    Step(
        "lookup",
        "The value is an id of this entity, in this connector or in another: the field holds its master ID. Comes last."
        " `unknown`: mint, quarantine or error.",
        "该值是某实体在本连接器或其他连接器中的编号:字段保存其主标识。须为最后一步。unknown:mint、quarantine 或 error。",
        _lookup,
        10560,
        "10560",
        {"entity": "device", "connector": "erp"},
        group="look-up",
    ),
)
