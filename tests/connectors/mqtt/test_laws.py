"""The kind mqtt keeps every law of the kit, on a Mosquitto with passwords and TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import orjson
import pytest

from connectors.kit.lawbook import Landscape
from connectors.kit.laws import ConnectorLaws
from connectors.mqtt.connector import Mqtt
from core.ids import new_id
from lab.real.mosquitto.system import GATEWAY, GATEWAY_PASSWORD, Mosquitto
from lab.real.waiting import until
from tests.connectors.mqtt.broker import STATUS, Device, broker_in, refuses_us, settings
from tests.connectors.tcp_route import TcpRoute

COMMAND = {"topic": "plant/berlin/press-07/cmd", "payload": {"reduce_load": True, "ticket": "TICK-2026-000001"}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with broker_in(tmp_path_factory.mktemp("broker")) as made:
        yield made


class TestMqtt(ConnectorLaws):
    connector = Mqtt
    acts = {"set_state": {**COMMAND, "topic": f"{STATUS}/wanted"}, "send": COMMAND}  # noqa: RUF012 - as in the laws
    lookups = {"state": {"topic": STATUS}}  # noqa: RUF012
    test_a_wish_to_wait_is_kept = None  # type: ignore[assignment]  # MQTT has words for "busy", but none for "until when"
    test_a_refusal_keeps_the_foreign_words = None  # type: ignore[assignment]  # its words are reason codes: see test_line.py
    broker: ClassVar[Mosquitto]

    @pytest.fixture(autouse=True)
    def _running(self, broker: Mosquitto) -> None:
        type(self).broker = broker

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        device = Device(self.broker)
        device.say(STATUS, orjson.dumps({"online": True, "boot": new_id("b")}), retain=True)
        device.say(f"{STATUS}/wanted", b"", retain=True)

        with TcpRoute(self.broker.tls_port) as route:

            def trouble(word: str) -> None:
                if word == "unauthorised":
                    self.broker.set_password(GATEWAY, "changed-2026")
                    until(lambda: refuses_us(self.broker), "the changed password")
                else:
                    route.trouble(word)

            def calm() -> None:
                route.calm()
                if refuses_us(self.broker):
                    self.broker.set_password(GATEWAY, GATEWAY_PASSWORD)
                    until(lambda: not refuses_us(self.broker), "the old password")

            given = settings(self.broker, port=route.port, client_id=new_id("c")[:30])
            yield Landscape(given, trouble=trouble, calm=calm, writes=device.commands)
        device.close()
