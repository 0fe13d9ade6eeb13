"""The kind redmine keeps every law of the kit, against a stand-in built from a real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.redmine.connector import Redmine
from lab.standins.redmine import Redmine as Standin

RECORDED = Path(__file__).with_name("recorded")
CUSTOM = {"machine": 1, "asset": 2, "event_id": 3, "part": 4, "tieline_ref": 5}


class TestRedmine(ConnectorLaws):
    connector = Redmine
    acts = {  # noqa: RUF012 - ClassVar in the laws
        "create_ticket": {
            "title": "Oil temperature too high 油温过高",
            "priority": "Urgent",
            "machine": "press-07",
            "event_id": "35",
            "part": "SEAL-80",
            "text": "Opened by Tieline",
        },
        "update_ticket": {"id": "1", "status": "Resolved", "part": "SEAL-80"},
        "add_message": {"id": "1", "text": "CPU mean of the last hour: 40 %"},
    }
    lookups = {"recent_tickets": {"machine": "press-07", "limit": 3}}  # noqa: RUF012
    pushed = [path.read_bytes() for path in sorted(RECORDED.glob("push_*.json"))]  # noqa: RUF012

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Standin() as standin:
            standin.open({"subject": "Noise", "custom_fields": [{"id": 1, "value": "press-07"}]}, 6)
            settings = {"api_key": "key-of-the-gateway-2026", "project": "plant", "custom_fields": CUSTOM}
            with http_landscape(standin.url, lambda url: {"url": url, **settings}, writes=lambda: standin.written) as land:
                yield land
