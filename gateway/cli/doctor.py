"""`tieline doctor`: is everything well here, and if not, what to do."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any

from rich.console import Console
from sqlalchemy import select

from bridges.accounting import balance
from bridges.admission import Admission
from bridges.progress import oldest_unclaimed
from bridges.refusals import refusing
from bridges.retention import behind_s
from core.clock import SECOND, to_rfc3339
from core.errors import TielineError
from core.repairs import open_repairs
from core.tables import connector as connector_table
from core.tables import stream as stream_table
from gateway import registering
from gateway.cli import exits
from gateway.cli.desk import Desk, Said
from gateway.cli.speech import command, option, word
from gateway.cli.tables import show_table

NAMES = {
    "home": "数据目录",
    "store": "数据库",
    "clock": "时钟",
    "key file": "密钥文件",
    "key": "密钥文件",
    "secrets": "密钥",
    "accounting": "账目",
    "dead actions": "失败的动作",
    "dead deliveries": "失败的投递",
    "progress": "处理进度",
    "doors": "入口",
    "retention": "归档",
    "repairs": "待修项",
    "repair": "待修项",
    "connectors": "连接器",
    "connector": "连接器",
    "streams": "数据流",
    "stream": "数据流",
    "deep": "检查",
    "check": "检查",
}
"""Everything that is looked at, and what it is in Chinese; a finding about one thing has its name behind that."""

SLOW_S = 60.0
"""A due row that waits longer than this says that no worker looks."""
LATE_S = 86_400.0
"""Archiving that is further behind than this does not get on."""
LITTLE_SPACE = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


@command("doctor", en="Look whether everything is well, and say what to do if not.", zh="全面检查，并给出处理建议。")
@option("--check", "deep", is_flag=True, en="Also check every connector now.", zh="同时立即检查每个连接器。")
@option("--settings", "only_settings", is_flag=True, en="Only print the settings in force.", zh="仅显示当前设置。")
def doctor(desk: Desk, deep: bool, only_settings: bool) -> Said:
    """Run every examination; one that fails does not stop the others."""
    rows = desk.settings.as_rows()
    shown = [{"name": name, "value": value, "help": text} for name, value, text in rows]
    if only_settings:
        return Said({"settings": shown}, lambda console: show_table(console, ("Setting", "Value", "Help"), rows))
    findings: list[Finding] = []
    for examine in (
        _home,
        _store,
        _key_file,
        _accounting,
        _progress,
        _doors,
        _retention,
        _repairs,
        _connectors,
        _streams,
        *([_deep] if deep else []),
    ):
        findings += _looked(examine, desk)
        if examine is _store and not findings[-1].ok and "db" not in vars(desk):
            break  # without a store there is nothing further to look at: one cross says it
    well = all(one.ok for one in findings)

    def show(console: Console) -> None:
        found = [(_named(one.name), one.ok, one.detail, one.fix) for one in findings]
        show_table(console, ("Check", "Status", "Detail", "Fix"), found)
        console.print(word("All is well.", "一切正常。") if well else word("Something needs a person.", "有问题需要处理。"))

    document = {"ok": well, "findings": [asdict(one) for one in findings], "settings": shown}
    return Said(document, show, exits.OK if well else exits.PROBLEM)


def _named(name: str) -> str:
    """Return what was looked at in the reader's language; the name of a single thing stays as it is."""
    if name in NAMES:
        return word(name, NAMES[name])
    what, _, which = name.partition(" ")
    return f"{word(what, NAMES[what])} {which}"


def _looked(examine: Callable[[Desk], Iterator[Finding]], desk: Desk) -> list[Finding]:
    try:
        return list(examine(desk))
    except TielineError as error:
        return [Finding(examine.__name__.strip("_"), ok=False, detail=f"{error.what} {error.why}", fix=error.fix)]


def _home(desk: Desk) -> Iterator[Finding]:
    folder = desk.settings.folder
    if not folder.exists():
        yield Finding("home", ok=True, detail=f"{folder} does not exist yet; the first start makes it")
        return
    free = shutil.disk_usage(folder).free
    fix = "" if free > LITTLE_SPACE else "Make room on this disk: without it nothing can be accepted."
    yield Finding("home", ok=free > LITTLE_SPACE, detail=f"{folder}, {free // 2**20} MiB free", fix=fix)


def _store(desk: Desk) -> Iterator[Finding]:
    began = time.monotonic()
    with desk.db.read() as conn:
        there = desk.db.now(conn)
    took = (time.monotonic() - began) * 1000
    apart = abs(there - time.time_ns() // 1000) / SECOND
    yield Finding("store", ok=True, detail=f"{desk.db.url.render_as_string(hide_password=True)}, answers in {took:.0f} ms")
    fix = "" if apart < 5 else "Set both machines' clocks (NTP): doors compare timestamps."
    yield Finding("clock", ok=apart < 5, detail=f"{apart:.1f} s apart from the database's", fix=fix)


def _key_file(desk: Desk) -> Iterator[Finding]:
    path = desk.settings.folder / "secret.key"
    if not path.exists():
        yield Finding("key file", ok=True, detail="none yet; the first start makes it")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    is_private = not mode & 0o077
    yield Finding("key file", is_private, f"{path}, mode {mode:o}", "" if is_private else f"chmod 600 {path}")
    count = len(desk.parts.registered.all())  # opens every stored secret
    yield Finding("secrets", ok=True, detail=f"those of {count} connectors open")


def _accounting(desk: Desk) -> Iterator[Finding]:
    found = balance(desk.db)
    states = ", ".join(f"{count} {state}" for state, count in found.deliveries.items() if count) or "nothing yet"
    detail = f"{found.accepted} accepted = {states}" if found.holds else " ".join(found.problems)
    yield Finding(
        "accounting", found.holds, detail, "" if found.holds else "Report this: rows are missing. Keep a copy of the database."
    )
    for what, rows, fix in (
        ("actions", found.actions, "tieline actions --state dead, then retry or skip each."),
        ("deliveries", found.deliveries, "tieline events deliveries --state dead; correct the sender or mapping, then replay."),
    ):
        dead = rows.get("dead", 0)
        yield Finding(f"dead {what}", dead == 0, f"{dead}", "" if dead == 0 else fix)


def _progress(desk: Desk) -> Iterator[Finding]:
    with desk.db.read() as conn:
        waits = oldest_unclaimed(conn, desk.db.now(conn))
    work, waited = max(waits.items(), key=itemgetter(1))
    fix = "" if waited < SLOW_S else "Is a worker running? Start it with `tieline serve` or `tieline worker`."
    detail = word(f"the oldest due row has waited {waited:.0f} s", f"最久的到期行已等待 {waited:.0f} 秒")
    yield Finding("progress", waited < SLOW_S, detail + (f" ({work})" if waited else ""), fix)


def _doors(desk: Desk) -> Iterator[Finding]:
    load = Admission(desk.db, desk.settings.folder, lag_s=desk.settings.lag_s, most=desk.settings.backlog)
    load.look()
    with desk.db.read() as conn:
        now = desk.db.now(conn)
        found = refusing(conn, now)
    waits = word(f"{load.load.total} of {desk.settings.backlog} rows wait", f"{load.load.total}/{desk.settings.backlog} 行等待")
    if found is None:
        yield Finding("doors", ok=True, detail=word(f"open; {waits}", f"开放；{waits}"))
        return
    lasted, ago = (now - found.since) // SECOND, (now - found.last) // SECOND
    since, codes = desk.when(to_rfc3339(found.since)), ", ".join(found.codes)
    detail = word(
        f"they refuse since {since} ({lasted} s), the last time {ago} s ago: {codes}; {waits}",
        f"自 {since} 起拒绝（{lasted} 秒），最近一次在 {ago} 秒前：{codes}；{waits}",
    )
    yield Finding("doors", ok=False, detail=detail, fix="Add workers or make room; who was refused: `tieline events refusals`.")


def _retention(desk: Desk) -> Iterator[Finding]:
    days = desk.settings.live_days
    with desk.db.read() as conn:
        behind = behind_s(conn, desk.db.now(conn), days)
    well = behind < LATE_S
    detail = word(f"what ended {days} days ago is archived", f"{days} 天前完成的数据已归档")
    if not well:
        late = behind / LATE_S
        detail = word(f"{late:.1f} days behind TIELINE_LIVE_DAYS={days}", f"比 TIELINE_LIVE_DAYS={days} 落后 {late:.1f} 天")
    fix = "" if well else "Is a beat running (`tieline beat`)? `tieline retention --run` archives now."
    yield Finding("retention", well, detail, fix)


def _repairs(desk: Desk) -> Iterator[Finding]:
    with desk.db.read() as conn:
        found = open_repairs(conn)
    if not found:
        yield Finding("repairs", ok=True, detail="none open")
    for row in found:
        yield Finding(f"repair {row['key']}", ok=False, detail=f"{row['what']} {row['why']}", fix=row["fix"])


def _connectors(desk: Desk) -> Iterator[Finding]:
    with desk.db.read() as conn:
        rows = conn.execute(select(connector_table).order_by(connector_table.c.name)).mappings().all()
    for row in rows:
        well = row["state"] == "ok" and row["breaker_open_until"] is None
        detail = str(row["state"]) + (f" by {row['held_by']}" if row["held_by"] else "")
        if row["breaker_open_until"] is not None:
            detail += f", breaker open: {row['breaker_reason']}"
        todo = "release" if (row["held_by"] or "").startswith("person:") else "check"  # a check ends no person's hold
        yield Finding(f"connector {row['name']}", well, detail, "" if well else f"tieline connectors {todo} {row['name']}")


def _streams(desk: Desk) -> Iterator[Finding]:
    query = select(stream_table, connector_table.c.name.label("connector")).join(connector_table)
    with desk.db.read() as conn:
        rows = conn.execute(query.where(stream_table.c.failures > 0)).mappings().all()
    for row in rows:
        error: Any = row["last_error"] or {}
        said = " ".join(str(error.get(part, "")) for part in ("what", "why")).strip()
        yield Finding(
            f"stream {row['connector']}/{row['name']}",
            ok=False,
            detail=f"failed {row['failures']} times: {said}",
            fix=str(error.get("fix", "")),
        )


def _deep(desk: Desk) -> Iterator[Finding]:
    for row in desk.each(word("Checking", "检查中"), desk.parts.registered.all()):
        try:
            report = registering.check(desk.parts, row.name)
        except TielineError as error:
            yield Finding(f"check {row.name}", ok=False, detail=f"{error.what} {error.why}", fix=error.fix)
            continue
        failed = [step for step in report.steps if not step.ok and step.needed]
        detail = "; ".join(f"{step.name}: {step.detail}" for step in failed) or f"{len(report.steps)} steps hold"
        yield Finding(f"check {row.name}", report.ok, detail, " ".join(step.fix for step in failed))
