"""Definitions as files: load a folder, plan what would change, apply it, export it again."""

from gateway.authoring.applied import Applied, apply, rollback
from gateway.authoring.exported import export
from gateway.authoring.packs import Fault, Pack, load, read
from gateway.authoring.plans import Change, Item, Plan, plan
from gateway.authoring.rows import Imported, import_rows
from gateway.authoring.ways import kept as ways

__all__ = [
    "Applied",
    "Change",
    "Fault",
    "Imported",
    "Item",
    "Pack",
    "Plan",
    "apply",
    "export",
    "import_rows",
    "load",
    "plan",
    "read",
    "rollback",
    "ways",
]
