"""`tieline ids import` and `export`: crosswalks as CSV, XLSX and JSON lines, of any size."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.markup import escape

from core.errors import NotFoundError
from gateway.api import crosswalk as api
from gateway.cli import exits
from gateway.cli.asked import form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, Run, option, word
from gateway.cli.tables import show_table
from mappings import interchange
from mappings.interchange import Fault, Progress, format_of
from mappings.interchange.lines import guarded

files = Group("files", en="Crosswalks as files.", zh="对照表文件。")

_FORMAT = option(
    "--format",
    "format_",
    type=click.Choice(["csv", "xlsx", "jsonl"]),
    en="Else by the name of the file.",
    zh="默认按文件名判断。",
)


def _terms(run: Run) -> Run:
    for one in (
        option(
            "--skip-faulty",
            is_flag=True,
            en="Write the good lines although others are faulty.",
            zh="跳过有误的行，写入其余行。",
        ),
        option("--adopt", is_flag=True, en="Take over master IDs of another register.", zh="接管其他登记库发出的主标识。"),
        option("--dry-run", is_flag=True, en="Check every line, write nothing.", zh="只检查每一行，不写入。"),
        option(
            "--errors",
            type=click.Path(dir_okay=False, path_type=Path),
            en="Where the faulty lines go, with number and reason; else beside the file.",
            zh="有误行（行号与原因）的输出文件；默认放在原文件旁。",
        ),
        option(
            "--encoding",
            type=click.Choice(["utf-8", "gb18030"]),
            default="utf-8",
            show_default=True,
            en="Of CSV and JSON lines.",
            zh="CSV 与 JSON 行文件的编码。",
        ),
        _FORMAT,
    ):
        run = one(run)
    return run


class _Bars:
    """One progress bar at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._stack, self._text = desk, ExitStack(), ""
        self._move: Callable[[int], None] = lambda _: None

    def move(self, text: str, at: Progress) -> None:
        """Move the bar of this text; it takes the place of the one before."""
        if text != self._text:
            self.close()
            self._text, self._move = text, self._stack.enter_context(self._desk.bar(text, at.whole))
        self._move(at.done)

    def close(self) -> None:
        """Take the bar away."""
        self._stack.close()


class _Faulty:
    """The file of faulty lines; it is made when there is one, and one of an earlier run is taken away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._out: TextIO | None = None
        path.unlink(missing_ok=True)

    def write(self, one: Fault) -> None:
        """Add a line."""
        if self._out is None:
            self._out = self.path.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._out).writerow(("line", "why"))
        csv.writer(self._out).writerow((one.number, guarded(one.why)))

    def close(self) -> None:
        """Close it."""
        if self._out is not None:
            self._out.close()


@files.add(
    "import",
    en="Bring a crosswalk in: columns connector, entity, external_id, master_id, valid_from, valid_to.",
    zh="导入对照表：列为 connector、entity、external_id、master_id、valid_from、valid_to（或中文表头）。",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_terms
def bring_in(desk: Desk, file: Path, format_: str | None, encoding: str, errors: Path | None, **given: Any) -> Said:
    """Check every line, then write; ends with 1 if a line is faulty."""
    if not file.is_file():
        raise NotFoundError(f"There is no file {file}.", why="It cannot be found from here.", fix="Check its name and folder.")
    terms = form(api.ImportTerms, format=format_of(file, format_), encoding=encoding, **given)
    faulty = _Faulty(errors or file.with_name(f"{file.name}.errors.csv"))
    bars = _Bars(desk)

    with closing(bars), closing(faulty):
        found = api.bring_file(
            desk.db,
            file,
            terms,
            on_fault=faulty.write,
            reading=lambda at: bars.move(word("reading", "读取"), at),
            judging=lambda at: bars.move(word("comparing", "比对"), at),
            writing=lambda at: bars.move(word("writing", "写入"), at),
        )

    def show(console: Console) -> None:
        names = {
            "lines": ("lines", "行"),
            "known": ("known already", "已存在"),
            "linked": ("linked to known master IDs", "关联到已有主标识"),
            "minted": ("new master IDs", "新建主标识"),
            "adopted": ("adopted master IDs", "接管主标识"),
            "closed": ("former ids", "历史编号"),
            "repeated": ("said twice", "重复行"),
            "fault_count": ("faulty", "有误"),
        }
        show_table(console, ("What", "Rows"), [(word(*text), getattr(found, name)) for name, text in names.items()])
        for one in found.faults[:10]:
            console.print(escape(word(f"line {one.line}: {one.why}", f"第 {one.line} 行：{one.why}")))
        if found.fault_count:
            console.print(escape(word(f"All of them: {faulty.path}", f"全部有误行：{faulty.path}")))
        if not found.written:
            console.print(word("Nothing was written.", "未写入任何内容。"), style="bold")

    return Said(plain(found), show, exits.PROBLEM if found.fault_count else exits.OK)


@files.add("export", en="Take the crosswalk out, every row that is or was.", zh="导出对照表（含历史编号）。")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_FORMAT
@option("--connector", en="Only of this connector.", zh="仅该连接器。")
@option("--entity", en="Only of this entity.", zh="仅该实体。")
def take_out(desk: Desk, file: Path, format_: str | None, connector: str | None, entity: str | None) -> Said:
    """Write a file; it appears under its name when it is whole."""
    chosen = format_of(file, format_)
    if connector is not None:
        desk.parts.registered.row(connector)
    with desk.db.read() as conn:
        whole = interchange.count(conn, connector_name=connector, etype=entity)
    begun = file.with_name(f".{file.name}.part")
    done = 0
    try:
        with (
            desk.bar(word("writing", "写入"), whole) as move,
            begun.open("wb") as out,
            interchange.open_writer(out, chosen) as writer,
        ):
            for cells in interchange.take_out(desk.db, connector_name=connector, etype=entity):
                writer.write(cells)
                done += 1
                if done % 1000 == 0:
                    move(done)
        begun.replace(file)
    finally:
        begun.unlink(missing_ok=True)
    text = word(f"{done} rows: {file}", f"{done} 行：{file}")
    return Said({"rows": done, "file": str(file)}, lambda console: console.print(escape(text)))
