"""The secrets of a connector's door: kept with its other secrets, several at once while one is rotated."""

from __future__ import annotations

from bridges.registered import ConnectorRow

NAME = "door.secret"
"""A name that no settings model can have, so that it never meets a kind's own secret."""


def door_secrets(row: ConnectorRow) -> dict[str, list[str]]:
    """Return the door's secrets in the form that ``connectors.kit.webhooks`` takes; the newest first."""
    return {"secret": row.secrets.get(NAME, "").split("\n")}


def with_new(secrets: dict[str, str], secret: str, *, keep_old: bool) -> dict[str, str]:
    """Return the secrets with a new one for the door, beside the newest old one if both are to open it."""
    old = secrets.get(NAME, "").split("\n")[0]
    return {**secrets, NAME: f"{secret}\n{old}" if keep_old and old else secret}
