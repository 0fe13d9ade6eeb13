"""`tieline actions`: what is to be done in other systems, and what a person may decide about it."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from core.words import State
from gateway.api import actions as api
from gateway.cli.asked import STATE, form, paged
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option
from gateway.cli.tables import brief, more, show_table
from gateway.cli.why import show_action

actions = Group("actions", en="What is to be done in other systems, and how far it is.", zh="待在其他系统执行的动作及进度。")


@actions.add("list", en="List actions, newest first.", zh="列出动作，最新在前。")
@option("--connector", en="Only on this connector.", zh="仅此连接器。")
@option("--bridge", en="Only of this bridge.", zh="仅此桥接规则。")
@option("--state", type=STATE, en="Only in this state.", zh="仅此状态。")
@paged
def list_actions(desk: Desk, **given: Any) -> Said:
    """List actions."""
    given["state"] = given["state"] and State(given["state"])
    found = api.list_actions(desk.call, api.ActionFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [
            (
                one.id,
                one.bridge,
                one.step,
                one.act,
                one.connector,
                one.target,
                str(one.state),
                one.attempts,
                brief(one.reason or one.held_by) or desk.when(one.next_at),
            )
            for one in found.items
        ]
        heads = ("Id", "Bridge", "Step", "Act", "Connector", "Target", "State", "Attempts", "Reason")
        show_table(console, heads, rows)
        more(console, found.next)

    return Said(plain(found), show)


@actions.add("show", en="Show an action with every attempt.", zh="显示动作及每次尝试。")
@click.argument("id")
def show_one(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Show one action."""
    return _said(desk, api.get_action(desk.call, id))


@actions.add(
    "retry", en="Try a dead or waiting action now; the same key, so one effect.", zh="立即重试（键不变，不会重复生效）。"
)
@click.argument("id")
def retry(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Make it due now."""
    return _said(desk, api.retry_action(desk.call, id))


@actions.add(
    "skip", en="Decide that an action is rightly not done; who and why are kept.", zh="决定不执行该动作，并记录人员与原因。"
)
@click.argument("id")
@option("--why", required=True, en="The reason; it is kept with the action.", zh="原因，将随动作保存。")
def skip(desk: Desk, id: str, why: str) -> Said:  # noqa: A002 - the argument's own name
    """Skip it."""
    return _said(desk, api.skip_action(desk.call, id, form(api.Reason, why=why)))


@actions.add("release", en="Let a held action go on.", zh="放行被暂停的动作。")
@click.argument("id")
def release(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Release it."""
    return _said(desk, api.release_action(desk.call, id))


def _said(desk: Desk, found: api.ActionTrail) -> Said:
    return Said(plain(found), lambda console: show_action(console, desk, found))
