"""The API under /api/v1: one file per subject, and the one list of subjects."""

from __future__ import annotations

from gateway.api import (
    accounting,
    actions,
    arrivals,
    connectors,
    crosswalk,
    decisions,
    definitions,
    drafting,
    edges,
    id_shapes,
    identity,
    keys,
    kinds,
    lineage,
    mappings,
    repairs,
    replay,
    snapshots,
    tables,
    trying,
    versions,
)
from gateway.operations import Subject

SUBJECTS: tuple[Subject, ...] = (
    connectors.subject,
    trying.subject,
    kinds.subject,
    arrivals.subject,
    decisions.subject,
    actions.subject,
    replay.subject,
    identity.subject,
    crosswalk.subject,
    edges.subject,
    id_shapes.subject,
    definitions.subject,
    tables.subject,
    versions.subject,
    mappings.subject,
    drafting.subject,
    snapshots.subject,
    lineage.subject,
    repairs.subject,
    accounting.subject,
    keys.subject,
)
