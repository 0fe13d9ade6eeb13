"""Putting cases into a definition's own file without touching anything else in it: comments, order and quotes stay."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import ConflictError, NotFoundError
from core.strict import Document, read_yaml
from core.words import Json
from gateway.authoring.exported import write_yaml

_TOP = re.compile(r"[^\s#-]")
_END = re.compile(r"---(\s|$)|\.\.\.(\s|$)")


def insert_cases(place: Path, name: str, cases: list[Json]) -> Path:
    """
    Append cases to a mapping that stands in a file, or in one of the files below a folder; return the file.

    What was written is read again and compared before the file is replaced; where that fails nothing is changed.
    """
    files = sorted(place.rglob("*.y*ml")) if place.is_dir() else [place] if place.is_file() else []
    for file in files:
        text = file.read_text(encoding="utf-8")
        for document in read_yaml(text, str(file)):
            value = document.value
            if isinstance(value, dict) and (value.get("kind"), value.get("name")) == ("mapping", name):
                changed = with_cases(text, document, cases)
                file.write_text(changed, encoding="utf-8")
                return file
    raise NotFoundError(
        f"No file of {str(place)!r} holds the mapping {name!r}.",
        why=f"{len(files)} YAML files were read.",
        fix="Name the file or folder of the pack that holds it, or write the live definition with `tieline export`.",
    )


def with_cases(text: str, document: Document, cases: list[Json]) -> str:
    """Return the text of a file in which one mapping has more cases."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    end = next((n for n in range(document.line, len(lines)) if _END.match(lines[n])), len(lines))
    known = document.value.get("cases")
    block = write_yaml([cases])
    if known:
        start = document.lines["cases"]  # counted from one: the line after `cases:`
        if start >= end:
            raise _unusual(document)
        after = (n for n in range(start, end) if _TOP.match(lines[n]))
        at = next(after, end)
        indent = re.match(r" *", lines[start])
        block = "".join((indent[0] if indent else "") + line for line in block.splitlines(keepends=True))
    else:
        at, block = end, "cases:\n" + block
    while at > 0 and not lines[at - 1].strip():
        at -= 1
    changed = "".join(lines[:at]) + block + "".join(lines[at:])
    _must_be_whole(text, changed, document, cases)
    return changed


def _must_be_whole(text: str, changed: str, document: Document, cases: list[Json]) -> None:
    wanted = [
        {**one.value, "cases": [*(one.value.get("cases") or []), *cases]} if one.line == document.line else one.value
        for one in read_yaml(text, document.file)
    ]
    try:
        got = [one.value for one in read_yaml(changed, document.file)]
    except Exception as error:
        raise _unusual(document) from error
    if got != wanted:
        raise _unusual(document)


def _unusual(document: Document) -> ConflictError:
    return ConflictError(
        f"The cases cannot be put into {document.file}: it is written in an unusual way.",
        why="Its cases are not a plain list of lines, one below the other; nothing was changed.",
        fix="Write `cases:` as a list with one `- name:` per case, or take the cases from the output instead.",
    )
