"""
Every table of Tieline as SQLAlchemy Core, one file per subject; one MetaData for migrations.

Times are BIGINT microseconds UTC, JSON is text (``JsonText``), states are the words of ``core.words.State``.
"""

from core.tables.access import api_key
from core.tables.archive import archive, archive_count, archive_id, remembered
from core.tables.bridges import action, attempt, decision, written
from core.tables.connectors import connector, repair, stream
from core.tables.definitions import definition, definition_version
from core.tables.drift import drift, profile
from core.tables.identity import crosswalk, entity, id_sequence, id_shape, identity_edge
from core.tables.inbox import conflict, delivery, event, intake, lane, refusal
from core.tables.lineage import lineage_edge, lineage_version
from core.tables.metadata import metadata
from core.tables.snapshots import facet, snapshot
from core.tables.values import observation, value

__all__ = [
    "action",
    "api_key",
    "archive",
    "archive_count",
    "archive_id",
    "attempt",
    "conflict",
    "connector",
    "crosswalk",
    "decision",
    "definition",
    "definition_version",
    "delivery",
    "drift",
    "entity",
    "event",
    "facet",
    "id_sequence",
    "id_shape",
    "identity_edge",
    "intake",
    "lane",
    "lineage_edge",
    "lineage_version",
    "metadata",
    "observation",
    "profile",
    "refusal",
    "remembered",
    "repair",
    "snapshot",
    "stream",
    "value",
    "written",
]
