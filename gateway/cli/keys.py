"""`tieline keys`: who may call the API, and what they may do."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import keys as api
from gateway.auth import SCOPES
from gateway.cli.asked import MOMENT, form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import show_table

keys = Group("keys", en="Who may call the API, and what they may do.", zh="API 密钥及其权限。")


@keys.add("list", en="List every key; the keys themselves are never shown again.", zh="列出全部密钥（不再显示密钥本身）。")
def list_keys(desk: Desk) -> Said:
    """List keys, oldest first."""
    found = api.list_keys(desk.call)

    def show(console: Console) -> None:
        rows = [
            (
                one.prefix,
                one.name,
                ", ".join(one.scopes),
                desk.when(one.created_at),
                desk.when(one.expires_at),
                desk.when(one.revoked_at),
                desk.when(one.last_used_at),
            )
            for one in found.items
        ]
        show_table(console, ("Prefix", "Name", "Scopes", "Created", "Expires", "Revoked", "Last used"), rows)

    return Said(plain(found), show)


@keys.add("add", en="Make a key; it is shown this once.", zh="创建密钥，仅显示这一次。")
@click.argument("name")
@option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(list(SCOPES)),
    en="What it may do; may be repeated. Default: read.",
    zh="权限，可重复；默认 read。",
)
@option("--expires", type=MOMENT, en="When it ends: a time with a zone.", zh="到期时间（带时区）。")
def add(desk: Desk, name: str, scopes: tuple[str, ...], expires: int | None) -> Said:
    """Make a key."""
    body = form(api.NewKey, name=name, scopes=list(scopes or ("read",))).model_copy(update={"expires_at": expires})
    made = api.make_key(desk.call_to_write(), body)

    def show(console: Console) -> None:
        console.print(escape(made.key), soft_wrap=True)
        console.print(word("Keep it: it is not shown again.", "请妥善保存，不会再次显示。"), style="dim")

    return Said(plain(made), show)


@keys.add("revoke", en="Revoke a key for ever.", zh="永久吊销密钥。")
@click.argument("prefix")
def revoke(desk: Desk, prefix: str) -> Said:
    """Revoke a key by its readable part, tl_xxxxxxxx."""
    found = api.revoke_key(desk.call, prefix)
    return Said(plain(found), lambda console: console.print(word(f"{found.prefix} is revoked.", f"{found.prefix} 已吊销。")))
