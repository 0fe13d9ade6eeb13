"""The mqtt connector: composes the line with what the kind offers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from paho.mqtt.client import MQTTMessage

from connectors.kit.changes import changes
from connectors.kit.contract import CheckReport, Connector, Kind, Step
from connectors.kit.shapes import shaped
from connectors.mqtt.kind import MQTT, MqttSettings
from connectors.mqtt.line import Line
from connectors.mqtt.payloads import POLLED, decoded, encoded, fields, parse, plain_topic
from core.clock import Clock
from core.jsons import canonical, sha256
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

MOST_STATES = 20_000
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Mqtt(Connector):
    """One registered broker. Each call has a line of its own; the session of the messages is used by one at a time."""

    kind: ClassVar[Kind] = MQTT

    def __init__(self, name: str, settings: MqttSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._one_at_a_time = threading.Lock()

    def check(self) -> CheckReport:
        """Only read: sign in, subscribe to each filter, and see what is kept there."""
        report = CheckReport()
        if not report.run("credentials", self._sign_in):
            return report
        report.steps.append(self._tls())
        for one in self.settings.topics:
            report.run(f"permission:subscribe {one}", lambda one=one: self._may_read(one))  # type: ignore[misc]
        report.run("sample:states", self._sample)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page."""
        del settings
        return parse(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read what changed in the kept messages, or what was said since the last poll."""
        self.kind.stream(stream)
        if stream == "states":
            return self._states(cursor, limit)
        with self._one_at_a_time:
            return self._messages(cursor, limit)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read what one topic holds."""
        self.kind.lookup(name)
        topic = plain_topic(inputs.get("topic"))
        held = self._held([topic], timeout_s).get(topic)
        values = fields(topic, held, self.settings.device_level) if held is not None else {}
        return Found(values, self.clock.now(), f"mqtt {topic}", absent=held is None)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Publish; a state that the topic holds already is not written again."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        topic, payload = plain_topic(arguments.get("topic")), encoded(arguments.get("payload"))
        retain = name == "set_state"
        if retain and self._says(topic, payload):
            return Outcome(topic, _version(payload), decoded(payload), note="It holds that already.", repeated=True)
        with Line(self.settings) as line:
            said = line.publish(topic, payload, retain=retain, key=key)
        held: dict[str, Json] = {"payload": decoded(payload)} if retain else {}
        return Outcome(topic, _version(payload), held, request={"topic": topic, "retain": retain}, response={"broker": said})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the kept message back; of one that is not kept, the broker's acknowledgement is all there is."""
        self.kind.act(name)
        if name == "send":
            return Verified(True, {}, f"The broker acknowledged it: {(outcome.response or {}).get('broker', 'Success')}.")
        topic = plain_topic(arguments.get("topic"))
        held = self._held([topic], None).get(topic)
        right = held is not None and decoded(held) == decoded(encoded(arguments.get("payload")))
        seen: dict[str, Json] = {"payload": decoded(held)} if held is not None else {}
        return Verified(right, seen, "" if right else "The topic holds something else, or nothing we may read.")

    def _states(self, cursor: Json, limit: int) -> Page:
        held = self._held(self.settings.topics, None)
        found = changes({topic: sha256(payload) for topic, payload in sorted(held.items())}, cursor, limit)
        shown = [fields(topic, held[topic], self.settings.device_level) for topic in found.fresh]
        body = canonical({POLLED: "states", "shown": shown, "gone": list(found.gone)})
        return Page(body, found.cursor, more=found.more, count=len(shown) + len(found.gone))

    def _messages(self, cursor: Json, limit: int) -> Page:
        """
        Take what the broker kept for us. Acknowledged is only what the cursor names, because that is stored.

        What comes now stays unacknowledged, so the broker sends it again next time, when the cursor knows it. A page
        that holds something says `more`, so that it is acknowledged at once.
        """
        stored = {tuple(one) for one in cursor["taken"]} if cursor else set()
        taken: list[list[Json]] = []
        shown: list[dict[str, Json]] = []

        def take(one: MQTTMessage) -> bool:
            mark = (one.mid, sha256(one.topic.encode() + b"\0" + one.payload)[:16])
            if one.qos and mark in stored:
                line.acknowledge(one)
                stored.discard(mark)  # from now on the broker may give this number to another message
                return True
            if len(shown) == limit:
                return False
            if one.qos:
                taken.append(list(mark))
            shown.append({**fields(one.topic, bytes(one.payload), self.settings.device_level), "retained": bool(one.retain)})
            return True

        with Line(self.settings, session=self.settings.client_id or f"tieline-{self.name}") as line:
            line.subscribe(self.settings.topics, only_new=True)
            line.messages(take)
        body = canonical({POLLED: "messages", "shown": shown})
        return Page(body, {"taken": taken}, more=bool(shown), count=len(shown))

    def _held(self, filters: tuple[str, ...] | list[str], timeout_s: float | None) -> dict[str, bytes]:
        """Return the kept messages of some filters."""
        found: dict[str, bytes] = {}

        def take(one: MQTTMessage) -> bool:
            if one.retain and one.payload:
                found[one.topic] = bytes(one.payload)
            line.acknowledge(one)
            return len(found) < MOST_STATES

        with Line(self.settings, timeout_s=timeout_s) as line:
            line.subscribe(filters, only_new=False)
            line.messages(take)
        return found

    def _says(self, topic: str, payload: bytes) -> bool:
        held = self._held([topic], None).get(topic)
        return held is not None and decoded(held) == decoded(payload)

    def _sign_in(self) -> str:
        with Line(self.settings):
            pass
        return f"{self.settings.host}:{self.settings.port} signs us in as {self.settings.username or 'nobody'}."

    def _may_read(self, one: str) -> str:
        with Line(self.settings) as line:
            line.subscribe([one], only_new=False)
        return "The broker took the subscription (some brokers take it and then send nothing: see the sample)."

    def _tls(self) -> Step:
        if self.settings.tls:
            return Step("tls", ok=True, detail="The line is encrypted and the broker's certificate is right.", needed=False)
        if self.settings.host in _LOOPBACK:
            return Step("tls", ok=True, detail="The line never leaves this machine.", needed=False)
        fix = "Switch tls on and use the broker's TLS port, usually 8883."
        return Step("tls", ok=False, detail="Password and values travel in the clear.", fix=fix, needed=False)

    def _sample(self) -> str:
        held = self._held(self.settings.topics, None)
        example = f", for example {min(held)}." if held else "; devices that keep nothing are seen when they speak."
        return f"{len(held)} topics hold something{example}"


def _version(payload: bytes) -> str:
    return sha256(payload)[:16]
