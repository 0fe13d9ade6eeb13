"""No message is lost: acknowledged only when stored, kept while we are away; the twin shows what is and what is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.kit.outcomes import CertificateError
from connectors.mqtt.connector import Mqtt
from connectors.mqtt.kind import MqttSettings
from connectors.mqtt.payloads import decoded, encoded
from core.errors import InputError, PermissionDeniedError, UnreachableError
from core.ids import new_id
from core.words import Delivery, Page, Record
from lab.real.mosquitto.system import Mosquitto
from lab.real.waiting import until
from tests.connectors.mqtt.broker import STATUS, Device, broker_in, settings

EVENT = "plant/berlin/press-07/event"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with broker_in(tmp_path_factory.mktemp("broker")) as made:
        yield made


@pytest.fixture
def device(broker: Mosquitto) -> Iterator[Device]:
    made = Device(broker)
    yield made
    made.say(STATUS, b"", retain=True)
    made.close()


@pytest.fixture
def connector(broker: Mosquitto) -> Mqtt:
    return Mqtt("iot", MqttSettings.model_validate(settings(broker, client_id=new_id("c")[:30], timeout_s=3)))


def read(page: Page) -> list[Record]:
    return Mqtt.parse(Delivery("rcp_1", "iot", page.body, {}, 0), None)


def values(page: Page) -> list[object]:
    return [one.data["payload"]["value"] for one in read(page)]


def test_a_page_that_was_not_stored_comes_again(device: Device, connector: Mqtt) -> None:
    """Only what the next cursor names is acknowledged: a page that was lost on our side is sent again, once."""
    start = connector.poll("messages", None)
    device.say(EVENT, b"1")
    device.say(EVENT, b"2")
    lost = connector.poll("messages", start.cursor)
    again = connector.poll("messages", start.cursor)
    device.say(EVENT, b"2")  # the same words once more are another message
    after = connector.poll("messages", again.cursor)

    assert (values(lost), values(again), values(after)) == ([1, 2], [1, 2], [2])
    assert connector.poll("messages", after.cursor).count == 0


def test_what_is_said_while_we_are_away_is_kept_in_pages(device: Device, connector: Mqtt) -> None:
    """More messages than the broker sends at a time arrive in order, each once, in pages of the size asked for."""
    cursor = connector.poll("messages", None).cursor
    for number in range(45):
        device.say(EVENT, str(number).encode())
    seen: list[object] = []
    while True:
        page = connector.poll("messages", cursor, 15)
        assert page.count <= 15
        seen += values(page)
        cursor = page.cursor
        if not page.more:
            break
    assert seen == list(range(45))


def test_the_twin_shows_what_is_and_what_was_cleared(device: Device, connector: Mqtt) -> None:
    """A kept message is a state; the same again is no news; a cleared topic is deleted."""
    device.say(STATUS, b'{"online": true}', retain=True)
    first = connector.poll("states", None)
    device.say(STATUS, b'{"online": true}', retain=True)
    assert connector.poll("states", first.cursor).count == 0
    assert connector.lookup("state", {"topic": STATUS}, timeout_s=3).values["payload"] == {"online": True}
    device.say(STATUS, b"", retain=True)
    (gone,) = read(connector.poll("states", first.cursor))

    (one,) = read(first)
    assert (one.external_id, one.data["device"], one.data["payload"]) == (STATUS, "press-07", {"online": True})
    assert (gone.external_id, gone.deleted) == (STATUS, True)
    assert connector.lookup("state", {"topic": STATUS}, timeout_s=3).absent


def test_a_command_reaches_the_device_with_our_key(device: Device, connector: Mqtt) -> None:
    """The user property tells the device that a second sending is the same command."""
    connector.act("send", {"topic": "plant/berlin/press-07/cmd", "payload": {"reduce_load": True}}, key="rule/evt/1")
    message = until(lambda: [one for one in device.heard if one.topic.endswith("/cmd")], "the command")[0]

    assert message.payload == b'{"reduce_load":true}'
    assert ("tieline-key", "rule/evt/1") in message.properties.UserProperty  # type: ignore[union-attr]


def test_what_the_access_list_forbids_is_said(connector: Mqtt) -> None:
    """A broker that acknowledges and throws away is an error here, in its own words."""
    with pytest.raises(PermissionDeniedError, match="Not authorized"):
        connector.act("send", {"topic": "plant/secret/cmd", "payload": {"x": 1}}, key="k")


def test_a_certificate_of_somebody_else_is_refused(broker: Mosquitto) -> None:
    """Without the plant's own CA the broker proves nothing; the other listener without TLS is no way out."""
    given = settings(broker, timeout_s=2)
    with pytest.raises(CertificateError):
        Mqtt("iot", MqttSettings.model_validate({**given, "ca_file": None})).poll("states", None)
    with pytest.raises(UnreachableError):
        Mqtt("iot", MqttSettings.model_validate({**given, "port": broker.port})).poll("states", None)


@pytest.mark.parametrize("topic", ["", "plant/#", "plant/+/cmd", None, "x" * 2000])
def test_a_command_names_one_topic(connector: Mqtt, topic: str | None) -> None:
    """Wildcards and emptiness are the caller's mistake and are not sent."""
    with pytest.raises(InputError):
        connector.act("send", {"topic": topic, "payload": {"x": 1}}, key="k")


@pytest.mark.parametrize("payload", [b"on", b"71.2", b'{"a": 1}', b"[1, 2]", b"\xff\x00", b"true", "门开".encode()])
def test_a_payload_survives_reading_and_writing(payload: bytes) -> None:
    """What was read is written with the same meaning."""
    assert decoded(encoded(decoded(payload))) == decoded(payload)
