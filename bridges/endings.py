"""Credentials that will end are told before they do: a repair at fourteen, seven and one day, and when they are over."""

from __future__ import annotations

from datetime import UTC, date, datetime

from bridges.registered import Registered
from core.clock import SECOND
from core.database import Database
from core.errors import SetupError
from core.repairs import close_repair, open_keys, open_repair
from core.words import Micros

STAGES = (-1, 0, 1, 7, 14)
"""Days before the end at which somebody is told; the first: it is over."""

SETTING = "credentials_end"
"""The setting that says on which day they end; every declared kind has it."""


class CredentialsEndError(SetupError):
    """Credentials that end soon, by what was said when they were entered."""

    code = "credentials-end"
    title, title_zh = "Credentials end soon", "凭据即将到期"


def days_left(day: str, now: Micros) -> int | None:
    """
    Return how many days are left; None where it is no day.

    >>> days_left("2026-01-15", 1_767_225_600_000_000)
    14
    """
    try:
        return (date.fromisoformat(day) - datetime.fromtimestamp(now // SECOND, UTC).date()).days
    except ValueError:
        return None


def warn_of_endings(db: Database, registered: Registered) -> int:
    """Open a repair for every connector whose credentials end soon, once a stage; close it when a later day was set."""
    rows = [row for row in registered.all() if row.settings.get(SETTING)]
    with db.read() as conn:
        now, told = db.now(conn), open_keys(conn, "ending:")
    wanted: dict[str, CredentialsEndError] = {}
    for row in rows:
        left = days_left(str(row.settings[SETTING]), now)
        stage = next((one for one in STAGES if left is not None and left <= one), None)
        if stage is not None:
            wanted[f"ending:{row.name}:{stage}"] = _ending(row.name, left or 0)
    if told == wanted.keys():
        return 0
    with db.write() as conn:
        now = db.now(conn)
        for key in told - wanted.keys():
            close_repair(conn, key, now=now)
        for key in wanted.keys() - told:
            open_repair(conn, key, wanted[key], connector=key.split(":")[1], now=now)
    return len(wanted.keys() - told)


def _ending(name: str, left: int) -> CredentialsEndError:
    when = "have ended" if left < 0 else "end today" if left == 0 else f"end in {left} day{'s' * (left > 1)}"
    return CredentialsEndError(
        f"The credentials of {name} {when}.",
        why=f"Its setting {SETTING} says so.",
        fix=f"Make new ones over there, then `tieline connectors set {name}` with them and the day they end.",
    )
