"""
Database errors that pass by themselves: another writer was in the way, the server went away, the disk is full.

Whoever meets one has done nothing wrong, and neither has the row at hand: the work is done again later. A
row is never ended because of one.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

TRIES = 5
PAUSE_S = 0.05
_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOMEM")
_TOO_LARGE = "54"
"""PostgreSQL's class of errors of a row that is too large for its index: that row stays so."""

T = TypeVar("T")
log = logging.getLogger("tieline.engine")


def passes(error: BaseException) -> bool:
    """Say whether the same work may go well a moment later: a deadlock, a lock, a lost connection, a full disk."""
    if isinstance(error, (PoolTimeoutError, InterfaceError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    original: Any = error.orig
    name = getattr(original, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(_SQLITE)
    return not str(getattr(original, "sqlstate", None) or "").startswith(_TOO_LARGE)


def until_passed(work: Callable[[], T], *, tries: int = TRIES, pause: Callable[[float], None] = time.sleep) -> T:
    """Do it, and again after a short wait while only a passing error is in the way; the last one is raised."""
    for n in range(1, tries):
        try:
            return work()
        except DBAPIError as error:
            if not passes(error):
                raise
            log.info("The database is asked again (%s of %s): %s", n, tries, error.orig)
            pause(PAUSE_S * 2**n * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
    return work()
