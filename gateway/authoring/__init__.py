"""Definitions as files: load a folder, plan what would change, apply it, export it again."""

from gateway.authoring.applied import Applied, apply, rollback
from gateway.authoring.exported import export
from gateway.authoring.packs import Fault, Pack, load, read
from gateway.authoring.plans import Change, Item, Plan, plan

__all__ = ["Applied", "Change", "Fault", "Item", "Pack", "Plan", "apply", "export", "load", "plan", "read", "rollback"]
