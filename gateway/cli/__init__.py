"""
The command line `tieline`: the same verbs as the API, on the machine where Tieline's rows are.

Commands are loaded when they are called, so that `tieline --help` answers at once. What ends well
ends with 0; ``gateway.cli.exits`` says what every other number means.
"""

from __future__ import annotations

from gateway.cli.speech import LazyGroup

main = LazyGroup(
    "tieline",
    en="Connect the systems around a work order: nothing dropped, nothing silent, everything explained.",
    zh="连接工单周边的各个系统：不丢失、不沉默、一切可解释。",
    parts={
        "serve": "running:serve",
        "worker": "running:worker",
        "beat": "running:beat",
        "migrate": "running:migrate",
        "plan": "definitions:plan",
        "apply": "definitions:apply",
        "export": "definitions:export",
        "rollback": "definitions:rollback",
        "kinds": "kinds:kinds",
        "tables": "codes:tables",
        "reverse": "codes:reverse",
        "versions": "versions:versions",
        "mappings": "mappings:mappings",
        "drift": "drift:drift",
        "connectors": "trying:connectors",
        "ids": "ids:ids",
        "reviews": "reviews:reviews",
        "events": "events:events",
        "actions": "actions:actions",
        "explain": "why:explain",
        "replay": "why:replay",
        "snapshots": "snapshots:snapshots",
        "repairs": "repairs:repairs",
        "keys": "keys:keys",
        "doctor": "doctor:doctor",
        "retention": "keeping:retention",
        "backup": "keeping:backup",
        "restore": "keeping:restore",
    },
)

__all__ = ["main"]
