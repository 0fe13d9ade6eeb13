"""`tieline retention`, `backup`, `restore`: what is kept for how long, and where a copy of it is."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from gateway.cli.desk import Desk, Said
from gateway.cli.speech import command, option, word
from gateway.cli.tables import show_table


@command(
    "retention",
    en="Say what is archived, pruned and remembered, and what a run would do now.",
    zh="显示归档、清理与去重记忆的状态，以及下一次执行将处理的内容。",
)
@option("--run", "act", is_flag=True, en="Do it now, until nothing is left to do.", zh="立即执行，直到全部完成。")
def retention(desk: Desk, act: bool) -> Said:
    """Plan, or run; the worker runs it each minute by itself."""
    from bridges import retention as keeping

    settings = desk.settings
    policy = keeping.Policy(settings.live_days, settings.archive_days, settings.dedupe_days)
    done = keeping.Kept()
    if act:
        with desk.waiting(word("Archiving …", "归档中 …")):
            while ran := keeping.run(desk.db, policy):
                for name in done.as_dict():
                    setattr(done, name, getattr(done, name) + getattr(ran, name))
    planned = keeping.plan(desk.db, policy)
    rows = [(name, f"{value}") for name, value in planned.items() if name != "policy"]
    rows += [(f"TIELINE_{name.upper()}", f"{value}") for name, value in planned["policy"].items()]

    def show(console: Console) -> None:
        if act:
            show_table(console, ("Done", "Rows"), [(name, f"{n}") for name, n in done.as_dict().items()])
        show_table(console, ("What", "Value"), rows)

    return Said({"plan": planned, "done": done.as_dict() if act else None}, show)


@command(
    "backup",
    en="Back up everything into a new folder; Tieline may go on running.",
    zh="将全部数据备份到新目录；可在运行中执行。",
)
@click.argument("folder", type=click.Path(path_type=Path))
@option(
    "--without-key",
    is_flag=True,
    en="Leave the key file out; without it stored secrets cannot be opened.",
    zh="不包含密钥文件；缺少它将无法解密已存凭据。",
)
def backup(desk: Desk, folder: Path, without_key: bool) -> Said:
    """Make it and say what is in it."""
    from gateway.backup import make

    _ = desk.db  # there must be one, of this release
    with desk.waiting(word("Backing up …", "备份中 …")):
        made = make(desk.settings, folder, with_key=not without_key)

    def show(console: Console) -> None:
        books, size = made.manifest["books"], made.manifest["data"]["bytes"] / 2**20
        console.print(
            word(
                f"{folder}: {size:.1f} MiB, {books['accepted']} deliveries.",
                f"{folder}：{size:.1f} MiB，{books['accepted']} 条消息。",
            )
        )
        if made.manifest["key"]:
            console.print(
                word("It holds the key file: keep it as safe as a password.", "其中包含密钥文件，请像密码一样妥善保管。")
            )
        else:
            console.print(word("It holds no key file: keep secret.key elsewhere.", "其中不含密钥文件，请另行保管 secret.key。"))

    return Said(made.manifest, show)


@command(
    "restore",
    en="Make this Tieline anew from a backup, and prove that nothing is missing.",
    zh="从备份恢复本系统，并核对数据完整。",
)
@click.argument("folder", type=click.Path(path_type=Path))
@option("--force", is_flag=True, en="Keep what is there aside and restore in its place.", zh="将现有数据移到一旁后恢复。")
def restore(desk: Desk, folder: Path, force: bool) -> Said:
    """Restore; a running Tieline is refused."""
    from gateway.backup import restore as bring_back
    from gateway.children import keep_private
    from gateway.serve import take_home

    keep_private(desk.settings)
    with take_home(desk.settings), desk.waiting(word("Restoring …", "恢复中 …")):
        made, books = bring_back(desk.settings, folder, force=force)

    def show(console: Console) -> None:
        n = books.accepted
        console.print(word(f"Restored: {n} deliveries, and the books balance.", f"已恢复：{n} 条消息，账目相符。"))
        if not made.manifest["key"]:
            console.print(word("Put secret.key into the home folder before you start.", "启动前请将 secret.key 放入数据目录。"))

    return Said({"restored": str(folder), "manifest": made.manifest, "books": books.as_dict()}, show)
