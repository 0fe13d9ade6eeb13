"""`tieline explain` and `tieline replay`: why did this happen, or not, and what if it came again."""

from __future__ import annotations

import time
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from sqlalchemy import func, select

from core.tables import delivery
from core.words import State
from gateway.api import actions as actions_api
from gateway.api import arrivals
from gateway.api import replay as api
from gateway.cli import exits
from gateway.cli.asked import STATE, can_ask, window
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import command, option, word
from gateway.cli.tables import cell, show_table


@command("explain", en="Say what became of an event, receipt or action, and why.", zh="解释事件、回执或动作的经过与原因。")
@click.argument("id")
def explain(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Tell the trail of evt_…, rcp_… or act_…."""
    if id.startswith("act_"):
        action = actions_api.get_action(desk.call, id)
        return Said(plain(action), lambda console: show_action(console, desk, action))
    trail = arrivals.explain_event(desk.call, id)
    return Said(plain(trail), lambda console: show_trail(console, trail))


def show_trail(console: Console, trail: arrivals.Trail) -> None:
    """Show the sentences, then what held or failed with its fix."""
    for line in trail.summary:
        console.print(escape(line), soft_wrap=True)
    document = plain(trail)
    repairs = [holder.get("repair") for holder in (document["delivery"], *document["events"])]
    for repair in {one["key"]: one for one in repairs if one}.values():
        console.print(
            f"[magenta]{word('to repair', '待修')}:[/] {escape(repair['what'])} {escape(repair['why'])}", soft_wrap=True
        )
        console.print(f"  {word('fix', '处理')}: {escape(repair['fix'])}", soft_wrap=True)


def show_action(console: Console, desk: Desk, action: actions_api.ActionTrail) -> None:
    """Show an action, what it was to write, and every attempt."""
    parts = [f"[bold]{escape(action.id)}[/] {escape(action.act)}", escape(action.connector or ""), cell(str(action.state))]
    console.print(" · ".join(one for one in parts if one), escape(action.reason or action.held_by or ""))
    arrow = f"{action.bridge}/{action.step} → {action.target or ''} {action.external_id or ''}"
    console.print(word("  bridge ", "  桥接规则 ") + escape(arrow))
    for name, value in (action.arguments or {}).items():
        console.print(f"  {escape(name)} = {escape(str(value))}", soft_wrap=True)
    rows = [(one.n, desk.when(one.started_at), one.outcome, one.code, _said(one.detail)) for one in action.attempts]
    show_table(console, ("Attempts", "At", "Status", "Code", "Detail"), rows, nothing=("No attempt yet.", "尚未尝试。"))


def _said(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(str(detail[name]) for name in ("what", "why", "fix") if detail.get(name))
    return str(detail or "")


@command(
    "replay",
    en="Handle again what was received: the plan first, the same keys always.",
    zh="重新处理已接收的内容：先预演，键不变。",
)
@click.argument("id", required=False)
@option("--connector", en="Everything of this connector.", zh="此连接器的全部内容。")
@option("--bridge", en="Everything this bridge decided on.", zh="此桥接规则判定过的全部内容。")
@option("--mapping", en="What this mapping refused or quarantined.", zh="被此映射拒绝或隔离的内容。")
@option("--state", type=STATE, en="Everything in this state.", zh="处于此状态的全部内容。")
@window
@option("--run", "for_real", is_flag=True, en="Do it; without this it is a dry run.", zh="真正执行；否则仅预演。")
@option("--yes", is_flag=True, en="Do not ask.", zh="不再确认。")
@option(
    "--wait",
    type=click.IntRange(0, 3600),
    default=0,
    metavar="SECONDS",
    en="Then wait until it is handled.",
    zh="执行后等待处理完成的秒数。",
)
def replay(desk: Desk, for_real: bool, yes: bool, wait: int, **choice: Any) -> Said:
    """Show what a replay would do; with --run, do it."""
    which = api.Which.model_construct(**{**choice, "state": choice["state"] and State(choice["state"])})
    with desk.waiting(word("Working out what would happen …", "正在预演 …")):
        planned = api.plan_replay(desk.call, which)
    if not for_real:
        return Said(plain(planned), lambda console: _show_replay(console, planned))
    if not yes and can_ask():
        _show_replay(desk.errors, planned)
        click.confirm(word("Replay these?", "确认重放？"), abort=True, err=True)
    done = api.run_replay(desk.call, which)
    open_rows = _wait(desk, done.deliveries, wait) if wait else 0
    return Said(plain(done), lambda console: _show_replay(console, done), exits.PROBLEM if open_rows else exits.OK)


def _show_replay(console: Console, found: api.Replayed) -> None:
    count = len(found.deliveries)
    if not found.dry:
        console.print(word(f"{count} deliveries are due again.", f"{count} 条消息已重新排队。"))
        return
    console.print(word(f"Dry run: {count} deliveries; nothing was sent.", f"预演：{count} 条消息；未发送任何内容。"))
    if found.portions > 1:
        en = f"Tried in {found.portions} parts, so that nobody waits; what one part would have taught, the next does not know."
        console.print(word(en, f"分 {found.portions} 部分预演，以免阻塞他人；各部分互不知晓对方的结果。"))
    decided = [(one["bridge"], one["verdict"], one.get("clause"), one.get("reason")) for one in found.decisions]
    show_table(
        console,
        ("Bridge", "Decision", "Field", "Reason"),
        decided,
        nothing=("No bridge would decide on them.", "没有桥接规则会判定。"),
    )
    rows: list[tuple[Any, ...]] = [
        (one["bridge"], one["step"], one["act"], one.get("connector"), word("new", "新增")) for one in found.actions
    ]
    rows += [(one["bridge"], one["step"], one["act"], one.get("connector"), one.get("state")) for one in found.already]
    show_table(
        console, ("Bridge", "Step", "Act", "Connector", "State"), rows, nothing=("No action would follow.", "不会产生动作。")
    )


def _wait(desk: Desk, receipts: list[str], seconds: int) -> int:
    """Watch the replayed deliveries until none waits; return how many still do when the time is over."""
    until = time.monotonic() + seconds
    left = len(receipts)
    with desk.bar(word("Handling", "处理中"), len(receipts)) as move:
        while left and time.monotonic() < until:
            left = sum(_waiting(desk, receipts[start : start + 500]) for start in range(0, len(receipts), 500))
            move(len(receipts) - left)
            time.sleep(0.2)
    return left


def _waiting(desk: Desk, receipts: list[str]) -> int:
    query = select(func.count()).where(delivery.c.receipt.in_(receipts), delivery.c.state == State.WAITING.value)
    with desk.db.read() as conn:
        return int(conn.execute(query).scalar_one())
