"""`tieline snapshots`: what was known about a subject at one moment."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import snapshots as api
from gateway.cli.asked import form, paged
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import more, show_table

snapshots = Group("snapshots", en="What was known about a subject at one moment.", zh="某一时刻对某对象的全部所知。")


@snapshots.add("list", en="List snapshots, newest first.", zh="列出快照，最新在前。")
@option("--recipe", en="Only of this recipe.", zh="仅此配方。")
@paged
def list_snapshots(desk: Desk, **given: Any) -> Said:
    """List snapshots."""
    found = api.list_snapshots(desk.call, api.SnapshotFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [(one.id, one.recipe, one.subject, one.ticket, one.state, desk.when(one.asked_at)) for one in found.items]
        show_table(console, ("Id", "Recipe", "Subject", "Ticket", "State", "Asked"), rows)
        more(console, found.next)

    return Said(plain(found), show)


@snapshots.add(
    "show", en="Show a snapshot: every facet with status, source and age.", zh="显示快照：各方面的状态、来源与时间。"
)
@click.argument("id")
def show_one(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Show one snapshot."""
    return _said(desk, api.get_snapshot(desk.call, id))


@snapshots.add("take", en="Take a snapshot of a master ID now.", zh="立即为主标识创建快照。")
@click.argument("recipe")
@click.argument("subject")
@option("--ticket", en="The ticket it is for (a master ID).", zh="所属工单的主标识。")
def take(desk: Desk, recipe: str, subject: str, ticket: str | None) -> Said:
    """Ask every source, within the recipe's deadline."""
    with desk.waiting(word("Asking every source …", "正在查询各来源 …")):
        found = api.take_snapshot(desk.call, form(api.SnapshotAsk, recipe=recipe, subject=subject, ticket=ticket))
    return _said(desk, found)


def _said(desk: Desk, found: api.SnapshotAnswer) -> Said:
    document = plain(found)

    def show(console: Console) -> None:
        console.print(f"[bold]{escape(document['id'])}[/] · {escape(document['recipe'])} · {escape(document['state'])}")
        facets: Any = document.get("facets") or {}
        listed = facets.items() if isinstance(facets, dict) else [(one.get("name"), one) for one in facets]
        rows = [
            (name, one.get("status"), _values(one.get("values")), one.get("source"), one.get("reason")) for name, one in listed
        ]
        show_table(console, ("Facet", "Status", "Value", "Source", "Reason"), rows)

    return Said(document, show)


def _values(values: Any) -> str:
    if not isinstance(values, dict):
        return "" if values is None else str(values)
    return ", ".join(f"{name} {value}" for name, value in values.items())[:400]
