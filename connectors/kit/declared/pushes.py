"""Records from stored pages and from pushed bodies: pure, total, in the declared shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.kit.declared.decoding import moment_of, rows_of, shaped_fields
from connectors.kit.declared.kinds import fields
from connectors.kit.declared.manifest import Manifest, Push, Stream
from connectors.kit.declared.paths import path
from connectors.kit.declared.predicates import every
from connectors.kit.shapes import ShapeError, shaped
from core.errors import InputError
from core.words import Json, Record


class Reader:
    """Reads the records of one stream; compiled once. What a push says of itself goes before what the stream says."""

    def __init__(self, name: str, spec: Stream, push: Push | None = None) -> None:
        self.name, self.push = name, push
        own = push or spec
        self._id = path(own.id or spec.id)
        self._id_place = own.id or spec.id
        self._at = own.at or spec.at
        version, actor = own.version or spec.version, own.actor or spec.actor
        self._version = path(version) if version else None
        self._actor = path(actor) if actor else None
        self._hint = path(spec.hint) if spec.hint else None
        deleted = own.deleted or spec.deleted
        self._deleted = every(deleted) if deleted else None
        self._specs = {**spec.fields, **(push.fields if push else {})}
        self._fields = fields(self._specs)
        self._when = every(push.when) if push is not None and push.when else None

    def record(self, row: Json, settings: Mapping[str, Any], place: int) -> Record:
        """Read one record, or say what is wrong with it."""
        whose = f"{self.name}, record {place}"
        if not isinstance(row, dict):
            raise ShapeError(f"{whose} is not an object.", why="A record is an object.", fix="Compare it with the manual.")
        external = self._id(row)
        if isinstance(external, bool) or not isinstance(external, str | int) or external == "":
            raise ShapeError(
                f"{whose} has no id.",
                why=f"There is no text or whole number at {self._id_place}.",
                fix="Compare it with the manifest.",
            )
        data = shaped(shaped_fields(row, self._specs, settings, whose), self._fields, whose)
        return Record(
            self.name,
            str(external),
            data,
            at=moment_of(self._at, row, settings, whose),
            version=_plain(self._version(row)) if self._version else None,
            actor=_plain(self._actor(row)) if self._actor else None,
            hint=_plain(self._hint(row)) if self._hint else None,
            deleted=self._deleted is not None and self._deleted(200, row, ""),
        )

    def pushed(self, body: Json, settings: Mapping[str, Any]) -> Iterator[Record] | None:
        """Return the records of a pushed body; None when it is not for this reader."""
        if self.push is None or (self._when is not None and not self._when(200, body, "")):
            return None
        rows = rows_of(body, self.push.records, self.push.decode, f"the pushed body ({self.name})")
        return (self.record(row, settings, place) for place, row in enumerate(rows))


class Readers:
    """Every reader of a manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._polled = {name: Reader(name, spec) for name, spec in manifest.streams.items()}
        self._pushed = [Reader(one.stream, manifest.streams[one.stream], one) for one in manifest.push]

    def page(self, stream: str, rows: list[Json], settings: Mapping[str, Any]) -> list[Record]:
        """Return the records of a stored page."""
        reader = self._polled[stream]
        return [reader.record(row, settings, place) for place, row in enumerate(rows)]

    def push(self, body: Json, settings: Mapping[str, Any]) -> list[Record]:
        """Return the records of a pushed body; a body that no rule of the manifest knows is named as such."""
        found = [one for reader in self._pushed if (one := reader.pushed(body, settings)) is not None]
        if not found:
            raise InputError(
                "The pushed body is none that this kind knows.",
                why="It fits no `when` of the manifest's `push`.",
                fix="Let the system send what the kind's page describes, or extend the manifest.",
            )
        return [record for several in found for record in several]


def _plain(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
