"""Writing crosswalk files a line at a time, so that no cell can become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Protocol

from core.jsons import dumps
from mappings.interchange.lines import COLUMNS, guarded

ROWS_PER_SHEET = 1_048_575
"""What a sheet holds beside its first line; what is more goes on to the next sheet."""


class Writer(Protocol):
    """Takes lines; what is missing is left empty."""

    def write(self, cells: Mapping[str, str | None]) -> None: ...


@contextmanager
def open_writer(out: IO[bytes], format_: str, columns: tuple[str, ...] = tuple(COLUMNS)) -> Iterator[Writer]:
    """Give a writer of one format over an open file; the file is complete at the end."""
    if format_ == "jsonl":
        yield _JsonLines(out, columns)
    elif format_ == "csv":
        text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
        yield _Csv(text, columns)
        text.flush()
        text.detach()
    else:
        book = _Book(columns)
        yield book
        book.save(out)


class _JsonLines:
    def __init__(self, out: IO[bytes], columns: tuple[str, ...]) -> None:
        self._out, self._columns = out, columns

    def write(self, cells: Mapping[str, str | None]) -> None:
        line = {name: cells[name] for name in self._columns if cells.get(name) is not None}
        self._out.write(dumps(line).encode() + b"\n")


class _Csv:
    def __init__(self, out: io.TextIOWrapper, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._writer = csv.writer(out, lineterminator="\r\n")
        self._writer.writerow(columns)

    def write(self, cells: Mapping[str, str | None]) -> None:
        self._writer.writerow([guarded(cells.get(name) or "") for name in self._columns])


class _Book:
    """A workbook that goes to disk row by row; every cell is said to be text, and guarded besides."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        from openpyxl import Workbook  # large, and few files are workbooks
        from openpyxl.cell import WriteOnlyCell

        self._columns, self._rows, self._make = columns, 0, WriteOnlyCell
        self._book = Workbook(write_only=True)
        self._sheet = self._begin()

    def _begin(self) -> Any:
        sheet = self._book.create_sheet()
        sheet.append(list(self._columns))
        return sheet

    def write(self, cells: Mapping[str, str | None]) -> None:
        if self._rows and self._rows % ROWS_PER_SHEET == 0:
            self._sheet = self._begin()
        self._rows += 1
        self._sheet.append([self._cell(cells.get(name)) for name in self._columns])

    def _cell(self, text: str | None) -> Any:
        if not text:
            return None
        cell = self._make(self._sheet, guarded(text))
        cell.data_type = "s"  # whatever it begins with
        return cell

    def save(self, out: IO[bytes]) -> None:
        self._book.save(out)
