"""The kind roundup keeps every law of the kit, against a stand-in built from recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.roundup.connector import Roundup
from lab.standins.roundup import Roundup as Standin

RECORDED = Path(__file__).with_name("recorded")


class TestRoundup(ConnectorLaws):
    connector = Roundup
    acts = {  # noqa: RUF012 - ClassVar in the laws
        "create_ticket": {
            "title": "Oil temperature too high 油温过高",
            "priority": "critical",
            "machine": "press-07",
            "event_id": "35",
            "part": "SEAL-80",
            "text": "Opened by Tieline",
            "tieline_ref": "TICK-2026-000001",
        },
        "update_ticket": {"id": "1", "status": "resolved", "part": "SEAL-80"},
        "add_message": {"id": "1", "text": "CPU mean of the last hour: 40 %"},
    }
    lookups = {"recent_tickets": {"machine": "press-07", "limit": 3}}  # noqa: RUF012
    pushed = [path.read_bytes() for path in sorted(RECORDED.glob("push_*.json"))]  # noqa: RUF012

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Standin() as standin:
            standin.tracker.create("issue", {"title": "Noise", "machine": "press-07", "priority": "bug"}, "tech")
            settings = {"username": "tieline", "password": "gw-pass-2026"}
            with http_landscape(
                standin.origin, lambda url: {"url": f"{url}/demo/", **settings}, writes=lambda: standin.tracker.writes
            ) as land:
                yield land
