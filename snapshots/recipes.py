"""The stored versions of recipes: the live one by name, any one by its id."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from core.definitions import near
from core.errors import NotFoundError
from core.tables import definition, definition_version
from snapshots.specs import RecipeSpec


@dataclass(frozen=True, slots=True)
class Recipe:
    """One version of a recipe."""

    version_id: int
    n: int
    spec: RecipeSpec


_VERSIONS = (
    select(definition_version.c.id, definition_version.c.n, definition_version.c.spec, definition.c.name)
    .join(definition, definition.c.id == definition_version.c.definition_id)
    .where(definition.c.kind == "recipe")
)


def live_recipe(conn: Connection, name: str) -> Recipe:
    """Return the live version of a recipe, or say which there are."""
    live = _VERSIONS.where(definition_version.c.state == "live")
    row = conn.execute(live.where(definition.c.name == name)).one_or_none()
    if row is not None:
        return Recipe(row.id, row.n, RecipeSpec.model_validate({"name": name, **row.spec}))
    known = sorted(one.name for one in conn.execute(live))
    guess = near(name, known)
    raise NotFoundError(
        f"There is no live recipe {name!r}.",
        why=f"Live: {', '.join(known) or 'none'}." + (f" Did you mean {guess!r}?" if guess else ""),
        fix="Use one of these, or publish it.",
    )


def version(conn: Connection, version_id: int) -> Recipe:
    """Return the version that a snapshot was asked by, whatever is live now."""
    row = conn.execute(_VERSIONS.where(definition_version.c.id == version_id)).one()
    return Recipe(row.id, row.n, RecipeSpec.model_validate({"name": row.name, **row.spec}))
