"""
Rows of a code table from CSV: ``word,to,relation``, one line a row.

Everything that is wrong is said at once with its line; a file with a fault gives no row at all.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, get_args

from core import jsons
from core.definitions import Problem, unknown
from core.words import Json
from mappings.models import Relation, Row

HEADS = {"word": "word", "外部词": "word", "to": "to", "内部词": "to", "relation": "relation", "关系": "relation"}
TYPES: dict[str, type] = {"text": str, "integer": int, "number": float, "boolean": bool}
MOST_ROWS, LONGEST = 100_000, 1000
_RELATIONS: tuple[str, ...] = get_args(Relation)
_NUMBERS = {"integer": re.compile(r"-?(0|[1-9][0-9]{0,17})"), "number": re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?")}


def type_of(rows: Mapping[str, Json]) -> str:
    """
    Return the type of a table's own words, when all have one; else text.

    >>> type_of({"high": 4, "low": {"to": 1, "relation": "broader"}}), type_of({"a": 1, "b": "x"})
    ('integer', 'text')
    """
    kinds = {Row.of(row).to.__class__ for row in rows.values()}
    return next((name for name, kind in TYPES.items() if kinds == {kind}), "text")


def read_rows(text: str, of_type: str) -> tuple[dict[str, Json], list[Problem]]:
    """Return the rows of a CSV text as a definition writes them, and every fault with its line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: dict[str, Json] = {}
    lines: dict[str, int] = {}
    faults: list[Problem] = []
    try:
        heads = _heads(next(reader, []), faults)
        for cells in reader:
            line = reader.line_num
            if faults and not heads:
                break
            if not any(cell.strip() for cell in cells):
                continue
            read = _row(dict(zip(heads, cells, strict=False)), len(cells) > len(heads), of_type, line)
            if isinstance(read, Problem):
                faults.append(read)
            elif read[0] in lines:
                what = f"The word {read[0]!r} stands in line {lines[read[0]]} already."
                faults.append(Problem("word", what, "Keep one of the two.", line))
            else:
                rows[read[0]], lines[read[0]] = read[1], line
            if len(rows) > MOST_ROWS:
                faults.append(Problem("", f"There are more than {MOST_ROWS} rows.", "Split the table.", line))
                break
    except csv.Error as error:
        fix = "Write quotes inside a cell twice, and end every quoted cell."
        faults.append(Problem("", f"It is not CSV: {error}.", fix, reader.line_num))
    if not rows and not faults:
        faults.append(Problem("", "There is no row.", "Write one line per word under word,to,relation.", 1))
    return ({} if faults else rows), faults


def _heads(cells: list[str], faults: list[Problem]) -> list[str]:
    found = []
    for cell in cells:
        name = HEADS.get(unicodedata.normalize("NFKC", cell).strip().casefold())
        if name is None:
            problem = unknown("", "column", cell.strip()[:60], HEADS)
            faults.append(Problem("", problem.what, problem.fix, 1))
        found.append(name or "")
    for needed in ("word", "to"):
        if found.count(needed) != 1 and not faults:
            what = f"The first line names the column {needed!r} {found.count(needed)} times."
            faults.append(Problem("", what, "Begin with the line word,to,relation.", 1))
    return [] if faults else found


def _row(cells: Mapping[str, str], too_many: bool, of_type: str, line: int) -> tuple[str, Json] | Problem:
    word, said = cells.get("word", "").strip(), cells.get("to", "").strip()
    if too_many:
        return Problem("", "The line has more cells than the first one.", "Quote a cell that has a comma inside.", line)
    if not word or len(word) > LONGEST or any(unicodedata.category(sign) == "Cc" for sign in word + said):
        return Problem("word", f"{word[:60]!r} cannot be a word.", f"1 to {LONGEST} characters, none of them a control.", line)
    ours = _typed(said, of_type)
    if ours is None:
        what = f"{said[:60]!r} is no {of_type}." if said else "The cell under `to` is empty."
        return Problem("to", what, "Correct it, or import with another type.", line)
    relation = cells.get("relation", "").strip() or "equivalent"
    if relation not in _RELATIONS:
        problem = unknown("relation", "relation", relation[:60], _RELATIONS)
        return Problem("relation", problem.what, problem.fix, line)
    return word, ours if relation == "equivalent" else {"to": ours, "relation": relation}


def _typed(said: str, of_type: str) -> Any:
    if not said:
        return None
    if of_type == "boolean":
        return {"true": True, "false": False}.get(said.casefold())
    if of_type in _NUMBERS:
        return jsons.loads(said) if _NUMBERS[of_type].fullmatch(said) else None
    return said
