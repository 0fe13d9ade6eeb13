"""A pack: a folder of YAML files, read into documents that know their file and lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.registry import kind_names
from core.definitions import KINDS, Problem, unknown
from core.errors import MalformedError, NotFoundError
from core.strict import Document, read_yaml
from core.words import Json

HEADER = "pack.yaml"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,79}")
"""What a definition or pack may be called."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem and where it stands: file and line, the definition, the path inside it."""

    file: str
    line: int
    kind: str
    name: str
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = f" at {self.path}" if self.path else ""
        label = f"{self.kind} {self.name}".strip() + place
        return f"{self.file}:{self.line}: {label.strip()}{': ' if label else ''}{self.what} {self.fix}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in ("file", "line", "kind", "name", "path", "what", "fix")}


@dataclass(frozen=True, slots=True)
class Authored:
    """One definition as its author wrote it."""

    kind: str
    name: str
    document: Document

    @property
    def spec(self) -> dict[str, Json]:
        """The document itself."""
        spec: dict[str, Json] = self.document.value
        return spec

    def fault(self, problem: Problem) -> Fault:
        """Return a problem with its file and line."""
        line = problem.line or self.document.line_of(problem.path)
        return Fault(self.document.file, line, self.kind, self.name, problem.path, problem.what, problem.fix)


@dataclass(slots=True)
class Pack:
    """What a folder holds: the connectors it speaks of (name -> kind), its definitions, and what cannot be read."""

    name: str = ""
    header: Authored | None = None
    connectors: dict[str, str] = field(default_factory=dict)
    definitions: list[Authored] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def load(folder: Path | str) -> Pack:
    """Read every YAML file of a folder and below it; what is wrong with a file is a fault, not the end."""
    root = Path(folder)
    if not root.is_dir():
        what = f"There is no folder {str(root)!r}."
        raise NotFoundError(what, why="A pack is a folder of YAML files with a pack.yaml.", fix="Check the path.")
    files = sorted(path for path in root.rglob("*.y*ml") if path.suffix in (".yaml", ".yml") and path.is_file())
    if not files:
        raise NotFoundError(
            f"The folder {str(root)!r} holds no YAML file.", why="A pack is a folder of YAML files.", fix="Check the path."
        )
    return read((str(path), path.read_bytes()) for path in files)


def read(files: Iterable[tuple[str, bytes]]) -> Pack:
    """Read files (name and bytes) into a pack: what ``load`` does for a folder and the API for a body."""
    pack = Pack()
    for file, body in files:
        try:
            documents = read_yaml(body.decode("utf-8-sig"), file)
        except UnicodeDecodeError as error:
            pack.faults.append(Fault(file, 1, "", "", "", f"It is not UTF-8 (byte {error.start}).", "Save it as UTF-8."))
            continue
        except MalformedError as error:
            pack.faults.append(Fault(file, error.facts.get("line", 1), "", "", "", error.what, error.fix))
            continue
        for document in documents:
            if Path(file).name == HEADER:
                _header(pack, document)
            else:
                _definition(pack, document)
    if not pack.name and not pack.faults:
        pack.faults.append(
            Fault(HEADER, 1, "", "", "name", "The pack has no name.", f"Add a {HEADER} with name: and connectors:.")
        )
    _twice(pack)
    return pack


def _header(pack: Pack, document: Document) -> None:
    def fault(problem: Problem) -> None:
        line = document.line_of(problem.path)
        pack.faults.append(Fault(document.file, line, "pack", pack.name, problem.path, problem.what, problem.fix))

    value = document.value
    if not isinstance(value, dict) or pack.header is not None:
        fault(Problem("", "A pack has one header: an object with name, title and connectors.", "Write it once."))
        return
    name = value.get("name")
    if isinstance(name, str) and NAME.fullmatch(name):
        pack.name = name
        kept = Document({"kind": "pack", **value}, document.file, document.line, document.lines)
        pack.header = Authored("pack", name, kept)
    else:
        fault(Problem("name", "A pack needs a name.", "Write name: with small ASCII letters, digits, - and _."))
    for word in value.keys() - {"name", "title", "connectors"}:
        fault(unknown(word, "word", word, ("name", "title", "connectors")))
    connectors = value.get("connectors", {})
    if not isinstance(connectors, dict):
        fault(Problem("connectors", "Connectors are named with their kind.", "Write connectors: {monitoring: zabbix}."))
        return
    for connector, kind in connectors.items():
        if kind in kind_names():
            pack.connectors[connector] = kind
        else:
            fault(unknown(f"connectors.{connector}", "kind of connector", str(kind), kind_names()))


def _definition(pack: Pack, document: Document) -> None:
    value = document.value

    def fault(problem: Problem) -> None:
        line = document.line_of(problem.path)
        pack.faults.append(Fault(document.file, line, "", "", problem.path, problem.what, problem.fix))

    if not isinstance(value, dict):
        fault(Problem("", "A definition is an object with kind and name.", "Write kind: and name:."))
        return
    kind, name = value.get("kind"), value.get("name")
    if not isinstance(kind, str):
        fault(Problem("kind", "The definition has no kind.", f"Add kind: with one of {', '.join(KINDS)}."))
    elif kind not in KINDS:
        fault(unknown("kind", "kind of definition", kind, KINDS))
    elif not isinstance(name, str) or not NAME.fullmatch(name):
        what = f"The {kind} has no name." if name is None else f"The name {name!r} cannot be used."
        fault(Problem("name", what, "Write name: with small ASCII letters, digits, - and _."))
    else:
        pack.definitions.append(Authored(kind, name, document))


def _twice(pack: Pack) -> None:
    first: dict[tuple[str, str], Authored] = {}
    for one in pack.definitions:
        other = first.setdefault((one.kind, one.name), one)
        if other is not one:
            where = f"{other.document.file}:{other.document.line}"
            pack.faults.append(one.fault(Problem("name", f"It is defined already at {where}.", "Keep one of the two.")))
    pack.definitions = list(first.values())
