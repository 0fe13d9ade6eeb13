"""
The shape that the ids of one entity have in one connector: pattern, normaliser, check digit.

An id is refused before it can link when it is a placeholder or has another shape than was declared.
Where nothing is declared, white space at the ends is cut and anything but a placeholder is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2
from sqlalchemy import Connection, bindparam, select, text

from core import jsons
from core.database import Database
from core.errors import InputError, TielineError
from core.tables import crosswalk, id_shape
from core.words import Micros
from mappings.identity.check_digits import CHECKS
from mappings.identity.errors import PlaceholderError, ShapeRefusedError, UnknownShapeError
from mappings.identity.normalisers import DEFAULT, NORMALISERS, is_placeholder, names_of, normalise

LONGEST = 512
"""Characters an external id may have."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A declared (or the default) shape."""

    pattern: str | None = None
    normaliser: str = DEFAULT
    check_digit: str | None = None

    @property
    def counted(self) -> bool:
        """Say whether a machine counts these ids, so that 999999 is a number."""
        return "counted" in names_of(self.normaliser)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def norm(shape: Shape, etype: str, external_id: str) -> str:
    """Return the normal form of an id, or refuse it: not text, a placeholder, or of another shape."""
    if not isinstance(external_id, str) or len(external_id) > LONGEST or not _printable(external_id):
        raise InputError(
            f"An id of {etype} cannot be used: {_shown(external_id)}.",
            why=f"An id is text of at most {LONGEST} characters without control characters.",
            fix="Correct the mapping, or the record in the source.",
            etype=etype,
        )
    if is_placeholder(external_id, counted=shape.counted):
        raise PlaceholderError(
            f"{external_id!r} is not the id of a {etype}: it stands for no id.",
            why="Linking by a placeholder would make one thing of all that carry it.",
            fix="Give it an id in its source; where a machine counts ids, declare their shape with the normaliser 'counted'.",
            etype=etype,
            external_id=external_id,
        )
    folded = normalise(external_id, shape.normaliser)
    if shape.pattern is not None and not _compiled(shape.pattern).fullmatch(folded):
        raise _unknown(shape, etype, external_id, f"It does not match the declared pattern {shape.pattern}.")
    if shape.check_digit is not None and not CHECKS[shape.check_digit](folded):
        raise _unknown(shape, etype, external_id, f"Its check digit ({shape.check_digit}) is wrong.")
    return folded


def load(conn: Connection, connector_ids: Iterable[int]) -> dict[tuple[int, str], Shape]:
    """Return the declared shapes of these connectors by (connector, etype)."""
    rows = conn.execute(
        select(
            id_shape.c.connector_id, id_shape.c.etype, id_shape.c.pattern, id_shape.c.normaliser, id_shape.c.check_digit
        ).where(id_shape.c.connector_id.in_(sorted(set(connector_ids))))
    )
    return {(row[0], row[1]): Shape(row[2], row[3], row[4]) for row in rows}


def declare(conn: Connection, db: Database, connector_id: int, etype: str, shape: Shape, made_by: str, now: Micros) -> int:
    """
    Declare the shape of ids, run over every id already known; return how many normal forms changed.

    Refused where a known id does not fit or where two known ids would become one. On PostgreSQL the
    table of shapes is locked until the end, so that no id is resolved by the old shape meanwhile.
    """
    if shape.pattern is None:
        raise ShapeRefusedError(
            "The shape has no pattern.", why="A shape says what an id looks like.", fix="Write a pattern: [0-9]+"
        )
    _check_words(shape)
    if db.dialect == "postgresql":
        conn.execute(text("LOCK TABLE id_shape IN ACCESS EXCLUSIVE MODE"))
    changed = _changed(conn, connector_id, etype, shape)
    # Two steps, because the normal forms of two ids may change places.
    here = crosswalk.c.id == bindparam("row_id")
    if changed:
        conn.execute(
            crosswalk.update().where(here).values(external_norm=bindparam("to")),
            [{"row_id": i, "to": f"\x01{i}"} for i in changed],
        )
        conn.execute(
            crosswalk.update().where(here).values(external_norm=bindparam("to")),
            [{"row_id": i, "to": to} for i, to in changed.items()],
        )
    mine = (id_shape.c.connector_id == connector_id) & (id_shape.c.etype == etype)
    conn.execute(id_shape.delete().where(mine))
    conn.execute(
        id_shape.insert().values(
            connector_id=connector_id, etype=etype, pattern=shape.pattern, normaliser=shape.normaliser,
            check_digit=shape.check_digit, made_by=made_by, made_at=now,
        )
    )  # fmt: skip
    return len(changed)


def _check_words(shape: Shape) -> None:
    for word, known, what in (
        *((name, NORMALISERS, "normaliser") for name in names_of(shape.normaliser)),
        *(((shape.check_digit, CHECKS, "check digit"),) if shape.check_digit else ()),
    ):
        if word not in known:
            raise ShapeRefusedError(
                f"There is no {what} {word!r}.",
                why=f"The list is closed: {', '.join(sorted(known))}.",
                fix="Use one of these names.",
            )
    try:
        _compiled(str(shape.pattern))
    except re2.error as error:
        raise ShapeRefusedError(
            f"The pattern {shape.pattern} cannot be read.",
            why=f"{error} (patterns are RE2: no look-around, no back-references).",
            fix="Correct the pattern.",
        ) from error


def _changed(conn: Connection, connector_id: int, etype: str, shape: Shape) -> dict[int, str]:
    """Return the rows whose normal form the new shape changes; refuse misfits and collisions."""
    rows = conn.execute(
        select(crosswalk.c.id, crosswalk.c.external_raw, crosswalk.c.external_norm).where(
            crosswalk.c.connector_id == connector_id, crosswalk.c.etype == etype, crosswalk.c.valid_to.is_(None)
        )
    ).all()
    seen: dict[str, str] = {}
    changed: dict[int, str] = {}
    for row_id, raw, old in rows:
        try:
            new = norm(shape, etype, raw)
        except TielineError as error:
            raise ShapeRefusedError(
                f"The known id {raw!r} of {etype} does not fit the new shape.",
                why=error.why,
                fix="Widen the shape, or close that id first.",
            ) from error
        if new in seen:
            raise ShapeRefusedError(
                f"The known ids {seen[new]!r} and {raw!r} of {etype} would become one.",
                why=f"The normaliser {shape.normaliser} makes {new!r} of both.",
                fix="Fold less. If they are the same thing, merge their master IDs instead.",
            )
        seen[new] = raw
        if new != old:
            changed[row_id] = new
    return changed


def _printable(external_id: str) -> bool:
    if external_id.isascii() and external_id.isprintable():
        return True
    try:
        external_id.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(char) < 32 or ord(char) == 127 for char in external_id.strip())


def _shown(external_id: object) -> str:
    return jsons.dumps(ascii(external_id)[:80])


def _unknown(shape: Shape, etype: str, external_id: str, why: str) -> UnknownShapeError:
    return UnknownShapeError(
        f"{external_id!r} does not look like the id of a {etype}.",
        why=why,
        fix="Find out what changed in the source; if the new form is right, declare it, then replay.",
        etype=etype,
        external_id=external_id,
        pattern=shape.pattern,
    )
