"""Any version of a mapping, ready to run beside what is live: for explaining, comparing and trying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.definitions import Catalogue, live, unknown
from core.definitions import versions as versions_of
from core.errors import DefinitionError, NotFoundError
from mappings.models import MappingSpec, read
from mappings.specs import compiled
from mappings.translate import Mapping as Compiled


@dataclass(frozen=True, slots=True)
class Ready:
    """A mapping that can run, and which version it is (None: one that is not stored)."""

    n: int | None
    mapping: Compiled

    @property
    def spec(self) -> MappingSpec:
        """Return what its author wrote."""
        return self.mapping.spec


def ready(conn: Connection, name: str, n: int | None = None) -> Ready:
    """Return a version of a mapping, the live one if none is named, compiled against the live entities and tables."""
    known = versions_of(conn, "mapping", name)
    if not known:
        missing = unknown("", "mapping", name, (one.name for one in live(conn, "mapping")))
        raise NotFoundError(missing.what, why="It was never written.", fix=missing.fix)
    for one in known:
        if one.n == n or (n is None and one.state == "live"):
            return ready_spec(conn, one.spec, n=one.n, version_id=one.version_id)
    which = "live version" if n is None else f"version {n}"
    listed = ", ".join(f"{one.n} ({one.state})" for one in known)
    raise NotFoundError(f"The mapping {name!r} has no {which}.", why=f"Versions: {listed}.", fix="Name one of these versions.")


def ready_spec(conn: Connection, spec: Mapping[str, Any], *, n: int | None = None, version_id: int | None = None) -> Ready:
    """Return a mapping as somebody wrote it, compiled against the live entities and tables; refused with every fault."""
    model = read("mapping", dict(spec))
    around = Catalogue(
        entities={one.name: one.spec for one in live(conn, "entity")},
        tables={one.name: one.spec for one in live(conn, "code_table")},
    )
    made = compiled(model, around) if isinstance(model, MappingSpec) else model
    if not isinstance(made, Compiled):
        faults = list(made) if isinstance(made, list) else []
        raise DefinitionError(
            f"The mapping {spec.get('name', '')!r} cannot be used.",
            why=" ".join(f"{one.path}: {one.what}" for one in faults),
            fix=faults[0].fix if faults else "Correct it.",
            problems=[{"path": one.path, "what": one.what, "fix": one.fix} for one in faults],
        )
    assert isinstance(model, MappingSpec), "what compiles has the form of a mapping"
    return Ready(n, made)
