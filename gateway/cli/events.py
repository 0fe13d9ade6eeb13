"""`tieline events`: what arrived, what was parsed from it, what the doors turned away."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from gateway.api import arrivals as api
from gateway.api.actions import Reason
from gateway.cli.asked import STATE, form, paged, window
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option
from gateway.cli.tables import brief, more, show_table
from gateway.cli.why import show_trail
from gateway.shapes import Paged

events = Group("events", en="What arrived, and what became of it.", zh="收到的内容及其处理结果。")

_CONNECTOR = option("--connector", en="Only of this connector.", zh="仅此连接器。")
_STATE = option("--state", type=STATE, en="Only in this state.", zh="仅此状态。")


@events.add("list", en="List events, newest first.", zh="列出事件，最新在前。")
@_CONNECTOR
@_STATE
@option("--type", en="alert.created, ticket.changed, …", zh="事件种类，如 alert.created。")
@option("--master-id", en="Only of this master ID.", zh="仅此主标识。")
@window
@paged
def list_events(desk: Desk, **given: Any) -> Said:
    """List what was parsed."""
    found = api.list_events(desk.call, api.EventFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [
            (
                one.id,
                desk.when(one.handled_at),
                one.type,
                one.connector,
                one.master_id or one.external_id,
                str(one.state),
                brief(one.reason or one.held_by),
            )
            for one in found.items
        ]
        show_table(console, ("Id", "At", "Type", "Connector", "Master ID", "State", "Reason"), rows)
        more(console, found.next)

    return Said(plain(found), show)


@events.add("deliveries", en="List deliveries, parsed or not, newest first.", zh="列出收到的消息（无论是否已解析）。")
@_CONNECTOR
@_STATE
@window
@paged
def deliveries(desk: Desk, **given: Any) -> Said:
    """List what was accepted."""
    found = api.list_deliveries(desk.call, api.DeliveryFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [
            (
                one.receipt,
                desk.when(one.received_at),
                one.connector,
                one.origin,
                one.seen,
                one.size,
                one.events,
                str(one.state),
                brief(one.reason or one.held_by),
            )
            for one in found.items
        ]
        heads = ("Receipt", "Received", "Connector", "Origin", "Seen", "Size", "Events", "State", "Reason")
        show_table(console, heads, rows)
        more(console, found.next)

    return Said(plain(found), show)


@events.add("refusals", en="List what the doors turned away, and why.", zh="列出被入口拒绝的消息及原因。")
@_CONNECTOR
@option("--code", en="Only with this code.", zh="仅此错误代码。")
@paged
def refusals(desk: Desk, **given: Any) -> Said:
    """List what was refused."""
    found = api.list_refusals(desk.call, api.RefusalFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [(desk.when(one.at), one.connector, one.code, one.detail, one.size) for one in found.items]
        show_table(console, ("At", "Connector", "Code", "Detail", "Size"), rows)
        more(console, found.next)

    return Said(plain(found), show)


@events.add("conflicts", en="List other bodies that came under a known id.", zh="列出同一编号下内容不同的消息。")
@paged
def conflicts(desk: Desk, **given: Any) -> Said:
    """List conflicts; both bodies are kept."""
    found = api.list_conflicts(desk.call, Paged.model_construct(**given))

    def show(console: Console) -> None:
        rows = [(desk.when(one.at), one.receipt, one.connector, one.external_id, one.seen) for one in found.items]
        show_table(console, ("At", "Receipt", "Connector", "External id", "Seen"), rows)
        more(console, found.next)

    return Said(plain(found), show)


@events.add(
    "show", en="Say what became of an event (evt_…) or a receipt (rcp_…).", zh="显示事件（evt_…）或回执（rcp_…）的全部经过。"
)
@click.argument("id")
def show_event(desk: Desk, id: str) -> Said:  # noqa: A002 - the argument's own name
    """Show the whole trail."""
    found = api.explain_event(desk.call, id)
    return Said(plain(found), lambda console: show_trail(console, found))


@events.add(
    "skip",
    en="Decide that a dead or held delivery shall not be handled; who and why are kept.",
    zh="决定不处理某条失败或被暂停的消息，并记录人员与原因。",
)
@click.argument("receipt")
@option("--why", required=True, en="The reason; it is kept with the delivery.", zh="原因，将随消息保存。")
def skip(desk: Desk, receipt: str, why: str) -> Said:
    """Skip it."""
    found = api.skip_delivery(desk.call, receipt, form(Reason, why=why))
    return Said(plain(found), lambda console: show_trail(console, found))
