"""
What a definition is to every room: its problems, its lineage edges, and what it may refer to.

The versioned store (draft -> tested -> live -> retired) is ``core.versions``; its functions are
offered here as well, because everybody who authors definitions needs both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("entity", "code_table", "mapping", "formula", "recipe", "bridge")
"""The kinds of definitions, in the order in which they may refer to each other."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Why a definition cannot be published, and what its author can do.

    ``path`` is the place inside the definition (``fields.severity.steps.0``), ``line`` its line in the
    file where it was read from one.
    """

    path: str
    what: str
    fix: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """
    One arrow of field lineage: ``dst`` is made from (DIRECT) or decided by (INDIRECT) ``src``.

    Nodes: ``source:<kind>/<stream>/<path>``, ``field:<entity>.<field>``, ``bridge:<name>``,
    ``act:<connector>/<act>/<argument>``, ``lookup:<connector>/<lookup>/<field>``, ``facet:<recipe>/<facet>``.
    ``subtype``: IDENTITY, TRANSFORMATION, AGGREGATION (DIRECT); CONDITIONAL, JOIN (INDIRECT).
    """

    src: str
    dst: str
    kind: str
    subtype: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """
    What a definition may refer to while it is checked: the live definitions and those of the same pack.

    Specs are the plain objects as written. ``kinds`` maps a connector's name to its kind
    (``connectors.kit.contract.Kind``; this room may not know that class).
    """

    entities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kinds: Mapping[str, Any] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    formulas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mappings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def types(self, scope: Mapping[str, str]) -> dict[str, str]:
        """
        Return the flat names that an expression may use: ``{"alert.title": "string", …}``.

        >>> Catalogue(entities={"alert": {"fields": {"title": {"type": "string"}}}}).types({"a": "alert"})
        {'a.title': 'string'}
        """
        return {
            f"{alias}.{name}": str(spec.get("type", "string"))
            for alias, etype in scope.items()
            for name, spec in self.entities.get(etype, {}).get("fields", {}).items()
        }


def near(word: str, known: Iterable[str]) -> str | None:
    """
    Return the known word that is most like this one, if any is like it.

    >>> near("sevrity", ["severity", "title"])
    'severity'
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown(path: str, what: str, word: str, known: Iterable[str], *, line: int | None = None) -> Problem:
    """
    Say that a word is not known, which words are, and which one was probably meant.

    >>> unknown("of", "entity", "alrt", ["alert", "device"])
    Problem(path='of', what="There is no entity 'alrt'.", fix="Did you mean 'alert'? Known: alert, device.", line=None)
    """
    words = sorted(known)
    guess = near(word, words)
    listed = ", ".join(words[:20]) + (f" and {len(words) - 20} more" if len(words) > 20 else "")
    fix = (f"Did you mean {guess!r}? " if guess else "") + (f"Known: {listed}." if words else "None is known here.")
    return Problem(path, f"There is no {what} {word!r}.", fix, line)
