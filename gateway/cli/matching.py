"""`tieline ids match|explain|golden|pin|tune`: are these two one thing, and which value counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import golden as golden_api
from gateway.api import matching as api
from gateway.cli.asked import form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, language, option, word
from gateway.cli.tables import show_table


def add_to(ids: Group) -> None:
    """Add the commands of matching to `tieline ids`."""
    for one in (match, explain, golden, pin, tune):
        ids.add_command(one)


_group = Group("ids", en="", zh="")


@_group.add(
    "match",
    en="Find records that are one thing: join what is sure, ask about the rest.",
    zh="查找属于同一对象的记录：确定的自动关联，其余提交审核。",
)
@click.argument("entity")
@option("--all", "everything", is_flag=True, en="Everything again, not only what is new or changed.", zh="全部重新比对。")
@option("--dry-run", "dry", is_flag=True, en="Only say what would be done.", zh="仅说明将要执行的操作。")
def match(desk: Desk, entity: str, everything: bool, dry: bool) -> Said:
    """Match an entity in short transactions, with a progress bar."""
    from bridges.moves import announce
    from mappings.matching import batch

    db = desk.db
    with db.read() as conn:
        rule = api.rule_of(conn, entity)
    with desk.bar(word(f"Comparing {entity} …", f"正在比对 {entity} …"), 100) as move:

        def progress(done: int, total: int) -> None:
            move(100 * done // max(1, total))

        found = batch.match(
            db,
            rule,
            everything=everything,
            dry=dry,
            progress=progress,
            joined=lambda conn, change: announce(db, conn, "merged", change),
        )
    document = {"entity": entity, "dry_run": dry, **asdict(found)}

    def show(console: Console) -> None:
        done = word("would join" if dry else "joined", "将关联" if dry else "已关联")
        asked = word("would ask about" if dry else "asked about", "将提交审核" if dry else "已提交审核")
        console.print(
            word(
                f"{found.compared} compared ({found.prepared} prepared anew): {done} {found.linked}, {asked} {found.proposed}.",
                f"比对 {found.compared} 条（新准备 {found.prepared} 条）：{done} {found.linked} 对，"
                f"{asked} {found.proposed} 对。",
            )
        )
        if found.proposed and not dry:
            console.print(word("Next: tieline reviews", "下一步：tieline reviews"), style="dim")

    return Said(document, show)


@_group.add(
    "explain",
    en="Say why two master IDs are one or not, and what would have to change.",
    zh="说明两个主标识为何相同或不同，以及如何改变。",
)
@click.argument("one")
@click.argument("other")
def explain(desk: Desk, one: str, other: str) -> Said:
    """Show the evidence field by field, in the reader's language."""
    found = api.explain_pair(desk.call, form(api.PairAsked, one=one, other=other))

    def show(console: Console) -> None:
        console.print(f"[bold]{escape(found.one)}[/] · [bold]{escape(found.other)}[/]")
        for told in found.says:
            console.print(_in(told), markup=False)
        _section(console, word("Evidence", "证据"), found.reasons)
        _section(console, word("What would change it", "如何改变"), found.changes)
        if found.review is not None:
            console.print(word(f"Review: tieline reviews show {found.review}", f"审核：tieline reviews show {found.review}"))

    return Said(plain(found), show)


def _section(console: Console, title: str, told: list[api.Both]) -> None:
    if told:
        console.print(f"\n[bold]{title}[/]")
        for one in told:
            console.print(f"  {_in(one)}", markup=False)


def _in(told: api.Both) -> str:
    return told.zh if language() == "zh" else told.en


@_group.add(
    "golden",
    en="Show one value per field, why it won, and what lost.",
    zh="显示每个字段的采用值、采用原因及落选值。",
)
@click.argument("master_id")
def golden(desk: Desk, master_id: str) -> Said:
    """Show the golden record."""
    return _golden(golden_api.get_golden(desk.call, master_id))


@_group.add(
    "pin",
    en="Let one source's word count for a field, whatever its time and order.",
    zh="指定某字段以某来源为准，不论时间与来源顺序。",
)
@click.argument("master_id")
@click.argument("field")
@click.argument("source", required=False)
@option("--why", en="Why, for whoever asks later.", zh="原因，供以后查询。")
def pin(desk: Desk, master_id: str, field: str, source: str | None, why: str | None) -> Said:
    """Pin a source; without one, withdraw the pin."""
    body = form(golden_api.Pin, field=field, source=source, why=why)
    return _golden(golden_api.pin_field(desk.call, master_id, body))


def _golden(found: golden_api.GoldenRecord) -> Said:
    def show(console: Console) -> None:
        console.print(f"[bold]{escape(found.master_id)}[/] · {escape(found.type)}")
        rows = []
        for one in found.fields:
            others = "; ".join(f"{lost.source}: {_value(lost)}" for lost in one.losers)
            rows.append((one.field, _value(one), one.source, _in(one.why), others))
        show_table(console, ("Field", "Value", "Source", "Why", "Others"), rows)

    return Said(plain(found), show)


def _value(one: Any) -> str:
    return str(one.value) if one.state == "present" else str(one.state)


@_group.add(
    "tune",
    en="Show precision and recall on the stewards' own decisions, and propose thresholds.",
    zh="依据人工判断显示各阈值的精确率与召回率，并建议阈值。",
)
@click.argument("entity")
def tune(desk: Desk, entity: str) -> Said:
    """Show the curve and the proposal."""
    found = api.tune_thresholds(desk.call, form(api.EntityAsked, entity=entity))

    def show(console: Console) -> None:
        rows = [
            (f"{one.threshold:g}", one.linked, f"{one.precision:.4f}", f"{one.surely:.4f}", f"{one.recall:.4f}")
            for one in found.curve
        ]
        nothing = ("Nobody has judged a pair yet.", "尚无人工判断。")
        show_table(console, ("Points", "Joined", "Precision", "Surely", "Recall"), rows, nothing=nothing)
        console.print(
            word(
                f"{found.same} joined and {found.distinct} parted by people."
                f" Today: link {found.link:g}, review {found.review:g}.",
                f"人工判断相同 {found.same} 对，不同 {found.distinct} 对。当前：关联 {found.link:g}，审核 {found.review:g}。",
            )
        )
        console.print(_proposal(found), markup=False)

    return Said(plain(found), show)


def _proposal(found: api.Tuned) -> str:
    if found.proposed_link is None or found.proposed_review is None:
        return word("Too few decisions of each sort to propose anything.", "两类判断数量不足，暂不建议。")
    link, review = f"{found.proposed_link:g}", f"{found.proposed_review:g}"
    return word(
        f"Proposed, in the entity's `match`: link: {link}, review: {review}",
        f"建议写入实体的 match：link: {link}，review: {review}",
    )
