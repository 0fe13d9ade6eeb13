"""Who is it? Master IDs that are never re-used and never deleted; see docs/why/identity.md."""

from mappings.identity.crosswalk import close, current, external_ids, link, members
from mappings.identity.edges import distinct, merge, pin, unmerge
from mappings.identity.errors import DistinctError, PlaceholderError, ShapeRefusedError, UnknownShapeError
from mappings.identity.mint import mint
from mappings.identity.resolve import resolve, resolve_or_mint
from mappings.identity.shapes import Shape, declare
from mappings.identity.words import Change, Current, Hint, Linked, Moved, Origin, Resolved, Want

__all__ = [
    "Change",
    "Current",
    "DistinctError",
    "Hint",
    "Linked",
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
    "external_ids",
    "link",
    "members",
    "merge",
    "mint",
    "pin",
    "resolve",
    "resolve_or_mint",
    "unmerge",
]
