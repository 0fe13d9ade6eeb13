"""`tieline plan`, `apply`, `export`, `rollback`: definitions live in folders, and folders live in git."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from core.database import Database
from core.definitions import KINDS
from core.migrations import upgrade
from gateway import authoring
from gateway.authoring.plans import Plan
from gateway.cli import exits
from gateway.cli.asked import can_ask
from gateway.cli.desk import Desk, Said, who
from gateway.cli.local import NoStoreError
from gateway.cli.speech import command, option, word

_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
_PRUNE = option("--prune", is_flag=True, en="Also remove what is no longer in the files.", zh="同时移除文件中已不存在的定义。")
_STATES = {"new": "[green]+[/]", "changed": "[yellow]~[/]", "unchanged": "[dim]=[/]", "removed": "[red]-[/]"}


@command(
    "plan",
    en="Say what applying a folder of definitions would change, and every mistake in it.",
    zh="预览应用定义目录后的变化及其中的全部错误。",
)
@_FOLDER
@_PRUNE
def plan(desk: Desk, folder: Path, prune: bool) -> Said:
    """Compare a folder with what is live; nothing is changed. Where there is no store yet, nothing is live."""
    try:
        made = _planned(desk, desk.db, folder, prune)
    except NoStoreError:
        with tempfile.TemporaryDirectory() as empty:
            database = Database(f"sqlite:///{empty}/empty.db")
            upgrade(database)
            made = _planned(desk, database, folder, prune)
            database.close()
    return Said(made.as_dict(), lambda console: _show_plan(console, made), exits.OK if made.ok else exits.PROBLEM)


@command("apply", en="Publish a folder of definitions: all of it, or nothing.", zh="发布定义目录：全部成功或全部不变。")
@_FOLDER
@_PRUNE
@option("--yes", is_flag=True, en="Do not ask.", zh="不再确认。")
def apply(desk: Desk, folder: Path, prune: bool, yes: bool) -> Said:
    """Plan, show, and publish in one transaction."""
    db = desk.db_to_write()
    made = _planned(desk, db, folder, prune)
    if not made.ok:
        return Said(made.as_dict(), lambda console: _show_plan(console, made), exits.PROBLEM)
    changes = any(item.state != "unchanged" for item in made.items)
    if changes and not yes and can_ask():
        _show_plan(desk.errors, made)
        click.confirm(word("Publish this?", "确认发布？"), abort=True, err=True)
    with desk.waiting(word("Publishing …", "发布中 …")):
        done = authoring.apply(db, made, who())

    def show(console: Console) -> None:
        _show_plan(console, made)
        count = len(done.published)
        console.print(
            word(f"{count} published, generation {done.generation}.", f"已发布 {count} 项，第 {done.generation} 代。")
        )

    return Said({**done.as_dict(), "plan": made.as_dict()}, show)


@command("export", en="Write the live definitions as a folder that `plan` and `apply` read.", zh="将生效的定义导出为目录。")
@_FOLDER
@option("--pack", en="Only this pack, straight into the folder.", zh="仅导出此行业包，直接写入该目录。")
def export(desk: Desk, folder: Path, pack: str | None) -> Said:
    """Write one folder per pack; files of the same names are replaced, others stay."""
    with desk.waiting(word("Writing …", "写入中 …")):
        written = authoring.export(desk.db, folder, pack=pack)
    files = sorted(str(one) for one in written)
    return Said(
        {"files": files}, lambda console: console.print("\n".join(files) or word("Nothing is live yet.", "尚无生效的定义。"))
    )


@command("rollback", en="Make an earlier version of a definition live again.", zh="将定义恢复到较早的版本。")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@option("--version", "n", type=click.IntRange(1), en="Which one; else the one before.", zh="版本号；默认上一个版本。")
def rollback(desk: Desk, kind: str, name: str, n: int | None) -> Said:
    """Go back; what would break elsewhere refuses it."""
    made = authoring.rollback(desk.db, kind, name, n=n)
    document = {"kind": made.kind, "name": made.name, "version": made.n}
    text = word(f"{kind} {name}: version {made.n} is live.", f"{kind} {name}：第 {made.n} 版已生效。")
    return Said(document, lambda console: console.print(escape(text)))


def _planned(desk: Desk, db: Database, folder: Path, prune: bool) -> Plan:
    with desk.waiting(word("Reading and checking …", "读取并检查 …")):
        return authoring.plan(db, authoring.load(folder), prune=prune)


def _show_plan(console: Console, made: Plan) -> None:
    for item in made.items:
        if item.state != "unchanged" or item.problems:
            console.print(f"{_STATES[item.state]} {escape(item.kind)} [bold]{escape(item.name)}[/]")
        if item.state == "changed":
            for change in item.changes[:20]:
                console.print(f"    {escape(change.path)}: {_short(change.before)} → {_short(change.after)}", soft_wrap=True)
    counts = made.counts()
    names = {"new": "新增", "changed": "修改", "unchanged": "未变", "removed": "移除"}
    console.print(
        word(f"{made.pack}: ", f"{made.pack}：")
        + ", ".join(f"{count} {word(state, names[state])}" for state, count in counts.items())
    )
    for notice in made.notices:
        console.print(escape(notice), style="yellow")
    for fault in made.problems:
        console.print(f"[bold red]✗[/] {escape(str(fault))}", soft_wrap=True)


def _short(value: Any) -> str:
    text = "∅" if value is None else str(value)
    return escape(text if len(text) <= 60 else text[:57] + "…")
