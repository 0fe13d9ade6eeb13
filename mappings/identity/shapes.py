"""
The shape that the ids of one entity have in one connector: pattern, normaliser, check digit.

An id is refused before it can link when it is a placeholder or has another shape than was declared.
Where nothing is declared, white space at the ends is cut and anything but a placeholder is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2
from sqlalchemy import BigInteger, Connection, Text, bindparam, cast, null, select

from core import jsons
from core.errors import InputError
from core.tables import id_placeholder, id_shape
from mappings.identity.check_digits import CHECKS
from mappings.identity.errors import PlaceholderError, UnknownShapeError
from mappings.identity.normalisers import DEFAULT, names_of, normalise
from mappings.identity.placeholders import is_placeholder

LONGEST = 512
"""Characters an external id may have."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A declared (or the default) shape."""

    pattern: str | None = None
    normaliser: str = DEFAULT
    check_digit: str | None = None
    placeholders: frozenset[str] = frozenset()
    """The words for "no id" that were added to the built-in ones."""

    @property
    def counted(self) -> bool:
        """Say whether a machine counts these ids, so that 999999 is a number."""
        return "counted" in names_of(self.normaliser)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Return the RE2 pattern, compiled once."""
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
    if is_placeholder(external_id, counted=shape.counted, own=shape.placeholders):
        raise PlaceholderError(
            f"{external_id!r} is not the id of a {etype}: it stands for no id.",
            why="Linking by a placeholder would make one thing of all that carry it.",
            fix="Give it an id in its source; where a machine counts ids, declare their shape with the normaliser 'counted'.",
            etype=etype,
            external_id=external_id,
        )
    folded = normalise(external_id, shape.normaliser)
    if shape.pattern is not None and not compiled(shape.pattern).fullmatch(folded):
        raise _unknown(shape, etype, external_id, f"It does not match the declared pattern {shape.pattern}.")
    if shape.check_digit is not None and not CHECKS[shape.check_digit](folded):
        raise _unknown(shape, etype, external_id, f"Its check digit ({shape.check_digit}) is wrong.")
    return folded


@dataclass(frozen=True, slots=True)
class Declared:
    """The shapes and placeholders of a batch, read once."""

    shapes: Mapping[tuple[int, str], Shape]
    placeholders: frozenset[str]

    def of(self, connector_id: int, etype: str, *, counted: bool = False) -> Shape:
        """Return the declared shape, or the default one (``counted``: of ids that a machine counts)."""
        found = self.shapes.get((connector_id, etype))
        return found if found is not None else _default(self.placeholders, counted)


@lru_cache(maxsize=16)
def _default(placeholders: frozenset[str], counted: bool) -> Shape:
    return Shape(normaliser=f"{DEFAULT}+counted" if counted else DEFAULT, placeholders=placeholders)


def load(conn: Connection, connector_ids: Iterable[int]) -> Declared:
    """Return what is declared for these connectors."""
    rows = conn.execute(_LOAD, {"ids": sorted(set(connector_ids))}).all()
    own = frozenset(row[1] for row in rows if row[0] is None)
    return Declared({(row[0], row[1]): Shape(row[2], row[3], row[4], own) for row in rows if row[0] is not None}, own)


# One statement for both: it stands before every look-up.
_LOAD = (
    select(id_shape.c.connector_id, id_shape.c.etype, id_shape.c.pattern, id_shape.c.normaliser, id_shape.c.check_digit)
    .where(id_shape.c.connector_id.in_(bindparam("ids", expanding=True)))
    .union_all(select(cast(null(), BigInteger), id_placeholder.c.word, *(cast(null(), Text) for _ in range(3))))
)


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
