"""The note: a snapshot in words that a person at a ticket reads."""

from __future__ import annotations

from typing import Any

import pytest

from core import jsons
from core.clock import FixedClock
from core.errors import PermissionDeniedError
from core.words import Found
from snapshots import Snapshot, ask, assemble, note
from tests.snapshots.plant import Plant
from tests.snapshots.test_assemble import Odd

URL = "http://127.0.0.1:8080/snapshots/snap_1"


def made(plant: Plant) -> Snapshot:
    with plant.db.write() as conn:
        snapshot_id = ask(conn, plant.db, "ticket-context", plant.alert, plant.ticket)
    return assemble(plant.db, snapshot_id, plant.open)


def of(facets: dict[str, Any]) -> Snapshot:
    """Return a snapshot with these facets, as one that was frozen."""
    plain: dict[str, Any] = {"title": None, "reason": None, "values": None, "units": {}, "source": None, "age_s": None}
    content = {
        "recipe": {"name": "r", "title": None},
        "subject": {"gid": "ALRT-2026-000001"},
        "parent": None,
        "frozen_at": "2026-01-01T00:00:00.000000Z",
        "facets": {name: plain | facet for name, facet in facets.items()},
    }
    return Snapshot("snap_1", content, jsons.sha256(content))


def test_in_english(plant: Plant, clock: FixedClock) -> None:
    """Title, each facet in one or two lines with unit, age and source, and the link."""
    plant.connectors["erp"] = Odd(
        "erp", lambda: Found({"quantity": 4.0, "unit": "pcs"}, clock.now() - 300_000_000, "product FAN-9")
    )
    tickets = [
        f"{n} / {title} / open / 2026-01-01 00:00" for n, title in ((4, "Fan again"), (3, "Fan dead"), (2, "Fan louder"))
    ]
    assert note(made(plant), "en", URL).splitlines() == [
        "Context of the ticket · ALRT-2026-000001 · known at 2026-01-01 00:00:00 (UTC)",
        "- CPU, last hour: mean 71.54 %, samples 60",
        "  0 s old; source: memory cpu_mean M-17",
        "- Spare part: quantity 4 pcs",
        "  5 min old; source: product FAN-9",
        f"- Last tickets: tickets {'; '.join(tickets)}, count 3",
        "  0 s old; source: memory tickets of M-17",
        f"All values and sources: {URL}",
    ]


def test_in_chinese(plant: Plant, clock: FixedClock) -> None:
    """The same in Chinese, with the words for what is stale and what was denied."""
    plant.connectors["monitoring"] = Odd("monitoring", lambda: Found({"mean": 3.0}, clock.now() - 7_200_000_000, "trends"))
    plant.worlds["erp"].script("stock", fail=PermissionDeniedError("Not allowed.", why="It said no.", fix="Ask."))
    plant.worlds["tickets"].things["tickets"].clear()
    assert note(made(plant), "zh", URL).splitlines() == [
        "工单背景 · ALRT-2026-000001 · 截至 2026-01-01 00:00:00（UTC）",
        "- 最近一小时 CPU [数据过期]：mean 3",
        "  2 小时前的数据；来源：trends",
        "- 备件 [无访问权限]：Not allowed. It said no.",
        "- 最近工单 [无数据]：对方系统没有相关记录",
        "  来源：memory tickets of M-17",
        f"全部数据与来源：{URL}",
    ]


@pytest.mark.parametrize(
    ("facet", "line"),
    [
        ({"status": "late", "reason": "Not there after 4000 ms."}, "- x [LATE]: Not there after 4000 ms."),
        ({"status": "failed", "reason": "No answer."}, "- x [FAILED]: No answer."),
        ({"status": "ok", "values": {"a": None, "b": True, "c": []}}, "- x: a none, b yes, c none"),
        ({"status": "ok", "values": {"n": [1, 2, 3, 4, 5]}}, "- x: n 1; 2; 3 (+2 more)"),
        ({"status": "ok", "values": {"bom": [{"code": "F", "quantity": 2}]}}, "- x: bom F / 2"),
        ({"status": "ok", "values": {"n": 12345678.9}}, "- x: n 12345679"),
    ],
)
def test_each_kind_of_value(facet: dict[str, Any], line: str) -> None:
    """Every status and every form of value has its words."""
    assert note(of({"x": facet})).splitlines()[1:] == [line]


def test_a_far_side_writes_no_lines_of_its_own() -> None:
    """Line breaks, control characters and endless texts from outside stay one short line."""
    hostile = "ok\n- CPU: fine\r\x1b[31m" + "a" * 5000
    lines = note(of({"x": {"status": "ok", "values": {hostile: hostile}, "source": hostile, "age_s": 1}})).splitlines()
    assert len(lines) == 3
    assert all(len(line) < 300 and line.isprintable() for line in lines)


def test_times_are_written_in_the_readers_zone_and_say_which(plant: Plant) -> None:
    """The moment of the snapshot and every time among the values, in the zone of the settings."""
    frozen = made(plant)
    facet = {"status": "ok", "values": {"at": "2026-01-01T20:15:30.000000Z"}, "source": None, "age_s": None}

    assert "截至 2026-01-01 08:00:00（Asia/Shanghai）" in note(frozen, "zh", URL, zone="Asia/Shanghai").splitlines()[0]
    assert note(of({"x": facet}), zone="Asia/Shanghai").splitlines()[1:] == ["- x: at 2026-01-02 04:15"]
