"""The zabbix kind keeps every law of the kit, on its stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.zabbix.connector import Zabbix
from lab.standins.zabbix import Zabbix as StandIn
from tests.connectors.zabbix import goldens
from tests.connectors.zabbix.plant import HOT, PRESS, VIBRATION

PUSHED = [path.read_bytes() for path in goldens.DELIVERIES if not path.name.startswith("polled")]


class TestZabbix(ConnectorLaws):
    connector = Zabbix
    acts = {  # noqa: RUF012 - the laws declare it as a ClassVar
        "acknowledge": {"id": "48", "message": "Ticket issue4"},
        "close_problem": {"id": "49", "message": "Ticket issue5 is resolved. 工单已解决。"},
    }
    lookups = {"cpu_mean": {"hostid": PRESS, "hours": 1}, "host": {"hostid": PRESS}}  # noqa: RUF012 - as above
    pushed = PUSHED
    unknown_word = json.dumps({**goldens.body("push_closed"), "event_nseverity": "6"}).encode()

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with StandIn(close_delay_s=0.05).demo() as standin:
            standin.world.raise_problem(HOT, opdata="now 91 °C")
            standin.world.raise_problem(VIBRATION)
            with http_landscape(
                standin.url,
                lambda url: {"url": url, "username": "gateway", "password": "Gw-lab-2026!"},
                lambda: sum(len(event["acknowledges"]) for event in standin.world.events.values()),
            ) as land:
                yield land
