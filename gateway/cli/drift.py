"""`tieline drift`: what streams really send, path by path, and where that changed."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from core import jsons
from gateway.api import drift as api
from gateway.cli import exits
from gateway.cli.asked import form, paged
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import more, show_table

drift = Group("drift", en="Where a source sends another form than before.", zh="数据源格式的变化。")


@drift.add(
    "list",
    en="List changes of form; ends with 1 if one must be accepted.",
    zh="列出格式变化；有待接受的变化时退出码为 1。",
)
@option("--connector", en="Only of this one.", zh="仅该连接器。")
@option("--all", "everything", is_flag=True, en="Also those that are closed.", zh="包括已关闭的。")
@paged
def list_drift(desk: Desk, everything: bool, **given: Any) -> Said:
    """List drifts, the newest first."""
    wanted = {name: one for name, one in given.items() if one is not None} | ({} if everything else {"open": True})
    found = api.list_drift(desk.call, form(api.Which, **wanted))

    def show(console: Console) -> None:
        rows = [
            (one.id, desk.when(one.at), f"{one.connector}/{one.stream}", one.path, one.kind,
             _said(one.before), _said(one.after), one.mode, one.closed_by)
            for one in found.items
        ]  # fmt: skip
        heads = ("Id", "At", "Stream", "Path", "Kind", "Before", "After", "Mode", "By")
        show_table(console, heads, rows, nothing=("Every source sends what it always sent.", "各数据源格式未变。"))
        more(console, found.next)

    waits = any(one.closed_at is None for one in found.items)
    return Said(plain(found), show, exits.PROBLEM if waits else exits.OK)


@drift.add("profile", en="Show what a connector really sends, path by path.", zh="逐路径显示连接器实际发送的内容。")
@click.argument("connector")
@option("--stream", en="Only this stream.", zh="仅该数据流。")
def profile(desk: Desk, connector: str, stream: str | None) -> Said:
    """Show types, share, nulls and form; no value is shown."""
    found = api.get_profile(desk.call, form(api.OfStream, connector=connector, stream=stream))

    def show(console: Console) -> None:
        rows = [
            (one.stream, one.path, " ".join(one.types), f"{one.share:.0%}", f"{one.null_rate:.0%}", one.form,
             desk.when(one.first_seen), desk.when(one.last_seen))
            for one in found.items
        ]  # fmt: skip
        heads = ("Stream", "Path", "Types", "Share", "Nulls", "Form", "First seen", "Last seen")
        show_table(console, heads, rows, nothing=("Nothing was seen yet.", "尚未收到记录。"))

    return Said(plain(found), show)


@drift.add("accept", en="Take a change as the new form; its repair closes.", zh="接受该变化为新格式，待修项随之关闭。")
@click.argument("number", type=click.IntRange(1))
def accept(desk: Desk, number: int) -> Said:
    """Accept one drift."""
    found = api.accept_drift(desk.call, str(number), form(api.Acceptance))
    text = word(
        f"Accepted: {found.path} of {found.connector}/{found.stream}. What it held goes on with"
        f" `tieline replay --connector {found.connector} --state held`.",
        f"已接受：{found.connector}/{found.stream} 的 {found.path}。暂存的内容用"
        f" `tieline replay --connector {found.connector} --state held` 继续处理。",
    )
    return Said(plain(found), lambda console: console.print(escape(text), soft_wrap=True))


def _said(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:.0%}"
    return None if value is None else ", ".join(value) if isinstance(value, list) else jsons.dumps(value)
