"""`tieline repairs`: what a person must fix."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from gateway.api import repairs as api
from gateway.cli import exits
from gateway.cli.asked import paged
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option
from gateway.cli.tables import more, show_table

repairs = Group("repairs", en="What a person must fix; each closes by itself when it is gone.", zh="待修项：修好后自动关闭。")


@repairs.add("list", en="List the open repairs; ends with 1 if there is one.", zh="列出待修项；存在时退出码为 1。")
@option("--closed", is_flag=True, en="Also those that are gone.", zh="包括已关闭的。")
@paged
def list_repairs(desk: Desk, **given: Any) -> Said:
    """List repairs with their fix."""
    found = api.list_repairs(desk.call, api.RepairFilter.model_construct(**given))

    def show(console: Console) -> None:
        rows = [(one.key, desk.when(one.opened_at), one.seen, one.what, one.why, one.fix) for one in found.items]
        nothing = ("Nothing is to be repaired.", "没有待修项。")
        show_table(console, ("Code", "Opened", "Seen", "Problem", "Why", "Fix"), rows, nothing=nothing)
        more(console, found.next)

    open_ones = [one for one in found.items if one.closed_at is None]
    return Said(plain(found), show, exits.PROBLEM if open_ones else exits.OK)
