"""`tieline connectors read` and `act`: look through a connector, without storing or sending anything."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape

from gateway.api import trying as api
from gateway.cli import exits
from gateway.cli.asked import form, settings_of
from gateway.cli.connectors import connectors
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import option, word
from gateway.cli.tables import show_table

_WITH = option("--with", "given", multiple=True, metavar="NAME=VALUE", en="An input or argument.", zh="输入项或参数。")


@connectors.add(
    "read", en="Try a read: every request and answer, the records, nothing stored.", zh="试读：显示请求、响应与记录，不保存。"
)
@click.argument("name")
@click.argument("what")
@_WITH
@option("--limit", type=click.IntRange(1, 20), default=5, show_default=True, en="At most so many records.", zh="最多条数。")
@option("--from", "cursor", metavar="JSON", en="The cursor to read from; else from the beginning.", zh="起始游标（JSON）。")
def read(desk: Desk, name: str, what: str, given: tuple[str, ...], limit: int, cursor: str | None) -> Said:
    """Read one page of a stream, or one lookup."""
    at = None if cursor is None else orjson.loads(cursor)
    body = form(api.TryRead, what=what, inputs=settings_of(given, [], []), cursor=at, limit=limit)
    found = api.try_read(desk.call, name, body)
    return Said(plain(found), partial(_show_read, found), exits.PROBLEM if found.error else exits.OK)


@connectors.add(
    "act",
    en="Try an act: what would be sent; with --confirm it is done and read back.",
    zh="试写：显示将发送的请求；加 --confirm 才执行。",
)
@click.argument("name")
@click.argument("act")
@_WITH
@option("--confirm", is_flag=True, en="Really do it, once.", zh="真正执行一次。")
def act(desk: Desk, name: str, act: str, given: tuple[str, ...], confirm: bool) -> Said:
    """Show the requests of an act, or do it."""
    body = form(api.TryAct, act=act, arguments=settings_of(given, [], []), confirm=confirm)
    found = api.try_act(desk.call, name, body)
    return Said(plain(found), partial(_show_act, found), exits.PROBLEM if found.error else exits.OK)


def _show_requests(found: list[api.SeenRequest], console: Console) -> None:
    for one in found:
        told = "" if one.status is None else f" → {one.status}, {one.took_ms} ms"
        console.print(f"[bold]{escape(one.method)}[/] {escape(one.url)}{told}", soft_wrap=True)
        for text in (one.body, one.answer):
            if text:
                console.print(f"  {escape(text[:2000])}", soft_wrap=True)


def _show_error(error: dict[str, Any] | None, console: Console) -> None:
    if error is not None:
        console.print(f"[bold red]✗ {escape(str(error['what']))}[/] {escape(str(error['why']))}", soft_wrap=True)
        console.print(f"  {escape(str(error['fix']))}", soft_wrap=True)


def _show_read(found: api.ReadTried, console: Console) -> None:
    _show_requests(found.requests, console)
    _show_error(found.error, console)
    for record in found.records:
        console.print(f"  {escape(record.external_id)} {escape(orjson.dumps(record.data).decode())}", soft_wrap=True)
    if found.values is not None:
        console.print(f"  {escape(orjson.dumps(found.values).decode())}", soft_wrap=True)
    rows = [(one.name, one.declared, ", ".join(one.seen), f"{one.present}/{one.of}") for one in found.fields]
    if rows:
        console.print()
        show_table(console, ("Field", "Kind", "What", "Rows"), rows)
    if found.cursor_after is not None:
        told = orjson.dumps(found.cursor_after).decode()
        console.print(word(f"cursor after: {escape(told)}", f"之后的游标：{escape(told)}"), soft_wrap=True)


def _show_act(found: api.ActTried, console: Console) -> None:
    _show_requests(found.requests, console)
    _show_error(found.error, console)
    if not found.sent:
        console.print(word("Nothing was sent. --confirm does it.", "未发送任何请求。加 --confirm 才执行。"))
    if found.note:
        console.print(f"  {escape(found.note)}", soft_wrap=True)
    for told in (found.outcome, found.verified):
        if told is not None:
            console.print(f"  {escape(orjson.dumps(told).decode())}", soft_wrap=True)
