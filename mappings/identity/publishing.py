"""
Publishing an id shape: it is run over every id that is known, and over ids that could come.

Refused where a known id does not fit, where two known ids would become one, and where the transform is a trap:
then the two ids that it would join are shown. A dry run tells the same without changing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import re2
from sqlalchemy import Connection, bindparam, select, text

from core.database import Database
from core.errors import TielineError
from core.tables import crosswalk, entity, id_misfit, id_shape
from core.words import Micros
from mappings.identity.check_digits import CHECKS
from mappings.identity.errors import ShapeRefusedError
from mappings.identity.normalisers import NORMALISERS, TRAPS, names_of, normalise
from mappings.identity.placeholders import own_words
from mappings.identity.shapes import Shape, compiled, norm

SHOWN = 20
"""Misfits and collisions that are shown; all are counted."""

_TRAP_EXAMPLE = "EC-20260215-8891"


class Collision(NamedTuple):
    """Two known ids that would become one, and the master IDs that they have."""

    one: str
    other: str
    becomes: str
    one_id: str
    other_id: str


class Misfit(NamedTuple):
    """A known id that the shape refuses, and why."""

    external_id: str
    why: str


@dataclass(slots=True)
class Trial:
    """What a shape would make of the ids that are known, and of ids that could come."""

    known: int = 0
    changed: dict[int, str] = field(default_factory=dict)
    """Crosswalk row -> its new normal form, where that changes."""
    misfits: list[Misfit] = field(default_factory=list)
    misfit_count: int = 0
    collisions: list[Collision] = field(default_factory=list)
    collision_count: int = 0
    trap: tuple[str, str, str] | None = None
    """Two ids that are not the same, and what both would become."""

    @property
    def ok(self) -> bool:
        """Say whether the shape may be published."""
        return not (self.misfit_count or self.collision_count or self.trap)


def try_shape(conn: Connection, connector_id: int, etype: str, shape: Shape) -> Trial:
    """Run a shape over every known id and say what would become of them; writes nothing."""
    _check_words(shape)
    shape = Shape(shape.pattern, shape.normaliser, shape.check_digit, own_words(conn))
    trial, seen = Trial(), dict[str, tuple[str, str]]()
    rows = conn.execute(
        select(crosswalk.c.id, crosswalk.c.external_raw, crosswalk.c.external_norm, entity.c.gid)
        .join(entity, entity.c.id == crosswalk.c.home_id)
        .where(crosswalk.c.connector_id == connector_id, crosswalk.c.etype == etype, crosswalk.c.valid_to.is_(None))
        .order_by(crosswalk.c.id)
        .execution_options(yield_per=5000)
    )
    for row_id, raw, old, gid in rows:
        trial.known += 1
        try:
            new = norm(shape, etype, raw)
        except TielineError as error:
            trial.misfit_count += 1
            if trial.misfit_count <= SHOWN:
                trial.misfits.append(Misfit(raw, error.why))
            continue
        if new in seen:
            trial.collision_count += 1
            if trial.collision_count <= SHOWN:
                first = seen[new]
                trial.collisions.append(Collision(first[0], raw, new, first[1], gid))
            continue
        seen[new] = (raw, gid)
        if new != old:
            trial.changed[row_id] = new
    if set(names_of(shape.normaliser)) & TRAPS.keys():
        trial.trap = counter_example(shape, [raw for raw, _ in list(seen.values())[:200]])
    return trial


def declare(conn: Connection, db: Database, connector_id: int, etype: str, shape: Shape, made_by: str, now: Micros) -> int:
    """
    Declare the shape of ids, run over every id already known; return how many normal forms changed.

    Refused where a known id does not fit or where two known ids would become one. On PostgreSQL the
    table of shapes is locked until the end, so that no id is resolved by the old shape meanwhile.
    """
    _check_words(shape)
    if db.dialect == "postgresql":
        conn.execute(text("LOCK TABLE id_shape IN ACCESS EXCLUSIVE MODE"))
    trial = try_shape(conn, connector_id, etype, shape)
    _refuse(trial, shape, etype)
    # Two steps, because the normal forms of two ids may change places.
    here = crosswalk.c.id == bindparam("row_id")
    if trial.changed:
        conn.execute(
            crosswalk.update().where(here).values(external_norm=bindparam("to")),
            [{"row_id": i, "to": f"\x01{i}"} for i in trial.changed],
        )
        conn.execute(
            crosswalk.update().where(here).values(external_norm=bindparam("to")),
            [{"row_id": i, "to": to} for i, to in trial.changed.items()],
        )
    mine = (id_shape.c.connector_id == connector_id) & (id_shape.c.etype == etype)
    conn.execute(id_shape.delete().where(mine))
    conn.execute(
        id_shape.insert().values(
            connector_id=connector_id, etype=etype, pattern=shape.pattern, normaliser=shape.normaliser,
            check_digit=shape.check_digit, made_by=made_by, made_at=now,
        )
    )  # fmt: skip
    conn.execute(id_misfit.delete().where(id_misfit.c.connector_id == connector_id, id_misfit.c.etype == etype))
    return len(trial.changed)


def counter_example(shape: Shape, known: Iterable[str]) -> tuple[str, str, str]:
    """
    Return two ids that are not the same and that a trap makes one: a known id and one that could come.

    >>> counter_example(Shape("[0-9]+", "digits"), ["EC-20260215-8891"])
    ('EC-20260215-8891', 'EC-2026021-58891', '202602158891')
    """
    for raw in (*sorted(known, key=len, reverse=True), _TRAP_EXAMPLE):
        becomes = normalise(raw, shape.normaliser)
        for other in _neighbours(raw):
            if normalise(other, shape.normaliser) == becomes:
                return raw, other, becomes
    raise AssertionError("a trap joins at least the example with its neighbour")


def _neighbours(raw: str) -> Iterator[str]:
    """Yield ids that a person or a system could write and that are not this one: a part ends earlier, another first letter."""
    for place in (found.start() for found in reversed(list(re.finditer(r"(?<=[0-9A-Za-z]{2})[^0-9A-Za-z](?=[0-9])", raw)))):
        yield raw[: place - 1] + raw[place] + raw[place - 1] + raw[place + 1 :]
    if letters := re.match(r"[A-Za-z]", raw):
        yield ("K" if letters[0].upper() != "K" else "E") + raw[1:]
    yield f"{raw}-T"


def _refuse(trial: Trial, shape: Shape, etype: str) -> None:
    """Raise what keeps a shape from being published, the pairs in the facts."""
    if trial.trap is not None:
        one, other, becomes = trial.trap
        raise ShapeRefusedError(
            f"The ids {one!r} and {other!r} of {etype} would become one.",
            why=f"The transform {shape.normaliser} makes {becomes!r} of both; they are not the same thing.",
            fix="Describe the whole id by a pattern, and look it up in the crosswalk as it is.",
            counter_example=[one, other, becomes],
            collisions=[one._asdict() for one in trial.collisions],
        )
    if trial.misfit_count:
        first = trial.misfits[0]
        raise ShapeRefusedError(
            f"The known id {first.external_id!r} of {etype} does not fit the new shape.",
            why=f"{first.why} {trial.misfit_count} of {trial.known} known ids do not fit.",
            fix="Widen the shape, or close that id first.",
            misfits=[one.external_id for one in trial.misfits],
        )
    if trial.collision_count:
        first_pair = trial.collisions[0]
        raise ShapeRefusedError(
            f"The known ids {first_pair.one!r} and {first_pair.other!r} of {etype} would become one.",
            why=f"The normaliser {shape.normaliser} makes {first_pair.becomes!r} of both; {trial.collision_count} such pairs.",
            fix="Fold less. If they are the same thing, merge their master IDs instead.",
            collisions=[one._asdict() for one in trial.collisions],
        )


def _check_words(shape: Shape) -> None:
    if shape.pattern is None:
        raise ShapeRefusedError(
            "The shape has no pattern.", why="A shape says what an id looks like.", fix="Write a pattern: [0-9]+"
        )
    for word, known, what in (
        *((name, NORMALISERS | TRAPS, "normaliser") for name in names_of(shape.normaliser)),
        *(((shape.check_digit, CHECKS, "check digit"),) if shape.check_digit else ()),
    ):
        if word not in known:
            raise ShapeRefusedError(
                f"There is no {what} {word!r}.",
                why=f"The list is closed: {', '.join(sorted(known.keys() - TRAPS.keys()))}.",
                fix="Use one of these names.",
            )
    try:
        compiled(shape.pattern)
    except re2.error as error:
        raise ShapeRefusedError(
            f"The pattern {shape.pattern} cannot be read.",
            why=f"{error} (patterns are RE2: no look-around, no back-references).",
            fix="Correct the pattern.",
        ) from error
