"""What goes in and what comes out of identity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.words import Micros


class Origin(StrEnum):
    """How an external id came to its entity."""

    MINT = "mint"  #: first sight of the id: a new master ID
    HINT = "hint"  #: the far side gave back a master ID that we wrote there
    ACT = "act"  #: we created the thing there ourselves
    LINK = "link"  #: a steward or a rule
    IMPORT = "import"  #: brought in from an older registry


class Mode(StrEnum):
    """What is meant to be there before an external id is written; anything else is an error."""

    RESOLVE_OR_MINT = "resolve_or_mint"  #: known or new, both are right: the one that may be repeated
    ADD = "add"  #: new here, and the thing is new too: mint
    LINK = "link"  #: new here, for a thing that has a master ID
    UPDATE = "update"  #: takes the place of the id that this connector has used for the thing until now


class Hint(StrEnum):
    """What became of a hint; never silent."""

    LINKED = "linked"  #: the id was new and now belongs to the hinted master ID
    KNOWN = "known"  #: the id was known already; a hint never moves a known id
    UNKNOWN = "unknown"  #: no such master ID of this entity; a new one was minted
    COPIED = "copied"  #: that master ID has an id in this connector already: somebody copied the thing; minted


class Want(NamedTuple):
    """
    One external id whose master ID is wanted. ``hint`` is a master ID that the far side holds for it.

    ``counted`` says that a machine counts these ids (999999 is a number then); a declared shape overrules it.
    """

    connector_id: int
    etype: str
    external_id: str
    hint: str | None = None
    counted: bool = False


class Resolved(NamedTuple):
    """
    Who an external id is today.

    ``entity_id`` and ``gid`` name the survivor, ``home_id`` and ``home_gid`` the entity the id was first given to
    (values are kept there). ``applied_at`` and ``applied_version`` say which state of the source was applied last.
    """

    entity_id: int
    gid: str
    home_id: int
    crosswalk_id: int
    minted: bool
    applied_at: Micros | None
    applied_version: str | None
    hint: Hint | None = None
    home_gid: str = ""

    @property
    def moved(self) -> bool:
        """Say whether the entity it was first given to answers through another today."""
        return self.home_id != self.entity_id


@dataclass(frozen=True, slots=True)
class Current:
    """The answer for a master ID ever issued: who it is today, and whether it has ``moved`` into another."""

    requested: str
    gid: str
    entity_id: int
    moved: bool


class Moved(NamedTuple):
    """One entity whose survivor changed."""

    entity_id: int
    gid: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """
    What an edge did. ``moved`` lists every entity that now resolves to another master ID.

    ``new`` is False when the edge was there (or gone) already, so that nothing changed. ``asked`` counts the keys of
    which a person must now say whose they are.
    """

    edge_id: int
    new: bool
    moved: tuple[Moved, ...] = ()
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Linked:
    """Where an external id is now. ``change`` is the ``same`` edge that was needed, if one was."""

    crosswalk_id: int
    entity_id: int
    gid: str
    change: Change | None = None
