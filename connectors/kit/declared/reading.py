"""A manifest's text becomes a Manifest, or an error that names file, line, place, the known words and the near one."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from connectors.kit.declared import names
from connectors.kit.declared.manifest import Manifest
from core.errors import DefinitionError, MalformedError
from core.strict import Document, read_yaml
from core.words import Json

MAX_BYTES = 512 * 1024
"""No manifest of anybody weighs this much."""


def read_manifest(text: str, file: str) -> Manifest:
    """Read and check one manifest; every fault is named at once, with its line."""
    if len(text.encode()) > MAX_BYTES:
        raise _invalid(file, [f"{file}: it weighs more than {MAX_BYTES // 1024} KiB"])
    try:
        documents = read_yaml(text, file)
    except MalformedError as error:
        raise _invalid(file, [f"{error.what} {error.why}"]) from None
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise _invalid(file, [f"{file}:1: one manifest stands in a file, as an object"])
    document = documents[0]
    manifest = _validated(document.value, document)
    found = [_told(document, place, what) for place, what in names.faults(manifest)]
    if manifest.variants is not None and not found:
        for word in manifest.variants.cases:
            found += [f"{one} (variant {word})" for one in _variant_faults(manifest, document, word)]
    if found:
        raise _invalid(file, found)
    return manifest


def read_manifest_file(path: Path) -> Manifest:
    """Read the manifest of a file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _invalid(path.name, [f"{path.name}: it weighs more than {MAX_BYTES // 1024} KiB"])
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _invalid(path.name, [f"{path.name}: it is not UTF-8 (byte {error.start})"]) from None
    except OSError as error:
        raise _invalid(path.name, [f"{path.name}: {error.strerror or error}"]) from None
    return read_manifest(text, path.name)


def variant(manifest: Manifest, word: str) -> Manifest:
    """Return the manifest as it is for one edition: the members of its case replace or join the common ones."""
    if manifest.variants is None:
        return manifest
    plain = manifest.model_dump(by_alias=True, exclude_unset=True, exclude={"variants"})
    return Manifest.model_validate(_merged(plain, manifest.variants.cases[word]))


def _variant_faults(manifest: Manifest, document: Document, word: str) -> Iterator[str]:
    assert manifest.variants is not None
    allowed = {"address", "headers", "auth", "answer", "before", "check", "streams", "lookups", "acts", "hosts", "texts"}
    for name in manifest.variants.cases[word]:
        if name not in allowed:
            yield _told(
                document, f"variants.cases.{word}.{name}", f"an edition cannot change this; {names.near(name, allowed)}"
            )
            return
    try:
        other = variant(manifest, word)
    except ValidationError as error:
        for place, what in _pydantic_faults(error):
            yield _told(document, f"variants.cases.{word}.{place}", what)
        return
    for offered in ("streams", "lookups", "acts"):
        if set(getattr(other, offered)) != set(getattr(manifest, offered)):
            yield _told(document, f"variants.cases.{word}.{offered}", "an edition offers the same names as the others")
    for place, what in names.faults(other):
        yield _told(document, f"variants.cases.{word}.{place}", what)


def _merged(old: Json, new: Json) -> Json:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    if "scheme" in new and new["scheme"] != old.get("scheme"):
        return new  # another family of credentials has nothing to inherit
    return {**old, **{name: _merged(old.get(name), one) for name, one in new.items()}}


def _validated(value: Json, document: Document) -> Manifest:
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise _invalid(document.file, [_told(document, *one) for one in _pydantic_faults(error)]) from None


def _pydantic_faults(error: ValidationError) -> Iterator[names.Fault]:
    for fault in error.errors(include_url=False):
        place, known = _placed(fault["loc"])
        if fault["type"] == "extra_forbidden":
            last = str(fault["loc"][-1])
            yield place, f"the word {last!r} is not known here; {names.near(last, known)}"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            yield place, message[0].lower() + message[1:]


def _placed(loc: tuple[int | str, ...]) -> tuple[str, list[str]]:
    """Turn pydantic's way to a fault into the way of the file, and say which words its place knows."""
    at: Any = Manifest
    path: list[str] = []
    known: list[str] = []
    for step in loc:
        at = _bare(at, step)
        if isinstance(at, _Chosen):
            at = at.model
            continue
        if isinstance(at, type) and issubclass(at, BaseModel):
            known = [one.alias or name for name, one in at.model_fields.items()]
            fields = {one.alias or name: one for name, one in at.model_fields.items()}
            at = fields[str(step)].annotation if str(step) in fields else None
        else:
            given = [one for one in get_args(at) if one is not type(None)]
            at = given[-1] if given else None
        if not (isinstance(step, str) and step.startswith("function-")):
            path.append(str(step))
    return ".".join(path), known


class _Chosen:
    """One member of a union, named by its tag in pydantic's location."""

    def __init__(self, model: Any) -> None:
        self.model = model


def _bare(annotation: Any, step: int | str) -> Any:
    """Unwrap Annotated and Optional; of a union take the member that the step names."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated or isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            members = [one for one in get_args(annotation) if one is not type(None)]
            for one in members:
                if isinstance(one, type) and issubclass(one, BaseModel) and _tag(one) == step:
                    return _Chosen(one)
            annotation = members[0]
            if len(members) > 1:
                return annotation
        else:
            return annotation


def _tag(model: type[BaseModel]) -> str | None:
    scheme = model.model_fields.get("scheme")
    if scheme is not None and get_origin(scheme.annotation) is Literal:
        return str(get_args(scheme.annotation)[0])
    return None


def _told(document: Document, place: str, what: str) -> str:
    return f"{document.file}:{document.line_of(place)}: {place or 'manifest'}: {what}"


def _invalid(file: str, faults: list[str]) -> DefinitionError:
    return DefinitionError(
        f"The manifest {file} is not valid.",
        why="; ".join(faults) + ("" if faults[-1].endswith(("?", ".")) else "."),
        fix="Correct these places; `tieline kinds schema` gives the JSON Schema that editors complete from.",
        faults=faults,
    )
