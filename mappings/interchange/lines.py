"""A line of a crosswalk file: its columns, their names in both languages, and cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.definitions import unknown
from core.errors import InputError, MalformedError

FORMATS = ("csv", "xlsx", "jsonl")

COLUMNS: dict[str, str] = {
    "connector": "连接器",
    "entity": "实体",
    "external_id": "外部编号",
    "master_id": "主标识",
    "current_id": "当前主标识",
    "origin": "来源方式",
    "first_seen": "首次出现",
    "last_seen": "最近出现",
    "valid_from": "生效时间",
    "valid_to": "失效时间",
}
"""Every column that is written, with the heading by which it is read as well."""

NEEDED = ("connector", "entity", "external_id")

_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")


class Line(NamedTuple):
    """One line that could be read: its number in the file, and its cells by column; empty cells are missing."""

    number: int
    cells: Mapping[str, str]


class Fault(NamedTuple):
    """One line that cannot be used, and why."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is read: ``done`` of ``whole`` (bytes, or rows)."""

    done: int
    whole: int


Told = Callable[[Progress], None]


def format_of(path: Path, given: str | None) -> str:
    """
    Return the format of a file: the one that was given, or the one that its name ends with.

    >>> format_of(Path("ids.XLSX"), None), format_of(Path("ids.txt"), "csv")
    ('xlsx', 'csv')
    """
    found = given or {".csv": "csv", ".xlsx": "xlsx", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(path.suffix.lower())
    if found not in FORMATS:
        raise InputError(
            f"The format of {path.name} is not known.",
            why=f"Its name does not end with one of: {', '.join(FORMATS)}.",
            fix="Name the format.",
        )
    return found


def guarded(text: str) -> str:
    """
    Return a cell that a spreadsheet reads as text: what would begin a formula gets an apostrophe in front.

    >>> guarded("=1+1"), guarded("'=x"), guarded("'quoted"), guarded("EC-1")
    ("'=1+1", "''=x", "'quoted", 'EC-1')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """
    Return what ``guarded`` was given.

    >>> [unguarded(guarded(text)) for text in ("=1+1", "'=x", "'quoted", "EC-1")]
    ['=1+1', "'=x", "'quoted", 'EC-1']
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def headings(cells: Sequence[str], where: str) -> list[str]:
    """Return the columns that a heading line names, in either language; an unknown, double or missing one refuses the file."""
    by_name = {name: name for name in COLUMNS} | {zh: name for name, zh in COLUMNS.items()}
    found: list[str] = []
    for cell in cells:
        name = by_name.get(unguarded(cell.strip()), by_name.get(cell.strip().casefold()))
        if name is None:
            problem = unknown(where, "column", cell.strip()[:50], COLUMNS)
            raise MalformedError(
                f"{where}: {problem.what}", why="Every column of the first line must be known.", fix=problem.fix
            )
        if name in found:
            raise MalformedError(
                f"{where}: The column {name!r} stands twice.", why="Which of the two counts?", fix="Leave one of them out."
            )
        found.append(name)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise MalformedError(
            f"{where}: The column {missing[0]!r} is missing.",
            why=f"A line needs {', '.join(NEEDED)}.",
            fix="Write the headings into the first line.",
        )
    return found
