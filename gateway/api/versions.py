"""One definition's way: kept as a draft, tested, compared with another version, published."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from core import definitions as store
from gateway import authoring
from gateway.api.definitions import Version, shown, versions_of
from gateway.authoring.packs import NAME
from gateway.operations import Call, Subject
from gateway.refusals import ValidationError
from gateway.shapes import Answer, Body, Number, Query

subject = Subject("versions", "One definition's way: draft, tested, live, retired")


class Draft(Body):
    """A definition as its author wrote it; it may still be wrong."""

    spec: dict[str, Any] = Field(description="the document, with its kind and name")


class OfVersion(Body):
    """Which version is meant; left out: the newest."""

    version: int | None = Field(None, ge=1)


class Between(Query):
    """Which two versions; left out: the live one, and the newest."""

    before: Number | None = None
    after: Number | None = None


class Difference(Answer):
    """One difference, as a sentence in both languages."""

    field: str | None
    path: str
    before: Any
    after: Any
    en: str
    zh: str


class Differences(Answer):
    """What differs between two versions."""

    kind: str
    name: str
    before: int
    after: int
    items: list[Difference]


class TestProblem(Answer):
    """What keeps a version from being published, in this definition or in one beside it."""

    kind: str
    name: str
    path: str
    what: str
    fix: str


class CaseFault(Answer):
    """What a case expects and does not get."""

    path: str
    what: str
    fix: str


class TriedCase(Answer):
    """One case and whether it passes."""

    case: str
    passes: bool
    problems: list[CaseFault]


class TestReport(Answer):
    """What testing a version showed; `state` is its state now."""

    kind: str
    name: str
    version: int
    state: str
    ok: bool
    problems: list[TestProblem]
    cases: list[TriedCase]


@subject.post("/definitions/<kind>/<name>/drafts", scope="definitions:write", status=201)
def save_draft(call: Call, kind: str, name: str, body: Draft) -> Version:
    """
    Keep a definition as a draft; nothing becomes live.

    The same document again is the version that it already is.
    """
    versions_of(call, kind, name, must_exist=False)
    if not NAME.fullmatch(name):
        raise ValidationError("path", [{"path": "name", "what": "write small ASCII letters, digits, - and _, a letter first"}])
    if (body.spec.get("kind", kind), body.spec.get("name", name)) != (kind, name):
        raise ValidationError("body", [{"path": "spec", "what": f"is not the {kind} {name!r} that the address names"}])
    spec = {"kind": kind, "name": name, **body.spec}
    return shown(authoring.save_draft(call.parts.db, spec, author=call.caller.name))


@subject.get("/definitions/<kind>/<name>/diff")
def diff_versions(call: Call, kind: str, name: str, query: Between) -> Differences:
    """Say what differs between two versions, in sentences of both languages."""
    known = versions_of(call, kind, name)
    live = next((one for one in known if one.state == "live"), known[-1])
    before = _picked(known, query.before, live, "before")
    after = _picked(known, query.after, known[0], "after")
    items = [
        Difference(field=one.field, path=one.path, before=one.before, after=one.after, en=one.en, zh=one.zh)
        for one in authoring.told(before.spec, after.spec)
    ]
    return Differences(kind=kind, name=name, before=before.n, after=after.n, items=items)


@subject.post("/definitions/<kind>/<name>/test", scope="definitions:write")
def test_version(call: Call, kind: str, name: str, body: OfVersion) -> TestReport:
    """
    Check a version and run its cases beside what is live; a draft that passes is tested from then on.

    Problems of other definitions that it would break are listed as well.
    """
    versions_of(call, kind, name)
    found = authoring.check_version(call.parts.db, kind, name, body.version)
    problems = [
        TestProblem(kind=one_kind, name=one_name, path=one.path, what=one.what, fix=one.fix)
        for (one_kind, one_name), one in found.problems
    ]
    return TestReport(
        kind=kind,
        name=name,
        version=found.version.n,
        state=found.version.state,
        ok=found.ok,
        problems=problems,
        cases=[TriedCase.model_validate(one.as_dict()) for one in found.cases],
    )


@subject.post("/definitions/<kind>/<name>/publish", scope="definitions:write", also=(409,))
def publish_version(call: Call, kind: str, name: str, body: OfVersion) -> Version:
    """Make a version live; refused unless it fits what is live around it and its cases pass."""
    versions_of(call, kind, name)
    return shown(authoring.publish_version(call.parts.db, kind, name, body.version))


def _picked(known: list[store.Version], n: int | None, default: store.Version, path: str) -> store.Version:
    if n is None:
        return default
    found = next((one for one in known if one.n == n), None)
    if found is None:
        listed = ", ".join(str(one.n) for one in known)
        raise ValidationError("query", [{"path": path, "what": f"there is no version {n}; there are {listed}"}])
    return found
