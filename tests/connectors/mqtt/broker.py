"""A Mosquitto of a test's own, a device on it, and a stretch of network that can fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from connectors.mqtt.connector import Mqtt
from connectors.mqtt.kind import MqttSettings
from core.errors import CredentialsError, TielineError
from lab.real.mosquitto.system import DEVICE, DEVICE_PASSWORD, GATEWAY, GATEWAY_PASSWORD, Mosquitto
from lab.real.waiting import until
from tests.real.own import own

STATUS = "plant/berlin/press-07/status"


@contextmanager
def broker_in(folder: Path) -> Iterator[Mosquitto]:
    """Start one, or say why not."""
    if shutil.which("mosquitto") is None and not Path("/usr/sbin/mosquitto").exists():
        pytest.skip("There is no mosquitto on this machine; `make tools` installs it.")
    with own(Mosquitto, folder) as made:
        yield made


def settings(broker: Mosquitto, **more: Any) -> dict[str, Any]:
    """Give the settings of the gateway's user, over TLS."""
    return {
        "host": "127.0.0.1",
        "port": broker.tls_port,
        "username": GATEWAY,
        "password": GATEWAY_PASSWORD,
        "ca_file": str(broker.ca_file),
        "topics": ["plant/#"],
        "device_level": 3,
        **more,
    }


class Device:
    """The press: it speaks, and hears what is said to it."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: list[MQTTMessage] = []
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=DEVICE, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(DEVICE, DEVICE_PASSWORD)
        self.client.on_message = lambda _c, _u, message: self.heard.append(message)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        until(self.client.is_connected, "the device's line", 5)
        ready: list[int] = []
        self.client.on_subscribe = lambda _c, _u, mid, _codes, _p: ready.append(mid)
        self.client.subscribe("plant/berlin/press-07/#", qos=1)
        until(lambda: ready, "the device's subscription", 5)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def commands(self) -> int:
        """How many messages came that were not kept from before; our own included."""
        return len([one for one in self.heard if not one.retain])

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def refuses_us(broker: Mosquitto) -> bool:
    """Say whether the broker has read its changed passwords."""
    made = Mqtt("probe", MqttSettings.model_validate(settings(broker, timeout_s=2)))
    try:
        made.lookup("state", {"topic": STATUS}, timeout_s=2)
    except CredentialsError:
        return True
    except TielineError:
        return False
    return False
