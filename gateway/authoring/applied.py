"""Making a plan true: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.database import Database
from core.definitions import Edge, Version, generation, mark_tested, publish, retire, save_version, version
from core.errors import ConflictError, DefinitionError
from core.repairs import close_repair
from gateway.authoring import landscape, ways
from gateway.authoring.plans import Plan
from lineage import edges as drawn_edges


@dataclass(frozen=True, slots=True)
class Applied:
    """What became live and what was removed, and the generation that came of it."""

    generation: int
    published: tuple[Version, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "generation": self.generation,
            "published": [{"kind": one.kind, "name": one.name, "version": one.n} for one in self.published],
            "removed": [{"kind": kind, "name": name} for kind, name in self.removed],
        }


def apply(db: Database, plan: Plan, author: str) -> Applied:
    """Publish what is new or changed and retire what is removed; refused when there is any problem, or somebody was faster."""
    if not plan.ok:
        raise _refusal(plan)
    with db.write() as conn:
        if generation(conn) != plan.generation:
            why = "Somebody published since the plan was made, so it may no longer be true."
            raise ConflictError("The plan is out of date.", why=why, fix="Plan again, look, and apply.")
        now = db.now(conn)
        published = []
        for item in plan.items:
            if item.state in ("new", "changed"):
                made = save_version(conn, item.kind, item.name, item.spec, author=author, now=now, pack=plan.pack or None)
                mark_tested(conn, made.version_id)
                publish(conn, made.version_id, edges=item.edges, now=now)
                ways.keep(conn, made.version_id, item.ways)
                if item.kind == "code_table":
                    close_repair(conn, f"word:{item.name}", now=now)  # the steward has decided; what still lacks asks again
                published.append(made.version_id)
        removed = [(item.kind, item.name) for item in plan.items if item.state == "removed"]
        for kind, name in removed:
            retire(conn, kind, name, now=now)
        if published or removed:
            live = landscape.live_versions(conn)
            same = {live[item.kind, item.name].version_id: item.edges for item in plan.items if item.state == "unchanged"}
            draw_again(conn, plan.redrawn | same, now)
        return Applied(generation(conn), tuple(version(conn, one) for one in published), tuple(removed))


def draw_again(conn: Connection, wanted: Mapping[int, list[Edge]], now: int) -> None:
    """Publish versions again whose edges changed because something they read did."""
    for version_id, edges in wanted.items():
        if drawn_edges.of_version(conn, version_id) != set(edges):
            publish(conn, version_id, edges=edges, now=now)


def _refusal(plan: Plan) -> DefinitionError:
    found = plan.problems
    what = "There is one problem" if len(found) == 1 else f"There are {len(found)} problems"
    return DefinitionError(
        f"{what} in the pack {plan.pack!r}; nothing was published.",
        why=" ".join(str(one) for one in found[:3]) + (f" And {len(found) - 3} more." if len(found) > 3 else ""),
        fix="Correct them and plan again.",
        problems=[one.as_dict() for one in found],
    )
