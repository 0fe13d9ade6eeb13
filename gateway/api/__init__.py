"""The API under /api/v1: one file per subject, and the one list of subjects."""

from __future__ import annotations

from gateway.api import (
    accounting,
    actions,
    arrivals,
    connectors,
    decisions,
    definitions,
    golden,
    identity,
    keys,
    kinds,
    lineage,
    matching,
    repairs,
    replay,
    reviews,
    snapshots,
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
    matching.subject,
    reviews.subject,
    golden.subject,
    definitions.subject,
    snapshots.subject,
    lineage.subject,
    repairs.subject,
    accounting.subject,
    keys.subject,
)
