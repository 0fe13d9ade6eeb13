"""The API under /api/v1: one file per subject, and the one list of subjects."""

from __future__ import annotations

from gateway.api import (
    accounting,
    actions,
    arrivals,
    connectors,
    decisions,
    definitions,
    drafting,
    drift,
    identity,
    keys,
    kinds,
    lineage,
    mappings,
    repairs,
    replay,
    snapshots,
    versions,
)
from gateway.operations import Subject

SUBJECTS: tuple[Subject, ...] = (
    connectors.subject,
    kinds.subject,
    arrivals.subject,
    decisions.subject,
    actions.subject,
    replay.subject,
    identity.subject,
    definitions.subject,
    versions.subject,
    mappings.subject,
    drafting.subject,
    drift.subject,
    snapshots.subject,
    lineage.subject,
    repairs.subject,
    accounting.subject,
    keys.subject,
)
