"""`tieline tables` and `tieline reverse`: code tables, and what a mapping would write back."""

from __future__ import annotations

from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.markup import escape

from core.errors import MalformedError, NotFoundError
from gateway.api import tables as api
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, command, option, word
from gateway.cli.tables import show_table

tables = Group("tables", en="Code tables: what foreign words mean in ours.", zh="代码表：外部词在我们这里的含义。")


@tables.add("list", en="List the code tables with their coverage.", zh="列出代码表及其覆盖率。")
def list_tables(desk: Desk) -> Said:
    """List tables."""
    found = api.list_tables(desk.call)

    def show(console: Console) -> None:
        rows = [
            (one.name, one.rows, one.known, one.unknown, one.lacking, "" if one.coverage is None else f"{one.coverage:.1%}")
            for one in found.items
        ]
        heads = ("Name", "Rows", "Found", "Unknown", "Lacking", "Coverage")
        show_table(console, heads, rows, nothing=("No code table is live.", "尚无生效的代码表。"))

    return Said(plain(found), show)


@tables.add(
    "words", en="List the words a code table was asked for, the unknown first.", zh="列出查询过代码表的词，未收录的在前。"
)
@click.argument("name")
@option("--unknown", is_flag=True, en="Only those it lacks.", zh="仅未收录的词。")
def list_words(desk: Desk, name: str, unknown: bool) -> Said:
    """List words with their counts."""
    found = api.list_words(desk.call, name, api.WhichWords(unknown=unknown))

    def show(console: Console) -> None:
        rows = [(one.word or "…", one.connector, one.known, one.n, desk.when(one.last_at)) for one in found.items]
        nothing = ("It was not asked yet.", "尚未被查询。")
        show_table(console, ("Word", "Connector", "Found", "Seen", "At"), rows, nothing=nothing)

    return Said(plain(found), show)


@tables.add(
    "import",
    en="Add rows from a CSV file (word,to,relation) and publish the table; all of them, or nothing.",
    zh="从 CSV 文件（外部词,内部词,关系）添加行并发布代码表：全部成功或全部不变。",
)
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option(
    "--type",
    "of_type",
    type=click.Choice(("text", "integer", "number", "boolean")),
    en="Type of our words.",
    zh="内部词的类型。",
)
@option("--replace", is_flag=True, en="The table has these rows only.", zh="仅保留文件中的行。")
@option(
    "--encoding",
    default="utf-8-sig",
    metavar="NAME",
    en="Encoding of the file; gb18030 for older Excel.",
    zh="文件编码；旧版 Excel 用 gb18030。",
)
@option("--run", "for_real", is_flag=True, en="Do it; without this it is a dry run.", zh="真正执行；否则仅预演。")
def import_rows(
    desk: Desk, name: str, file: Path, of_type: api.Typed | None, replace: bool, encoding: str, for_real: bool
) -> Said:
    """Show what would change; with --run, publish it."""
    try:
        text = file.read_bytes().decode(encoding)
    except OSError as error:
        raise NotFoundError(f"There is no file {str(file)!r} to read.", why=str(error), fix="Check the path.") from error
    except (UnicodeDecodeError, LookupError) as error:
        raise MalformedError(
            f"{file} cannot be read as {encoding}.", why=str(error), fix="Save it as UTF-8, or name its --encoding."
        ) from error
    with desk.waiting(word("Reading and checking …", "读取并检查 …")):
        body = api.RowsToImport(csv=text, type=of_type, replace=replace, dry=not for_real)
        done = api.import_table_rows(desk.call, name, body)

    def show(console: Console) -> None:
        for one in done.changes[:50]:
            before, after = (("∅" if side is None else str(side)) for side in (one.before, one.after))
            console.print(f"  {escape(one.path)}: {escape(before)} → {escape(after)}", soft_wrap=True)
        for notice in done.notices:
            console.print(escape(notice), style="yellow")
        count = len(done.changes)
        console.print(
            word(f"Dry run: {count} rows would change; --run does it.", f"预演：将变更 {count} 行；加 --run 执行。")
            if done.dry and count
            else word(f"{count} rows changed; the table has {done.rows}.", f"已变更 {count} 行；代码表共 {done.rows} 行。")
        )

    return Said(plain(done), show)


@command(
    "reverse",
    en="Say which fields of a mapping can be written back, or what the source should hold for a value.",
    zh="说明映射的哪些字段可回写，或某个值在来源中应写为什么。",
)
@click.argument("mapping")
@click.argument("field", required=False)
@click.argument("value", required=False)
@option("--over", metavar="VALUE", en="What the source holds there now.", zh="来源中当前的值。")
def reverse(desk: Desk, mapping: str, field: str | None, value: str | None, over: str | None) -> Said:
    """Values are JSON, or plain text where they are not."""
    if field is None or value is None:
        ways = api.list_ways(desk.call, mapping)

        def show(console: Console) -> None:
            rows = [(one.field, one.way, f"{one.law}: {one.why}" if one.law else one.why) for one in ways.items]
            show_table(console, ("Field", "Way", "Reason"), rows, nothing=("Nothing was kept of it.", "没有记录。"))

        return Said(plain(ways), show)
    body = api.ToWriteBack(field=field, value=_read(value), theirs=None if over is None else _read(over))
    found = api.reverse_value(desk.call, mapping, body)
    return Said(plain(found), lambda console: console.print(escape(f"{found.path} = {found.theirs!r}"), soft_wrap=True))


def _read(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
