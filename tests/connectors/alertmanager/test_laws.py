"""The kind alertmanager keeps every law of the kit, against a stand-in built from recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from connectors.alertmanager.connector import Alertmanager
from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from lab.standins.alertmanager import Alertmanager as Standin

RECORDED = Path(__file__).with_name("recorded_0_25_0.json")
KNOWN: dict[str, Any] = json.loads(RECORDED.read_text())
ALERT = "2059c467ea09fdba@2026-11-28T14:35:33.069Z"


class TestAlertmanager(ConnectorLaws):
    connector = Alertmanager
    acts = {  # noqa: RUF012 - ClassVar in the laws
        "silence": {"id": ALERT, "comment": "work order TICK-2026-000001 工单处理中", "hours": 2},
        "unsilence": {"id": ALERT},
    }
    lookups = {"open_alerts": {"label": "asset", "value": "EQ-0007"}}  # noqa: RUF012
    pushed = [orjson.dumps(one) for one in KNOWN["pushed"]]  # noqa: RUF012
    unknown_word = orjson.dumps(
        {**KNOWN["pushed"][0], "alerts": [{**KNOWN["pushed"][0]["alerts"][0], "status": "smouldering"}]}
    )

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        credentials = {"username": "tieline", "password": "am-pass-2026"}
        with (
            Standin(RECORDED) as standin,
            http_landscape(standin.url, lambda url: {"url": url, **credentials}, writes=lambda: standin.written) as land,
        ):
            yield land
