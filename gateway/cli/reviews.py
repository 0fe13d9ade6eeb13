"""`tieline reviews`: pairs that a person has to judge."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import reviews as api
from gateway.cli import exits
from gateway.cli.asked import MOMENT, form, paged
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, language, option, word
from gateway.cli.tables import more, show_table

reviews = Group("reviews", en="Pairs that a person has to judge: same, distinct or later.", zh="待审：须由人判断的记录对。")

STATES = ("open", "later", "same", "distinct", "gone")
REASONS = ("unsure", "contested", "guarded", "kept_apart")


@reviews.add("list", en="List the pairs that wait for a person.", zh="列出待判断的记录对。")
@option("--state", type=click.Choice(STATES), en="Only in this state.", zh="仅此状态。")
@option("--entity", en="Only of this entity.", zh="仅此实体。")
@option("--reason", type=click.Choice(REASONS), en="Only for this reason.", zh="仅此原因。")
@option("--assignee", en="Only of this person.", zh="仅此人。")
@option("--nobody", is_flag=True, en="Only those that nobody has.", zh="仅未分配的。")
@option("--master-id", en="Only with this master ID.", zh="仅含此主标识。")
@paged
def list_reviews(desk: Desk, nobody: bool, **given: Any) -> Said:
    """List reviews."""
    if nobody:
        given["assignee"] = ""
    found = api.list_reviews(desk.call, api.ReviewFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [(one.id, one.one, one.other, f"{one.points:g}", _in(one.why), one.state, one.assignee) for one in found.items]
        nothing = ("Nothing waits for a person.", "没有待判断的记录对。")
        show_table(console, ("Id", "Master ID", "Other", "Points", "Why", "State", "Assignee"), rows, nothing=nothing)
        more(console, found.next)

    return Said(plain(found), show)


@reviews.add("show", en="Show a pair with its evidence and every decision about it.", zh="显示一对记录的证据及历次判断。")
@click.argument("id")
def show_one(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Show one review."""
    found = api.get_review(desk.call, id)

    def show(console: Console) -> None:
        console.print(f"[bold]{escape(found.one)}[/] · [bold]{escape(found.other)}[/] · {found.points:g} · {found.state}")
        console.print(_in(found.why), markup=False)
        if set(found.behind) != {found.one, found.other}:
            console.print(" · ".join(found.behind), markup=False)
        rows = [(one.field, one.compared_as, one.level, f"{one.points:+g}") for one in found.fields]
        show_table(console, ("Field", "Compared as", "Seen as", "Points"), rows)
        if found.decisions:
            console.print()
            made = [
                (one.id, one.verdict, one.made_by, desk.when(one.made_at), one.why, one.undone_by) for one in found.decisions
            ]
            show_table(console, ("Id", "Verdict", "By", "At", "Why", "Undone by"), made)
        console.print(
            word(
                f"More: tieline ids explain {found.one} {found.other}", f"详情：tieline ids explain {found.one} {found.other}"
            ),
            style="dim",
        )

    return Said(plain(found), show)


@reviews.add("assign", en="Give reviews to somebody (with --nobody: to nobody).", zh="将待审分配给某人（--nobody 取消分配）。")
@click.argument("ids", nargs=-1, required=True, type=int)
@option("--to", "assignee", en="Who is to judge them.", zh="负责人。")
@option("--nobody", is_flag=True, en="Take them from whoever has them.", zh="取消分配。")
def assign(desk: Desk, ids: tuple[int, ...], assignee: str | None, nobody: bool) -> Said:
    """Assign reviews."""
    if nobody is (assignee is not None):
        raise click.UsageError(word("Say --to WHO or --nobody.", "请指定 --to 某人 或 --nobody。"))
    done = api.assign_reviews(desk.call, form(api.Handover, ids=list(ids), assignee=assignee))
    return Said(plain(done), lambda console: console.print(word(f"{done.count} assigned.", f"已分配 {done.count} 项。")))


@reviews.add("decide", en="Judge pairs, one or many: same, distinct or later.", zh="判断一对或多对记录：相同、不同或稍后。")
@click.argument("verdict", type=click.Choice(("same", "distinct", "later")))
@click.argument("ids", nargs=-1, required=True, type=int)
@option("--why", en="Why, for whoever asks later.", zh="原因，供以后查询。")
@option("--until", type=MOMENT, en="Later: when it comes back.", zh="稍后：何时重新出现。")
def decide(desk: Desk, verdict: str, ids: tuple[int, ...], why: str | None, until: int | None) -> Said:
    """Decide reviews; ends with 1 if one could not be decided."""
    body = api.Verdicts.model_construct(ids=list(ids), verdict=verdict, why=why, until=until)
    return _said(api.decide_reviews(desk.call, body))


@reviews.add("undo", en="Take decisions back; the edge that each made is ended.", zh="撤销判断；其建立的关联随之撤销。")
@click.argument("ids", nargs=-1, required=True, type=int)
def undo(desk: Desk, ids: tuple[int, ...]) -> Said:
    """Undo decisions; ends with 1 if one could not be undone."""
    return _said(api.undo_reviews(desk.call, form(api.Undo, ids=list(ids))))


def _said(done: api.AllDecided) -> Said:
    def show(console: Console) -> None:
        rows = []
        for one in done.items:
            moved = "" if one.changed is None else ", ".join(f"{move.master_id} -> {move.after}" for move in one.changed.moved)
            rows.append((one.id, one.problem is None, moved, one.problem))
        show_table(console, ("Id", "Done", "Changed", "Problem"), rows)

    return Said(plain(done), show, exits.OK if all(one.problem is None for one in done.items) else exits.PROBLEM)


def _in(told: Any) -> str:
    return str(told.zh if language() == "zh" else told.en)
