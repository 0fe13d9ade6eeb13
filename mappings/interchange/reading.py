"""
Reading crosswalk files a line at a time: the memory needed does not depend on how many lines there are.

A line that cannot be read is a fault with its number and reason, and reading goes on. A file that is not what its
format promises is refused as a whole.
"""

from __future__ import annotations

import csv
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from core import strict
from core.errors import InputError, MalformedError, TielineError
from mappings.interchange.lines import COLUMNS, Fault, Line, Progress, Told, headings, unguarded

LONGEST_LINE = 1 << 20
LARGEST_SHEET = 8 << 30
LARGEST_TEXTS = 512 << 20
"""Bytes that a workbook may be unpacked to: its sheets are streamed, its table of shared texts is held in memory."""
ENCODINGS = ("utf-8", "gb18030")
_EXACT = 10**15


def open_lines(path: Path, format_: str, *, encoding: str = "utf-8", tell: Told = lambda _: None) -> Iterator[Line | Fault]:
    """Yield the lines of a file; ``tell`` hears how far it is."""
    if encoding not in ENCODINGS:
        raise InputError(
            f"The encoding {encoding!r} is not read here.", why=f"Known: {', '.join(ENCODINGS)}.", fix="Save the file as UTF-8."
        )
    if format_ == "xlsx":
        yield from _read_workbook(path, tell)
        return
    with path.open("rb") as raw:
        texts = _texts(raw, encoding, tell)
        yield from _read_csv(texts) if format_ == "csv" else _read_json_lines(texts)


def _texts(raw: IO[bytes], encoding: str, tell: Told) -> Iterator[str]:
    """Yield the physical lines as text; bytes that are not of the encoding refuse the file with their place."""
    size = os.fstat(raw.fileno()).st_size
    done = number = 0
    while line := raw.readline(LONGEST_LINE + 1):
        number += 1
        done += len(line)
        if number == 1:
            line = _without_mark(line)
        if len(line) > LONGEST_LINE:
            raise MalformedError(
                f"Line {number} is longer than {LONGEST_LINE} bytes.",
                why="A line of a crosswalk is short; a quotation mark may not have been closed.",
                fix="Correct the line.",
            )
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError as error:
            raise MalformedError(
                f"Line {number} is not {encoding.upper()} text.",
                why=f"The byte {line[error.start]:#04x} at position {error.start + 1} means nothing in it.",
                fix="Save the file as UTF-8, or name its encoding: gb18030.",
            ) from None
        if number % 1000 == 0 or done == size:
            tell(Progress(done, size))


def _without_mark(line: bytes) -> bytes:
    """Cut the byte order mark of UTF-8; UTF-16 and zipped files are told from text by their first bytes."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04")):
        what = "a workbook or another zip" if line.startswith(b"PK") else "UTF-16 text"
        raise MalformedError(
            "The file is not text in the encoding that was said.", why=f"It begins like {what}.", fix="Save it as CSV in UTF-8."
        )
    return line.removeprefix(b"\xef\xbb\xbf")


def _read_csv(texts: Iterator[str]) -> Iterator[Line | Fault]:
    first = next(texts, "")
    delimiter = max(",;\t", key=first.count)
    head = headings(next(csv.reader([first], delimiter=delimiter, strict=True), []), "line 1")
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    number = 1
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(number, f"It is not CSV: {error}.")
            continue
        if not any(cells):
            continue
        if len(cells) > len(head):
            yield Fault(number, f"It has {len(cells)} cells, the first line names {len(head)}.")
            continue
        yield _line(number, dict(zip(head, cells, strict=False)))


def _line(number: int, cells: dict[str, str]) -> Line:
    return Line(number, {name: unguarded(text) for name, text in cells.items() if text.strip()})


def _read_json_lines(texts: Iterator[str]) -> Iterator[Line | Fault]:
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            found = strict.read_json(text.encode())
        except TielineError as error:
            yield Fault(number, f"{error.what} {error.why}")
            continue
        fault = _unfit(found)
        yield Fault(number, fault) if fault else Line(number, {k: str(v) for k, v in found.items() if v not in (None, "")})


def _unfit(found: Any) -> str | None:
    """Say why a JSON value is no line, or None."""
    if not isinstance(found, dict):
        return "It is not a JSON object."
    strange = sorted(found.keys() - COLUMNS.keys())
    if strange:
        return f"There is no column {strange[0][:50]!r}; known: {', '.join(COLUMNS)}."
    for name, one in found.items():
        if isinstance(one, bool) or not isinstance(one, str | int | None):
            return f"{name} must be text."
    return None


def _read_workbook(path: Path, tell: Told) -> Iterator[Line | Fault]:
    """Read every sheet; line numbers count through them."""
    import openpyxl  # large, and few files are workbooks

    _refuse_bombs(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that nobody reads here
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except Exception as error:
            raise _no_workbook(error) from error
        with closing(book):
            number = 0
            for sheet in book.worksheets:
                for found in _read_sheet(sheet, number, tell):
                    number = found.number
                    yield found


def _read_sheet(sheet: Any, before: int, tell: Told) -> Iterator[Line | Fault]:
    head: list[str] | None = None
    whole = before + (sheet.max_row or 0)
    rows = sheet.iter_rows(values_only=True)
    number = before
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise _no_workbook(error) from error
        if number % 1000 == 0:
            tell(Progress(number, max(whole, number)))
        if all(cell in (None, "") for cell in row):
            continue
        if head is None:
            while row and row[-1] in (None, ""):
                row = row[:-1]
            head = headings(["" if cell is None else str(cell) for cell in row], f"sheet {sheet.title!r}")
            continue
        yield _sheet_line(number, head, row)


def _sheet_line(number: int, head: list[str], row: tuple[Any, ...]) -> Line | Fault:
    if any(cell not in (None, "") for cell in row[len(head) :]):
        return Fault(number, f"It has cells to the right of the {len(head)} columns that the first line names.")
    cells: dict[str, str] = {}
    for name, cell in zip(head, row, strict=False):
        if cell is None:
            continue
        if isinstance(cell, bool) or (isinstance(cell, float) and not cell.is_integer()):
            return Fault(number, f"{name} is {cell!r}, and no text: format the column as text.")
        if isinstance(cell, int | float) and abs(cell) >= _EXACT:
            return Fault(
                number, f"{name} is a number of more than 15 digits: the spreadsheet has lost some. Format it as text."
            )
        if isinstance(cell, datetime | date):
            if name not in ("valid_from", "valid_to", "first_seen", "last_seen"):
                return Fault(number, f"{name} is a date: the spreadsheet has changed it. Format the column as text.")
            cells[name] = cell.isoformat()
        else:
            cells[name] = str(int(cell)) if isinstance(cell, float) else str(cell)
    return _line(number, cells)


def _refuse_bombs(path: Path) -> None:
    """Look at what a zip says that it holds before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as packed:
            sizes = {one.filename: one.file_size for one in packed.infolist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise _no_workbook(error) from error
    texts = sum(size for name, size in sizes.items() if name.lower().endswith("sharedstrings.xml"))
    if sum(sizes.values()) > LARGEST_SHEET or texts > LARGEST_TEXTS:
        raise MalformedError(
            "The workbook unpacks to more than is read here.",
            why=f"It says {sum(sizes.values())} bytes, {texts} of them shared texts.",
            fix="Save it as CSV in UTF-8.",
        )


def _no_workbook(error: Exception) -> MalformedError:
    return MalformedError(
        "The file is not a workbook that can be read.",
        why=f"{type(error).__name__}: {str(error)[:200]}",
        fix="Save it as .xlsx again, or as CSV in UTF-8.",
    )
