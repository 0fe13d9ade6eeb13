"""Definitions as files: load a folder, plan what would change, apply it, export it again."""

from gateway.authoring.applied import Applied, apply
from gateway.authoring.exported import export
from gateway.authoring.packs import Fault, Pack, load, read
from gateway.authoring.plans import Change, Item, Plan, plan
from gateway.authoring.readable import Told, told
from gateway.authoring.rows import Imported, import_rows
from gateway.authoring.versions import Tested, check_version, publish_version, rollback, save_draft
from gateway.authoring.ways import kept as ways

__all__ = [
    "Applied",
    "Change",
    "Fault",
    "Imported",
    "Item",
    "Pack",
    "Plan",
    "Tested",
    "Told",
    "apply",
    "check_version",
    "export",
    "import_rows",
    "load",
    "plan",
    "publish_version",
    "read",
    "rollback",
    "save_draft",
    "told",
    "ways",
]
