"""
One definition's way: draft -> tested -> live -> retired.

A draft may be wrong; it becomes tested when its form, what it refers to, its laws and its cases hold beside what is
live, and so does everything live beside it. Publishing checks all of that again in its own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.database import Database
from core.definitions import Problem, Version, mark_tested, previous, publish, save_version, version, versions
from core.errors import ConflictError, DefinitionError, NotFoundError
from core.words import Json
from gateway.authoring import landscape, ways
from gateway.authoring.applied import draw_again
from gateway.authoring.landscape import PACK, Checked, Key
from mappings.cases import Tried, run
from mappings.models import MappingSpec, read
from mappings.specs import compiled


@dataclass(frozen=True, slots=True)
class Tested:
    """What testing a version showed: its problems, those it would cause elsewhere, and each of its cases."""

    version: Version
    problems: list[tuple[Key, Problem]]
    cases: list[Tried]

    @property
    def ok(self) -> bool:
        """Say whether it may be published."""
        return not self.problems


def save_draft(db: Database, spec: Mapping[str, Json], *, author: str) -> Version:
    """Keep a definition as a draft, whatever is wrong with it; the same document again is the version that it already is."""
    with db.write() as conn:
        return save_version(conn, str(spec["kind"]), str(spec["name"]), spec, author=author, now=db.now(conn))


def check_version(db: Database, kind: str, name: str, n: int | None = None) -> Tested:
    """Test a version (the newest if none is named); a draft that passes is tested from then on."""
    with db.write() as conn:
        chosen = _chosen(conn, kind, name, n)
        around = _around(conn, chosen)
        found = _tested(conn, chosen, around)
        if found.ok:
            mark_tested(conn, chosen.version_id)
        return Tested(version(conn, chosen.version_id), found.problems, found.cases)


def publish_version(db: Database, kind: str, name: str, n: int | None = None) -> Version:
    """Make a version live (the newest if none is named); refused unless it fits what is live and its cases pass."""
    with db.write() as conn:
        chosen = _chosen(conn, kind, name, n)
        if chosen.state == "live":
            raise ConflictError(
                f"Version {chosen.n} of the {kind} {name} is live already.",
                why="There is nothing to publish.",
                fix="None needed.",
            )
        return _make_live(db, conn, chosen)


def rollback(db: Database, kind: str, name: str, *, n: int | None = None) -> Version:
    """Make an earlier version live again (the one before, or number ``n``), if it fits what is live around it."""
    with db.write() as conn:
        return _make_live(db, conn, previous(conn, kind, name, n))


def _make_live(db: Database, conn: Connection, chosen: Version) -> Version:
    around = _around(conn, chosen)
    found = _tested(conn, chosen, around)
    if not found.ok:
        told = [f"{kind} {name} at {one.path}: {one.what} {one.fix}" for (kind, name), one in found.problems]
        raise DefinitionError(
            f"Version {chosen.n} of the {chosen.kind} {chosen.name} cannot be live: it does not fit what is live,"
            " or its cases fail.",
            why=" ".join(told[:5]) + (f" And {len(told) - 5} more." if len(told) > 5 else ""),
            fix="Correct it, or first roll back or change what it needs.",
            problems=[{"kind": kind, "name": name, "path": one.path, "what": one.what, "fix": one.fix}
                      for (kind, name), one in found.problems],
        )  # fmt: skip
    now = db.now(conn)
    mine = (chosen.kind, chosen.name)
    mark_tested(conn, chosen.version_id)
    live = landscape.live_versions(conn)
    publish(conn, chosen.version_id, edges=around[mine].edges if mine in around else [], now=now)
    if chosen.kind == "mapping":
        ways.keep(conn, chosen.version_id, ways.tried(chosen.spec, landscape.live_catalogue(conn)))
    others = {one.version_id: around[key].edges for key, one in live.items() if key in around and key != mine}
    draw_again(conn, others, now)
    return version(conn, chosen.version_id)


def _chosen(conn: Connection, kind: str, name: str, n: int | None) -> Version:
    known = versions(conn, kind, name)
    if not known:
        raise NotFoundError(f"There is no {kind} {name!r}.", why="It was never written.", fix="See `tieline versions`.")
    for one in known:
        if n in (None, one.n):
            return one
    listed = ", ".join(f"{one.n} ({one.state})" for one in known)
    raise NotFoundError(f"The {kind} {name!r} has no version {n}.", why=f"Versions: {listed}.", fix="Name one of these.")


def _around(conn: Connection, chosen: Version) -> dict[Key, Checked]:
    """Check the landscape as it would be with this version in it."""
    specs: dict[Key, Any] = {key: one.spec for key, one in landscape.live_versions(conn).items()}
    return landscape.check(specs | {(chosen.kind, chosen.name): chosen.spec}, landscape.registered(conn))


def _tested(conn: Connection, chosen: Version, around: Mapping[Key, Checked]) -> Tested:
    problems = [(key, one) for key, checked in around.items() for one in checked.problems if key[0] != PACK]
    return Tested(chosen, problems, _cases(conn, chosen) if chosen.kind == "mapping" else [])


def _cases(conn: Connection, chosen: Version) -> list[Tried]:
    model = read("mapping", dict(chosen.spec))
    if not isinstance(model, MappingSpec):
        return []
    mapping = compiled(model, landscape.live_catalogue(conn))
    return [] if isinstance(mapping, list) else run(model, mapping)
