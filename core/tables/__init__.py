"""
Every table of Tieline as SQLAlchemy Core, one file per subject; one MetaData for migrations.

Times are BIGINT microseconds UTC, JSON is text (``JsonText``), states are the words of ``core.words.State``.
"""

from core.tables.access import api_key
from core.tables.archive import archive, archive_count, archive_id, remembered
from core.tables.bridges import action, attempt, attempt_count, decision, spent, written
from core.tables.connectors import connector, repair, stream
from core.tables.definitions import definition, definition_version
from core.tables.drift import drift, profile
from core.tables.identity import (
    crosswalk,
    entity,
    id_misfit,
    id_placeholder,
    id_sequence,
    id_shape,
    identity_edge,
    identity_event,
)
from core.tables.inbox import conflict, delivery, event, intake, lane, refusal
from core.tables.lineage import lineage_edge, lineage_version
from core.tables.matching import match_key, match_record, review, review_decision, value_pin
from core.tables.metadata import metadata
from core.tables.snapshots import facet, late_facet, snapshot
from core.tables.tokens import token
from core.tables.translate import field_way, word_use
from core.tables.values import observation, value

__all__ = [
    "action",
    "api_key",
    "archive",
    "archive_count",
    "archive_id",
    "attempt",
    "attempt_count",
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
    "field_way",
    "id_misfit",
    "id_placeholder",
    "id_sequence",
    "id_shape",
    "identity_edge",
    "identity_event",
    "intake",
    "lane",
    "late_facet",
    "lineage_edge",
    "lineage_version",
    "match_key",
    "match_record",
    "metadata",
    "observation",
    "profile",
    "refusal",
    "remembered",
    "repair",
    "review",
    "review_decision",
    "snapshot",
    "spent",
    "stream",
    "token",
    "value",
    "value_pin",
    "word_use",
    "written",
]
