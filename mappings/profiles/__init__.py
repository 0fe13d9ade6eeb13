"""What each stream really sends, path by path; where it comes otherwise than before, that is a drift."""

from mappings.profiles.errors import DriftError
from mappings.profiles.judging import LEARNED, Change, Known, Window, judge
from mappings.profiles.store import ModeOf, accept, contracts, flush
from mappings.profiles.tree import Tree, deviation

__all__ = [
    "LEARNED",
    "Change",
    "DriftError",
    "Known",
    "ModeOf",
    "Tree",
    "Window",
    "accept",
    "contracts",
    "deviation",
    "flush",
    "judge",
]
