"""
What applying a pack would change, and why it may not: every definition new, changed, unchanged or removed.

Definitions are checked against the landscape as it would be afterwards, and so are the live ones outside of the
pack: an entity that loses a field breaks the bridge that reads it, whoever wrote that bridge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from core import jsons
from core.database import Database
from core.definitions import KINDS, Catalogue, Edge, Problem, Version, generation
from core.words import Json
from gateway.authoring import landscape, ways
from gateway.authoring.landscape import PACK, Checked, Key
from gateway.authoring.packs import Authored, Fault, Pack
from mappings.reverse import FieldWay
from mappings.specs import named_tables

STATES = ("new", "changed", "unchanged", "removed")


@dataclass(frozen=True, slots=True)
class Change:
    """One place in a definition that differs; None stands for absent."""

    path: str
    before: Json
    after: Json


@dataclass(slots=True)
class Item:
    """One definition in a plan: its state is one of STATES, ``edges`` are what it will draw."""

    kind: str
    name: str
    state: str
    file: str = ""
    line: int = 0
    changes: list[Change] = field(default_factory=list)
    problems: list[Fault] = field(default_factory=list)
    spec: dict[str, Json] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    ways: list[FieldWay] = field(default_factory=list)
    """Of a mapping: which fields can be written back."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, without the document itself."""
        told = {name: getattr(self, name) for name in ("kind", "name", "state", "file", "line")}
        told["changes"] = [{"path": one.path, "before": one.before, "after": one.after} for one in self.changes]
        told["one_way"] = [one.as_dict() for one in self.ways if one.way == "one-way" or one.accepted]
        return told | {"problems": [one.as_dict() for one in self.problems]}


@dataclass(slots=True)
class Plan:
    """What would change; true for one generation of live definitions."""

    pack: str
    generation: int
    items: list[Item] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    """What cannot be read, and live definitions outside of the pack that would break."""
    notices: list[str] = field(default_factory=list)
    redrawn: dict[int, list[Edge]] = field(default_factory=dict)
    """Version id -> edges of live definitions that stay as they are but may read something that changes."""

    @property
    def problems(self) -> list[Fault]:
        """Everything that keeps the plan from being applied."""
        return [*self.faults, *(one for item in self.items for one in item.problems)]

    @property
    def ok(self) -> bool:
        """Whether it can be applied."""
        return not self.problems

    def counts(self) -> dict[str, int]:
        """Return how many definitions are new, changed, unchanged and removed."""
        return {state: sum(item.state == state for item in self.items) for state in STATES}

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON for the API and ``--json``."""
        return {
            "pack": self.pack,
            "generation": self.generation,
            "ok": self.ok,
            "counts": self.counts(),
            "items": [item.as_dict() for item in self.items],
            "problems": [one.as_dict() for one in self.problems],
            "notices": self.notices,
        }


def plan(db: Database, pack: Pack, kinds: Mapping[str, Any] | None = None, *, prune: bool = False) -> Plan:
    """
    Compare a pack with what is live. ``kinds`` (connector name -> kind) are the registered connectors when left out.

    With ``prune``, definitions of this pack that stand in none of its files any more are removed.
    """
    with db.read() as conn:
        return _plan(conn, pack, kinds, prune=prune)


def _plan(conn: Connection, pack: Pack, kinds: Mapping[str, Any] | None, *, prune: bool) -> Plan:
    before = landscape.live_versions(conn)
    known = landscape.registered(conn) if kinds is None else kinds
    made = Plan(pack.name, generation(conn), faults=list(pack.faults))
    written: dict[Key, Authored] = {}
    for one in sorted(pack.definitions, key=lambda one: (KINDS.index(one.kind), one.name)):
        written[one.kind, one.name] = one
    if pack.header is not None:
        written[PACK, pack.name] = pack.header
    gone = [key for key, one in before.items() if one.pack == pack.name and key not in written] if pack.name else []
    after = {key: one.spec for key, one in before.items() if not (prune and key in gone)}
    after |= {key: one.spec for key, one in written.items()}
    checked = landscape.check(after, known)
    made.items = [_item(one, before.get(key), checked.get(key, Checked())) for key, one in written.items()]
    if prune:
        made.items += [Item(kind, name, "removed") for kind, name in gone]
    elif gone:
        names = ", ".join(f"{kind} {name}" for kind, name in gone)
        made.notices.append(f"No longer in the files, still live: {names}. Apply with prune to remove them.")
    if any(item.state != "unchanged" for item in made.items):
        _check_others(made, {key: one for key, one in before.items() if key in checked and key not in written}, checked)
    _check_connectors(made, pack, known)
    _try_ways(made, landscape.catalogue(after, known))
    return made


def _try_ways(made: Plan, catalogue: Catalogue) -> None:
    """Try the laws of every mapping that would be published, and of those whose code tables change; say what fails."""
    changed = {item.name for item in made.items if item.kind == "code_table" and item.state != "unchanged"}
    for item in made.items:
        if item.kind == "mapping" and item.state in ("new", "changed") and not item.problems:
            item.ways = ways.tried(item.spec, catalogue)
            made.notices += ways.told(item.name, item.ways)
    known = {item.name for item in made.items if item.ways}
    for name, spec in catalogue.mappings.items():
        if changed and name not in known and changed & set(named_tables(spec)):
            made.notices += ways.told(name, ways.tried(spec, catalogue))


def _item(one: Authored, known: Version | None, checked: Checked) -> Item:
    item = Item(one.kind, one.name, "new", one.document.file, one.document.line, spec=one.spec, edges=checked.edges)
    if known is not None:
        item.changes = list(differences(known.spec, one.spec))
        item.state = "unchanged" if known.sha256 == jsons.sha256(one.spec) else "changed"
    item.problems = [one.fault(problem) for problem in checked.problems]
    return item


def _check_others(made: Plan, others: Mapping[Key, Version], checked: Mapping[Key, Checked]) -> None:
    """Find live definitions that would break, or draw other edges than before."""
    for (kind, name), one in others.items():
        where = f"live version {one.n} (pack {one.pack})" if one.pack else f"live version {one.n}"
        for problem in checked[kind, name].problems:
            what = f"It would break: {problem.what}"
            made.faults.append(Fault(where, 1, kind, name, problem.path, what, problem.fix))
        if not checked[kind, name].problems:
            made.redrawn[one.version_id] = checked[kind, name].edges


def _check_connectors(made: Plan, pack: Pack, known: Mapping[str, Any]) -> None:
    for name, kind in pack.connectors.items():
        if name not in known:
            made.notices.append(f"The connector {name!r} ({kind}) is not registered yet.")
        elif known[name].name != kind and pack.header is not None:
            what = f"The registered connector {name!r} is of kind {known[name].name}, not {kind}."
            fix = "Register another connector under this name, or use another name in the pack."
            made.faults.append(pack.header.fault(Problem(f"connectors.{name}", what, fix)))


def differences(before: Json, after: Json, path: str = "") -> Iterator[Change]:
    """
    Yield every place where two documents differ.

    >>> list(differences({"a": {"b": 1}, "c": [1]}, {"a": {"b": 2}, "c": [1, 2]}))
    [Change(path='a.b', before=1, after=2), Change(path='c.1', before=None, after=2)]
    """
    prefix = f"{path}." if path else ""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            if key in before and key in after:
                yield from differences(before[key], after[key], prefix + key)
            else:
                yield Change(prefix + key, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for i in range(max(len(before), len(after))):
            if i < len(before) and i < len(after):
                yield from differences(before[i], after[i], f"{prefix}{i}")
            else:
                yield Change(f"{prefix}{i}", before[i] if i < len(before) else None, after[i] if i < len(after) else None)
    elif before != after or type(before) is not type(after):
        yield Change(path, before, after)
