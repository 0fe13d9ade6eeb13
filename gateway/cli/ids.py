"""`tieline ids`: who an external id is, and what is known of a master ID."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import identity as api
from gateway.cli import exits, matching
from gateway.cli.asked import form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, word
from gateway.cli.tables import show_table

ids = Group("ids", en="Master IDs: who is who across all systems.", zh="主标识：各系统中的同一对象。")
matching.add_to(ids)


@ids.add("resolve", en="Say which master ID external ids have; nothing is minted.", zh="查询外部编号对应的主标识（不新建）。")
@click.argument("connector")
@click.argument("entity")
@click.argument("external_ids", nargs=-1, required=True)
def resolve(desk: Desk, connector: str, entity: str, external_ids: tuple[str, ...]) -> Said:
    """Look ids up in the crosswalk."""
    asked = [form(api.AskedId, connector=connector, entity=entity, external_id=one) for one in external_ids]
    found = api.resolve_ids(desk.call, form(api.Asks, items=asked))

    def show(console: Console) -> None:
        rows = [(one.external_id, one.master_id, one.problem) for one in found.items]
        show_table(console, ("External id", "Master ID", "Problem"), rows)

    all_known = all(one.master_id for one in found.items)
    return Said(plain(found), show, exits.OK if all_known else exits.PROBLEM)


@ids.add(
    "show",
    en="Show what every system calls it, and its fields with their sources.",
    zh="显示各系统中的编号，以及各字段的值与来源。",
)
@click.argument("master_id")
def show_one(desk: Desk, master_id: str) -> Said:
    """Show one entity."""
    found = api.get_entity(desk.call, master_id)

    def show(console: Console) -> None:
        moved = word(f" (asked as {found.requested})", f"（查询的是 {found.requested}）") if found.moved else ""
        console.print(f"[bold]{escape(found.master_id)}[/] · {escape(found.type)}{escape(moved)}")
        rows = [(one.connector, one.external_id, one.origin, desk.when(one.first_seen)) for one in found.external_ids]
        show_table(console, ("Connector", "Known as", "Origin", "First seen"), rows)
        console.print()
        values = [
            (
                name,
                one.value if one.state == "present" else one.state,
                one.source,
                desk.when(one.source_at or one.observed_at),
                len(one.others) or None,
            )
            for name, one in found.fields.items()
        ]
        show_table(console, ("Field", "Value", "Source", "At", "Others"), values)

    return Said(plain(found), show)
