"""
An operation of the API is a typed function: its annotations are the request, the answer and the document.

``body`` and ``query`` parameters are pydantic models, ``upload`` is a file, everything else comes from the path; the
return type is what is answered (a ``Download``: a file). ``gateway.openapi`` reads the same objects, so the document cannot
say anything else than what runs.
"""

from __future__ import annotations

import inspect
import shutil
import tempfile
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pydantic
from flask import Blueprint, Response, request
from pydantic import BaseModel

from core import strict
from gateway.auth import Caller, authenticate
from gateway.languages import language_of
from gateway.parts import Parts
from gateway.refusals import UnsupportedMediaError, ValidationError

Run = TypeVar("Run", bound=Callable[..., Any])

UPLOAD = 64 << 20
"""Bytes of a file that is sent to the API; the command line reads files of any size."""

COMMON = (400, 401, 403, 422, 503)
"""The refusals any operation may answer with."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an operation: the parts, who is calling, and in which language."""

    parts: Parts
    caller: Caller
    language: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is answered piece by piece."""

    name: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path."""

    subject: str
    method: str
    path: str
    run: Callable[..., Any]
    scope: str
    status: int
    also: tuple[int, ...]
    summary: str
    details: str
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answer: Any
    variables: tuple[str, ...]
    upload: bool = False

    @property
    def name(self) -> str:
        """The operationId: what a generated client calls it, and the name of the function itself."""
        return self.run.__name__

    @property
    def refusals(self) -> tuple[int, ...]:
        """Every status below which a problem document may come."""
        extra = (413, 415) if self.body or self.upload else ()
        return tuple(sorted({*COMMON, *self.also, *extra}))


@dataclass(slots=True)
class Subject:
    """The operations of one subject of the API: one file, one blueprint."""

    name: str
    title: str
    operations: list[Operation] = field(default_factory=list)

    def get(self, path: str, **more: Any) -> Callable[[Run], Run]:
        """Declare a read."""
        return self._declare("GET", path, scope=more.pop("scope", "read"), **more)

    def post(self, path: str, *, scope: str, **more: Any) -> Callable[[Run], Run]:
        """Declare a write."""
        return self._declare("POST", path, scope=scope, **more)

    def patch(self, path: str, *, scope: str, **more: Any) -> Callable[[Run], Run]:
        """Declare a change of some members."""
        return self._declare("PATCH", path, scope=scope, **more)

    def delete(self, path: str, *, scope: str, **more: Any) -> Callable[[Run], Run]:
        """Declare an end."""
        return self._declare("DELETE", path, scope=scope, **more)

    def _declare(
        self, method: str, path: str, *, scope: str, status: int = 200, also: tuple[int, ...] = ()
    ) -> Callable[[Run], Run]:
        def keep(run: Run) -> Run:
            self.operations.append(_operation(self.name, method, path, run, scope, status, also))
            return run

        return keep

    def blueprint(self, parts: Parts) -> Blueprint:
        """Return the Flask blueprint that serves these operations."""
        made = Blueprint(f"api_{self.name}", __name__, url_prefix="/api/v1")
        for operation in self.operations:
            made.add_url_rule(operation.path, operation.run.__name__, _view(parts, operation), methods=[operation.method])
        return made


def _operation(
    subject: str, method: str, path: str, run: Callable[..., Any], scope: str, status: int, also: tuple[int, ...]
) -> Operation:
    hints = typing.get_type_hints(run)
    variables = tuple(name for name in inspect.signature(run).parameters if name not in ("call", "body", "query", "upload"))
    summary, _, details = inspect.cleandoc(run.__doc__ or "").partition("\n\n")
    if variables and 404 not in also:
        also = (*also, 404)
    return Operation(
        subject,
        method,
        path,
        run,
        scope,
        status,
        also,
        " ".join(summary.split()),
        " ".join(details.split()),
        hints.get("body"),
        hints.get("query"),
        hints["return"],
        variables,
        "upload" in hints,
    )


def _view(parts: Parts, operation: Operation) -> Callable[..., Response]:
    def view(**variables: str) -> Response:
        caller = authenticate(parts.db, request.headers.get("Authorization"))
        caller.require(operation.scope)
        given: dict[str, Any] = dict(variables)
        if operation.query is not None:
            given["query"] = read_query(operation.query)
        elif request.args.keys() - {"lang"}:
            unknown = sorted(request.args.keys() - {"lang"})
            raise ValidationError("query", [{"path": name, "what": "no such parameter here"} for name in unknown])
        if operation.body is not None:
            given["body"] = read_body(operation.body)
        with received() if operation.upload else nullcontext() as file:
            if file is not None:
                given["upload"] = file
            answered = operation.run(Call(parts, caller, language_of(request)), **given)
        return respond(answered, operation.status)

    return view


@contextmanager
def received() -> Iterator[Path]:
    """Give the request's body as a file, which is gone afterwards."""
    if request.mimetype != "application/octet-stream":
        raise UnsupportedMediaError(
            f"The content type {request.mimetype or 'none'!r} is not read here.",
            why="A file is sent as it is.",
            fix="Send Content-Type: application/octet-stream.",
        )
    request.max_content_length = UPLOAD
    with tempfile.TemporaryDirectory(prefix="tieline-upload-") as folder:
        path = Path(folder) / "body"
        with path.open("wb") as out:
            shutil.copyfileobj(request.stream, out, 1 << 16)
        yield path


def read_query(model: type[BaseModel]) -> BaseModel:
    """Return the query as the model; a parameter that is unknown or came twice is refused by name."""
    asked: dict[str, str] = {}
    for name, values in request.args.lists():
        if name == "lang":
            continue
        if len(values) > 1:
            raise ValidationError("query", [{"path": name, "what": "came more than once"}])
        asked[name] = values[0]
    try:
        return model.model_validate(asked)
    except pydantic.ValidationError as error:
        raise ValidationError("query", faults_of(error)) from error


def read_body(model: type[BaseModel]) -> BaseModel:
    """Return the body as the model: strict JSON first (no NaN, no duplicate keys, bounded depth), then its form."""
    kind = request.mimetype
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaError(
            f"The content type {kind or 'none'!r} is not read here.",
            why="Bodies of the API are JSON.",
            fix="Send Content-Type: application/json.",
        )
    raw = request.get_data(cache=False)
    strict.read_json(raw)
    try:
        return model.model_validate_json(raw, strict=True)
    except pydantic.ValidationError as error:
        raise ValidationError("body", faults_of(error)) from error


def faults_of(error: pydantic.ValidationError) -> list[dict[str, Any]]:
    """Say each fault by its place; the value itself is never repeated, because it may be a secret."""
    return [
        {"path": ".".join(str(part) for part in fault["loc"]), "what": _sentence(fault["msg"]), "code": fault["type"]}
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def respond(answered: Any, status: int = 200) -> Response:
    """Write an answer: a model by pydantic, a file piece by piece, plain JSON by orjson."""
    if isinstance(answered, Download):
        file = Response(answered.pieces, status=status, content_type="application/octet-stream")
        file.headers["Content-Disposition"] = f'attachment; filename="{answered.name}"'
        file.headers["Cache-Control"] = "no-store"
        return file
    if isinstance(answered, BaseModel):
        raw = answered.model_dump_json().encode()
    else:
        raw = orjson.dumps(answered, option=orjson.OPT_NON_STR_KEYS)
    response = Response(raw, status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _sentence(text: str) -> str:
    """
    Return a fault as a sentence can hold it, without the checker's own word before it.

    >>> _sentence("Value error, must be a time"), _sentence("Field required")
    ('must be a time', 'field required')
    """
    text = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
