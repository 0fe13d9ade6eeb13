"""Definitions: what is live, every version there was, and how a pack becomes live."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Literal

import orjson
from pydantic import Field

from core import definitions as store
from core.errors import ConflictError, NotFoundError
from gateway import authoring
from gateway.operations import Call, Subject
from gateway.refusals import ValidationError
from gateway.shapes import Answer, Body, Number, Query, Time, moment, time

subject = Subject("definitions", "Entities, mappings, formulas, bridges, recipes, code tables and their versions")

Kind = Literal["entity", "code_table", "mapping", "formula", "recipe", "bridge"]


State = Literal["draft", "tested", "live", "retired"]
STATES: dict[str, State] = {"draft": "draft", "tested": "tested", "live": "live", "retired": "retired"}


class Definition(Answer):
    """The live version of one definition."""

    kind: str
    name: str
    version: int
    pack: str | None
    published_at: Time | None


class Definitions(Answer):
    """Everything that is live, and the generation it makes."""

    generation: int
    items: list[Definition]


class Version(Answer):
    """One immutable version, as its author wrote it."""

    kind: str
    name: str
    version: int
    state: State
    sha256: str
    pack: str | None
    author: str
    created_at: Time
    published_at: Time | None
    retired_at: Time | None
    spec: dict[str, Any]


class Versions(Answer):
    """Every version of one definition, the newest first."""

    items: list[Version]


class Pack(Body):
    """A pack: its files as text (YAML), or its header and documents as JSON, or both."""

    files: dict[str, str] = Field({}, description="file name -> YAML text; pack.yaml is the header")
    header: dict[str, Any] | None = Field(None, description="what pack.yaml would hold: name, title, connectors")
    definitions: list[dict[str, Any]] = Field([], max_length=1000, description="documents with kind and name")
    prune: bool = Field(False, description="definitions of this pack that it holds no more are removed")


class PackToApply(Pack):
    """A pack to be made live."""

    generation: int | None = Field(None, ge=0, description="of the plan that was looked at; another one is refused")


class DefinitionFault(Answer):
    """What keeps a definition from becoming live, and where it stands."""

    file: str
    line: int
    kind: str
    name: str
    path: str
    what: str
    fix: str


class DefinitionChange(Answer):
    """One place that differs."""

    path: str
    before: Any
    after: Any


class WayOfField(Answer):
    """Whether a field of a mapping can be written back, and the counterexample of the law that fails."""

    field: str
    way: Literal["two-way", "one-way"]
    law: Literal["", "GetPut", "PutGet"]
    why: str
    example: dict[str, Any] | None
    accepted: bool = Field(description="its author says `reverse: always`")


class PlanItem(Answer):
    """One definition of a plan."""

    kind: str
    name: str
    state: Literal["new", "changed", "unchanged", "removed"]
    file: str
    line: int
    changes: list[DefinitionChange]
    one_way: list[WayOfField] = Field(description="of a mapping: fields that cannot be written back, or only with a loss")
    problems: list[DefinitionFault]


class Plan(Answer):
    """What applying would change, and why it may not."""

    pack: str
    generation: int
    ok: bool
    counts: dict[str, int]
    items: list[PlanItem]
    problems: list[DefinitionFault]
    notices: list[str]


class AppliedItem(Answer):
    """What became live."""

    kind: str
    name: str
    version: int


class RemovedItem(Answer):
    """What was removed."""

    kind: str
    name: str


class Applied(Answer):
    """What became of a pack, and the generation that came of it."""

    generation: int
    published: list[AppliedItem]
    removed: list[RemovedItem]


class Back(Body):
    """Which version shall be live again; left out: the one before."""

    version: int | None = Field(None, ge=1)


class OfKind(Query):
    """Which definitions."""

    kind: Kind | None = None
    pack: str | None = None


class OneVersion(Query):
    """Which version; left out: the live one."""

    version: Number | None = None


@subject.get("/definitions")
def list_definitions(call: Call, query: OfKind) -> Definitions:
    """List what is live."""
    with call.parts.db.read() as conn:
        found = [one for kind in store.KINDS if query.kind in (None, kind) for one in store.live(conn, kind)]
        generation = store.generation(conn)
    items = [
        Definition(kind=one.kind, name=one.name, version=one.n, pack=one.pack, published_at=time(one.published_at))
        for one in found
        if query.pack in (None, one.pack)
    ]
    return Definitions(generation=generation, items=items)


@subject.get("/definitions/<kind>/<name>")
def get_definition(call: Call, kind: str, name: str, query: OneVersion) -> Version:
    """Show a version of a definition, the live one if none is named."""
    for one in versions_of(call, kind, name):
        if one.n == query.version or (query.version is None and one.state == "live"):
            return shown(one)
    which = f"version {query.version}" if query.version else "live version"
    raise NotFoundError(
        f"The {kind} {name!r} has no {which}.",
        why="It was retired, or never published.",
        fix=f"See its versions: GET /api/v1/definitions/{kind}/{name}/versions.",
    )


@subject.get("/definitions/<kind>/<name>/versions")
def list_versions(call: Call, kind: str, name: str) -> Versions:
    """List every version of a definition, the newest first."""
    return Versions(items=[shown(one) for one in versions_of(call, kind, name)])


@subject.post("/definitions/plan", scope="read")
def plan_pack(call: Call, body: Pack) -> Plan:
    """Say what applying a pack would change; every problem with its place and, where there is one, the near name."""
    return Plan.model_validate(_plan(call, body).as_dict())


@subject.post("/definitions/apply", scope="definitions:write", also=(409,))
def apply_pack(call: Call, body: PackToApply) -> Applied:
    """Make a pack live: all of it in one transaction, or nothing."""
    made = _plan(call, body)
    if body.generation is not None and body.generation != made.generation:
        raise ConflictError(
            "The plan is out of date.",
            why=f"It was made for generation {body.generation}; live is {made.generation}.",
            fix="Plan again, look, and apply.",
        )
    return Applied.model_validate(authoring.apply(call.parts.db, made, call.caller.name).as_dict())


@subject.post("/definitions/<kind>/<name>/rollback", scope="definitions:write", also=(409,))
def rollback_definition(call: Call, kind: str, name: str, body: Back) -> Version:
    """Make an earlier version live again, if it fits what is live around it."""
    versions_of(call, kind, name)
    return shown(authoring.rollback(call.parts.db, kind, name, n=body.version))


def _plan(call: Call, pack: Pack) -> authoring.Plan:
    files = [(_file_name(name), text.encode()) for name, text in pack.files.items()]
    if pack.header is not None:
        files.append(("pack.yaml", orjson.dumps(pack.header)))
    files += [(f"definitions/{n}", orjson.dumps(one)) for n, one in enumerate(pack.definitions)]
    return authoring.plan(call.parts.db, authoring.read(files), prune=pack.prune)


def _file_name(name: str) -> str:
    """Return the last part of a name that somebody sent: it is shown, and never opened."""
    return PurePosixPath(name).name[:100] or "unnamed"


def versions_of(call: Call, kind: str, name: str, *, must_exist: bool = True) -> list[store.Version]:
    """Return every version of a definition, the newest first; a kind that is none, or a name that nothing has, is refused."""
    if kind not in store.KINDS:
        known = ", ".join(store.KINDS)
        raise ValidationError("path", [{"path": "kind", "what": f"there is no kind of definition {kind!r}; known: {known}"}])
    with call.parts.db.read() as conn:
        found = store.versions(conn, kind, name)
    if not found and must_exist:
        raise NotFoundError(f"There is no {kind} {name!r}.", why="It was never written.", fix="See GET /api/v1/definitions.")
    return found


def shown(one: store.Version) -> Version:
    """Return a version as it is answered."""
    return Version(
        kind=one.kind,
        name=one.name,
        version=one.n,
        state=STATES[one.state],
        sha256=one.sha256,
        pack=one.pack,
        author=one.author,
        created_at=moment(one.created_at),
        published_at=time(one.published_at),
        retired_at=time(one.retired_at),
        spec=one.spec,
    )
