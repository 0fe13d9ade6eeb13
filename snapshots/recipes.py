"""Recipes as they are stored: the live one by name, any version by its id."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.definitions import Version, live, near, version
from core.errors import NotFoundError
from snapshots.specs import RecipeSpec


@dataclass(frozen=True, slots=True)
class Recipe:
    """One version of a recipe."""

    version_id: int
    n: int
    spec: RecipeSpec


def live_recipe(conn: Connection, name: str) -> Recipe:
    """Return the live version of a recipe, or say which there are."""
    known = {one.name: one for one in live(conn, "recipe")}
    if name in known:
        return _read(known[name])
    guess = near(name, known)
    raise NotFoundError(
        f"There is no live recipe {name!r}.",
        why=f"Live: {', '.join(known) or 'none'}." + (f" Did you mean {guess!r}?" if guess else ""),
        fix="Use one of these, or publish it.",
    )


def recipe_version(conn: Connection, version_id: int) -> Recipe:
    """Return the version that a snapshot was asked by, whatever is live now."""
    return _read(version(conn, version_id))


def _read(one: Version) -> Recipe:
    return Recipe(one.version_id, one.n, RecipeSpec.model_validate({"name": one.name, **one.spec}))
