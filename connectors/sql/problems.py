"""The one table that turns what a database or its driver says into our four families."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import exc

from connectors.kit.redact import Redactor
from core.errors import (
    CredentialsError,
    InputError,
    PermissionDeniedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
    UnreachableError,
)

_WORDS = 500


class StatementError(SetupError):
    """The database does not understand a question: a table, a column or a word of it is not there."""

    code = "statement"
    title, title_zh = "The database does not understand the question", "数据库无法理解该语句"


class ReadOnlyError(SetupError):
    """A question tried to write, or the database is read-only."""

    code = "read-only"
    title, title_zh = "This connection may only read", "此连接只读"


_FIX = {
    CredentialsError: "Correct user and password; see whether the user may log in from here.",
    PermissionDeniedError: "Grant the connector's user SELECT (or what the write needs) on what the statement names.",
    StatementError: "Correct the question; the names are those of the database.",
    ReadOnlyError: "Write by the act `write` only; a question never writes.",
    SetupError: "Correct the database in url.",
    RefusedError: "Change what is sent, or the database's rules; then retry.",
    UnreachableError: "See whether it runs, and whether host and port in url lead to it. It is tried again.",
    TransientError: "None needed: it is tried again.",
}

_STATES: tuple[tuple[str, type[TielineError]], ...] = (
    ("28", CredentialsError),
    ("42501", PermissionDeniedError),
    ("25006", ReadOnlyError),
    ("3D", SetupError),
    ("42", StatementError),
    ("0A", StatementError),
    ("08", UnreachableError),
    ("22", RefusedError),
    ("23", RefusedError),
    ("44", RefusedError),
    ("P0", RefusedError),
    ("40", TransientError),
    ("53", TransientError),
    ("55", TransientError),
    ("57", TransientError),
    ("58", TransientError),
)
"""SQLSTATE, or what it begins with (PostgreSQL and others that keep the standard)."""

_NUMBERS: dict[int, type[TielineError]] = {
    **dict.fromkeys((1045, 1698, 1820, 1862, 3118, 4151), CredentialsError),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), PermissionDeniedError),
    **dict.fromkeys((1290, 1792, 1836), ReadOnlyError),
    **dict.fromkeys((1054, 1064, 1109, 1146, 1305, 1051), StatementError),
    1049: SetupError,
    **dict.fromkeys((1040, 1053, 1203, 1205, 1213, 1226, 1317, 1969, 3024), TransientError),
    **dict.fromkeys((2002, 2003, 2006, 2013, 2014, 2055), UnreachableError),
}
"""Error numbers of MySQL and MariaDB; all others below 2000 are refusals."""

_TEXTS: tuple[tuple[str, type[TielineError]], ...] = (
    (
        r"password authentication failed|no pg_hba|not permitted to log in|role .* does not exist|Access denied",
        CredentialsError,
    ),
    (r"database .* does not exist|Unknown database", SetupError),
    (r"readonly database|read-only", ReadOnlyError),
    (r"is locked|interrupted|starting up|shutting down|too many clients|timeout|timed out", TransientError),
    (r"no such (table|column|function)|syntax error|incomplete input|unrecognized token", StatementError),
)
"""What drivers say that give no code."""


def translated(error: Exception, system: str, redact: Redactor) -> TielineError:
    """Return our error for one that SQLAlchemy or a driver raised."""
    cause: Any = getattr(error, "orig", None) or error
    said = redact(" ".join(str(cause).split()))[:_WORDS]
    family = _family(error, cause, said)
    what = {
        CredentialsError: f"{system} does not accept our credentials.",
        PermissionDeniedError: f"{system} knows us, but does not let us do this.",
        StatementError: f"{system} does not understand the statement.",
        ReadOnlyError: f"{system} lets us only read here.",
        SetupError: f"{system} cannot be used as it is set up.",
        RefusedError: f"{system} refused.",
        UnreachableError: f"{system} cannot be reached.",
        InputError: f"{system} cannot take these parameters.",
    }.get(family, f"{system} cannot serve us now.")
    why = f"{type(cause).__name__}: {said}"
    return family(what, why=why, fix=_FIX.get(family, "Give every parameter that the statement names."), foreign=said)


def _family(error: Exception, cause: Any, said: str) -> type[TielineError]:
    if isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError):
        return InputError  # a parameter is missing, or of a type that cannot be bound
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        for begins, family in _STATES:
            if state.startswith(begins):
                return family
    number = cause.args[0] if getattr(cause, "args", None) else None
    if isinstance(number, int) and not isinstance(cause, OSError):
        return _NUMBERS.get(number, RefusedError if number < 2000 else UnreachableError)
    return _by_text(said) or _by_class(error)


def _by_text(said: str) -> type[TielineError] | None:
    return next((family for pattern, family in _TEXTS if re.search(pattern, said, re.I)), None)


def _by_class(error: Exception) -> type[TielineError]:
    if isinstance(error, exc.IntegrityError | exc.DataError):
        return RefusedError
    if isinstance(error, exc.ProgrammingError | exc.CompileError | exc.NotSupportedError):
        return StatementError
    return UnreachableError if isinstance(error, exc.OperationalError | exc.InterfaceError | OSError) else TransientError
