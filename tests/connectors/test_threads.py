"""One connector, many threads: kinds that speak through a vendor's library share no line between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.kit.contract import Connector
from connectors.modbus.connector import Modbus
from connectors.modbus.kind import ModbusSettings
from connectors.mqtt.connector import Mqtt
from connectors.mqtt.kind import MqttSettings
from connectors.opcua.connector import OpcUa
from connectors.opcua.kind import OpcUaSettings
from connectors.smtp.connector import Smtp
from connectors.smtp.kind import SmtpSettings
from connectors.sql.connector import Sql
from connectors.sql.kind import SqlSettings
from tests.connectors.modbus.press import Press as ModbusPress
from tests.connectors.mqtt.broker import STATUS, Device, broker_in, settings
from tests.connectors.opcua.press import Press as OpcUaPress
from tests.connectors.smtp.post_office import PostOffice

THREADS, CALLS = 6, 18
Seen = tuple[list[object], object]


def together(made: Connector, ask: Callable[[Connector, int], object]) -> list[object]:
    """Let threads ask one connector at once; an error of any of them is raised here."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda number: ask(made, number), range(CALLS)))


def modbus(_folder: Path) -> Seen:
    with ModbusPress() as press:
        made = Modbus("m", ModbusSettings.model_validate(press.settings()))
        return together(made, lambda one, _: one.lookup("reading", {"point": "pieces"}, timeout_s=5).values["value"]), 4711


def opcua(_folder: Path) -> Seen:
    with OpcUaPress() as press:
        made = OpcUa("o", OpcUaSettings.model_validate(press.settings()))
        return together(made, lambda one, _: one.lookup("reading", {"point": "serial"}, timeout_s=9).values["text"]), "SN-7781"


def smtp(folder: Path) -> Seen:
    with PostOffice(folder) as office:
        made = Smtp("s", SmtpSettings.model_validate(office.settings()))
        letter = {"to": ["anna@plant.example"], "subject": "x", "text": "y"}
        together(made, lambda one, number: one.act("send_mail", letter, key=f"k{number}"))
        return [len({one["Message-ID"] for one in office.letters})], CALLS


def sql(folder: Path) -> Seen:
    connection = sqlite3.connect(folder / "x.db")
    connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    connection.commit()
    connection.close()
    given = {"url": f"sqlite:///{folder / 'x.db'}", "questions": {"n": "SELECT n FROM t"}}
    made = Sql("q", SqlSettings.model_validate(given))
    return together(made, lambda one, _: one.lookup("question", {"name": "n"}, timeout_s=5).values["first"]), {"n": 7}


def mqtt(folder: Path) -> Seen:
    with broker_in(folder) as broker:
        device = Device(broker)
        device.say(STATUS, b"on", retain=True)
        made = Mqtt("q", MqttSettings.model_validate(settings(broker)))
        found = together(made, lambda one, _: one.lookup("state", {"topic": STATUS}, timeout_s=9).values["payload"])
        device.close()
        return found, {"value": "on"}


@pytest.mark.parametrize("kind", [modbus, opcua, smtp, sql, mqtt], ids=lambda one: one.__name__)
def test_threads_share_a_connector(kind: Callable[[Path], Seen], tmp_path: Path) -> None:
    """Every thread gets its own answer, right, and none gets another's error."""
    found, wanted = kind(tmp_path)
    assert set(map(str, found)) == {str(wanted)}
