"""Are these two one thing? Evidence from their fields, in points; see docs/why/matching.md."""

from mappings.matching.rule import Band, Evidence, Features, Reason, Rule, compile_rule
from mappings.matching.spec import MatchSpec

__all__ = ["Band", "Evidence", "Features", "MatchSpec", "Reason", "Rule", "compile_rule"]
