"""`tieline ids`: who an external id is, and what is known of a master ID."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape

from core.clock import to_rfc3339
from gateway.api import crosswalk
from gateway.api import identity as api
from gateway.cli import exits, matching
from gateway.cli.asked import MOMENT, form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.ids_edges import edges
from gateway.cli.ids_files import files
from gateway.cli.ids_shapes import shapes
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import show_table
from mappings.identity import Mode

ids = Group("ids", en="Master IDs: who is who across all systems.", zh="主标识：各系统中的同一对象。")
matching.add_to(ids)


@ids.add("resolve", en="Say which master ID external ids have; nothing is minted.", zh="查询外部编号对应的主标识（不新建）。")
@click.argument("connector")
@click.argument("entity")
@click.argument("external_ids", nargs=-1, required=True)
@option(
    "--at",
    type=MOMENT,
    en="As the ids were used at that time (a re-used asset tag).",
    zh="按该时刻的使用情况查询（资产编号可能被复用）。",
)
def resolve(desk: Desk, connector: str, entity: str, external_ids: tuple[str, ...], at: int | None) -> Said:
    """Look ids up in the crosswalk."""
    asked = [form(api.AskedId, connector=connector, entity=entity, external_id=one) for one in external_ids]
    found = api.resolve_ids(desk.call, form(api.Asks, items=asked, at=to_rfc3339(at)))
    return said_ids(found)


@ids.add(
    "write",
    en="Give external ids their master IDs: add (new thing), link (known thing), update (replaces an id), resolve_or_mint.",
    zh="写入外部编号：add（新对象）、link（已有对象）、update（替换旧编号）、resolve_or_mint（已有或新建）。",
)
@click.argument("mode", type=click.Choice([str(mode) for mode in Mode]))
@click.argument("connector")
@click.argument("entity")
@click.argument("external_ids", nargs=-1, required=True)
@option("--master-id", en="link, update: whose the id is.", zh="link、update：编号所属的主标识。")
@option("--replaces", en="update: the id whose place it takes.", zh="update：被替换的编号。")
def write(
    desk: Desk,
    mode: str,
    connector: str,
    entity: str,
    external_ids: tuple[str, ...],
    master_id: str | None,
    replaces: str | None,
) -> Said:
    """Write the crosswalk on purpose; anything but the expected state is an error."""
    items = [
        {"connector": connector, "entity": entity, "external_id": one, "master_id": master_id, "replaces": replaces}
        for one in external_ids
    ]
    return said_ids(crosswalk.write_ids(desk.call, form(crosswalk.Entries, mode=mode, items=items)))


@ids.add(
    "close",
    en="Say that the source uses an id for another thing from now on: its next sight mints.",
    zh="声明来源系统已将该编号用于其他对象：下次出现时新建主标识。",
)
@click.argument("connector")
@click.argument("entity")
@click.argument("external_id")
@option("--at", type=MOMENT, en="Since when; now, if left out.", zh="起始时刻；默认为当前。")
def close(desk: Desk, connector: str, entity: str, external_id: str, at: int | None) -> Said:
    """Close an external id."""
    asked = form(crosswalk.Closing, connector=connector, entity=entity, external_id=external_id, at=to_rfc3339(at))
    found = crosswalk.close_id(desk.call, asked)
    done = word(
        f"{found.external_id} was {found.master_id} until {desk.when(found.as_of)}.",
        f"{found.external_id} 在 {desk.when(found.as_of)} 之前对应 {found.master_id}。",
    )
    return Said(plain(found), lambda console: console.print(escape(done)))


def said_ids(found: api.AllResolved) -> Said:
    """Show external ids with their master IDs; ends with 1 if one has none."""

    def show(console: Console) -> None:
        rows = [(one.external_id, one.master_id, one.requested if one.moved else None, one.problem) for one in found.items]
        show_table(console, ("External id", "Master ID", "Given to", "Problem"), rows)

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


for part in (edges, shapes, files):
    ids.commands.update(part.commands)
