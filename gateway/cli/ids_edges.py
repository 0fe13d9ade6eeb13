"""`tieline ids merge`, `unmerge`, `distinct` and what belongs to them: what a steward says about master IDs."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import edges as api
from gateway.api.identity import Resolved
from gateway.cli.asked import form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import show_table
from gateway.consequences import Consequences

edges = Group("edges", en="What a steward says about master IDs.", zh="数据管理员对主标识的声明。")

_WHY = option("--why", required=True, en="Why; it is kept with the edge.", zh="原因；与该关系一并保存。")
_DRY = option(
    "--dry-run",
    is_flag=True,
    en="Show what would follow (keys, bridges, snapshots, tickets), and change nothing.",
    zh="只显示影响（编号、桥接规则、快照、工单），不做更改。",
)


@edges.add(
    "merge", en="Say that two master IDs are one thing; unmerge undoes it.", zh="声明两个主标识为同一对象；可用 unmerge 撤销。"
)
@click.argument("one")
@click.argument("other")
@_WHY
@_DRY
def merge(desk: Desk, one: str, other: str, why: str, dry_run: bool) -> Said:
    """Merge two master IDs, or show what that would do."""
    pair = form(api.Pair, one=one, other=other, why=why)
    return _said(api.merge_entities(desk.call, api.Trying(dry_run=dry_run), pair))


@edges.add(
    "distinct",
    en="Say that two master IDs are not one thing, and may not become it through others.",
    zh="声明两个主标识不是同一对象，也不得经由其他对象合并。",
)
@click.argument("one")
@click.argument("other")
@_WHY
@_DRY
def distinct(desk: Desk, one: str, other: str, why: str, dry_run: bool) -> Said:
    """Keep two master IDs apart."""
    pair = form(api.Pair, one=one, other=other, why=why)
    return _said(api.declare_distinct(desk.call, api.Trying(dry_run=dry_run), pair))


@edges.add(
    "unmerge", en="End an edge, of either kind, whatever was made after it.", zh="撤销一条关系（合并或区分），与后续操作无关。"
)
@click.argument("edge")
@_DRY
def unmerge(desk: Desk, edge: str, dry_run: bool) -> Said:
    """End an edge."""
    return _said(api.end_edge(desk.call, edge, api.Trying(dry_run=dry_run)))


@edges.add(
    "survive",
    en="Wish that a master ID survives its merges; without a rank the wish is withdrawn.",
    zh="指定主标识在合并后保留；不带 rank 则取消指定。",
)
@click.argument("master_id")
@click.argument("rank", type=int, required=False)
@_DRY
def pin(desk: Desk, master_id: str, rank: int | None, dry_run: bool) -> Said:
    """Pin a survivor, or withdraw that."""
    return _said(api.pin_entity(desk.call, api.Trying(dry_run=dry_run), form(api.Preference, master_id=master_id, rank=rank)))


@edges.add(
    "assign",
    en="Answer whose an external id is that came while two things were one.",
    zh="确认在合并期间出现的外部编号归属哪个主标识。",
)
@click.argument("connector")
@click.argument("entity")
@click.argument("external_id")
@click.argument("master_id")
def assign(desk: Desk, connector: str, entity: str, external_id: str, master_id: str) -> Said:
    """Assign an external id and close its question."""
    asked = form(api.Assignment, connector=connector, entity=entity, external_id=external_id, master_id=master_id)
    found: Resolved = api.assign_id(desk.call, asked)
    text = f"{found.external_id} → {found.master_id}"
    return Said(plain(found), lambda console: console.print(escape(text)))


@edges.add("events", en="Read what happened to master IDs, oldest first.", zh="按时间顺序读取主标识的合并与拆分记录。")
@option("--after", type=int, default=0, en="Behind the entry with this id.", zh="从该编号之后开始。")
@option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, en="At most so many.", zh="最多条数。")
def events(desk: Desk, after: int, limit: int) -> Said:
    """Show the stream of merges and unmerges."""
    found = api.list_identity_events(desk.call, api.Place(after=after, limit=limit))

    def show(console: Console) -> None:
        rows = [
            (one.id, desk.when(one.at), one.type, each.master_id, each.before, each.after, one.made_by)
            for one in found.items
            for each in one.moved
        ]
        show_table(console, ("Id", "At", "Type", "Master ID", "Before", "After", "By"), rows)

    return Said(plain(found), show)


def _said(found: api.Changed) -> Said:
    def show(console: Console) -> None:
        if not found.new:
            console.print(word("Nothing changed: it was so already.", "无变化：已是如此。"))
        show_table(
            console,
            ("Master ID", "Before", "After"),
            [(one.master_id, one.before, one.after) for one in found.moved],
            nothing=("No master ID answers through another than before.", "没有主标识的归属发生变化。"),
        )
        if found.asked:
            asked = (
                f"{found.asked} keys: a person is asked whose they are (tieline repairs).",
                f"{found.asked} 个编号待确认归属（tieline repairs）。",
            )
            console.print(word(*asked))
        if found.edge_id and not found.dry_run:
            console.print(word(f"edge {found.edge_id}", f"关系编号 {found.edge_id}"), style="dim")
        if found.consequences is not None:
            _consequences(console, found.consequences)

    return Said(plain(found), show)


def _consequences(console: Console, what: Consequences) -> None:
    console.print(word("\nThis was a dry run. What would follow:", "\n仅为预演，影响如下："), style="bold")
    show_table(
        console,
        ("Connector", "External id", "Before", "After"),
        [(one.connector, one.external_id, one.before, one.after) for one in what.keys],
        nothing=("No key answers through another master ID.", "没有编号改变归属。"),
    )
    rows: list[tuple[str, object]] = [(f"{one.master_id} + / -", f"{one.gained} / {one.lost}") for one in what.balance]
    rows += [(word("bridge", "桥接规则"), f"{one.name} ({one.how})") for one in what.bridges]
    rows.append((word("waiting actions", "待执行动作"), what.waiting_actions))
    rows.append((word("snapshots", "快照"), what.snapshot_count))
    rows += [(word("named by", "被引用"), f"{one.master_id} .{one.field}") for one in what.tickets]
    show_table(console, ("What", "Detail"), rows)
