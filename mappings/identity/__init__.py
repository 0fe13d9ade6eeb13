"""Who is it? Master IDs that are never re-used and never deleted; see docs/why/identity.md."""

from mappings.identity.check_digits import entered
from mappings.identity.crosswalk import close, current, external_ids, link, members
from mappings.identity.edges import distinct, merge, pin, unmerge
from mappings.identity.errors import (
    CrosswalkStateError,
    DistinctError,
    PlaceholderError,
    ShapeRefusedError,
    UnknownShapeError,
)
from mappings.identity.mint import mint
from mappings.identity.modes import Entry, write
from mappings.identity.opening import known_or_minted
from mappings.identity.publishing import declare, try_shape
from mappings.identity.resolve import resolve, resolve_or_mint
from mappings.identity.shapes import Shape
from mappings.identity.words import Change, Current, Hint, Linked, Mode, Moved, Origin, Resolved, Want

__all__ = [
    "Change",
    "CrosswalkStateError",
    "Current",
    "DistinctError",
    "Entry",
    "Hint",
    "Linked",
    "Mode",
    "Moved",
    "Origin",
    "PlaceholderError",
    "Resolved",
    "Shape",
    "ShapeRefusedError",
    "UnknownShapeError",
    "Want",
    "close",
    "current",
    "declare",
    "distinct",
    "entered",
    "external_ids",
    "known_or_minted",
    "link",
    "members",
    "merge",
    "mint",
    "pin",
    "resolve",
    "resolve_or_mint",
    "try_shape",
    "unmerge",
    "write",
]
