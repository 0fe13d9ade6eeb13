"""A press on a real broker: its state, its last will, a command, and messages over an outage of the broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.mqtt.connector import Mqtt
from connectors.mqtt.kind import MqttSettings
from core.errors import UnreachableError
from core.words import Delivery, Page, Record
from lab.real.mosquitto.system import Mosquitto
from lab.real.waiting import until
from tests.connectors.mqtt.broker import STATUS, Device, settings
from tests.real.own import own


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with own(Mosquitto, tmp_path_factory.mktemp("broker")) as made:
        yield made


def read(page: Page) -> list[Record]:
    return Mqtt.parse(Delivery("rcp_1", "iot", page.body, {}, 0), None)


def test_a_press_its_command_and_an_outage(broker: Mosquitto) -> None:
    """The twin is read, a command arrives once, and what was said before the broker fell is there when it stands again."""
    made = Mqtt("iot", MqttSettings.model_validate(settings(broker, timeout_s=3)))
    assert made.check().ok
    press = Device(broker)
    press.say(STATUS, b'{"online": true, "temp": 71.2}', retain=True)
    first = made.poll("messages", None)
    assert [one.data["payload"]["temp"] for one in read(first)] == [71.2]

    wanted = {"topic": "plant/berlin/press-07/wanted", "payload": {"speed": 80}}
    outcomes = [made.act("set_state", wanted, key="story/1") for _ in range(2)]
    assert [one.repeated for one in outcomes] == [False, True]
    assert made.verify("set_state", wanted, outcomes[0]).held
    heard = until(lambda: [one for one in press.heard if one.topic.endswith("/wanted")], "the wanted state")
    assert len(heard) == 1

    press.say(STATUS, b'{"online": true, "temp": 93.8}')
    press.close()
    broker.down()
    with pytest.raises(UnreachableError):
        made.poll("messages", first.cursor)
    broker.up(lambda _: None)
    second = made.poll("messages", first.cursor)
    assert [one.data["payload"].get("temp", one.data["payload"].get("speed")) for one in read(second)] == [80, 93.8]
    assert made.poll("messages", second.cursor).count == 0
    made.close()
