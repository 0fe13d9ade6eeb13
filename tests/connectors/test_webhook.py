"""The webhook kind keeps every law, before a receiver that uses the Standard Webhooks library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook as Library

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.lawground import as_delivery
from connectors.kit.laws import ConnectorLaws
from connectors.webhook.connector import Webhook
from connectors.webhook.kind import WebhookSettings
from core.clock import from_rfc3339
from core.errors import InputError, SetupError
from core.words import Delivery, Record

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "bearer-of-the-law"


class Receiver:
    """A receiver that verifies with the library and keeps each message once, by its webhook-id."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, object]] = {}
        self.arrived = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.arrived += 1
                assert self.headers["authorization"] == f"Bearer {TOKEN}"
                receiver.kept[self.headers["webhook-id"]] = Library(SECRET).verify(body, dict(self.headers.items()))
                self._say(204)

            def do_HEAD(self) -> None:
                self._say(405)

            def _say(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class TestWebhook(ConnectorLaws):
    connector = Webhook
    acts = {"send": {"type": "ticket.resolved", "payload": {"ticket": "TICK-2026-000001", "标题": "漏油"}}}  # noqa: RUF012
    pushed = (
        b'{"order": 7}',
        b'{"type": "order.low", "timestamp": "2026-01-01T00:00:00Z", "data": {"part": "P-1"}}',
        b'{"specversion": "1.0", "id": "e1", "source": "/mes", "type": "line.stopped", "data": {"line": 4}}',
    )

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        """Give a receiver behind a faulty route."""
        with (
            Receiver() as receiver,
            http_landscape(
                receiver.url,
                lambda url: {"url": url, "secret": SECRET, "token": TOKEN},
                writes=lambda: len(receiver.kept),
            ) as land,
        ):
            yield land


def _read(body: bytes, headers: dict[str, str] | None = None, id_field: str = "") -> Record:
    delivery = as_delivery(body, None)
    told = Delivery(delivery.receipt, delivery.connector, body, headers or {}, delivery.received_at)
    return Webhook.parse(told, WebhookSettings(id_field=id_field))[0]


def test_a_retry_carries_the_same_id() -> None:
    """The same key is the same webhook-id and the same body, so that the receiver can know it again."""
    with Receiver() as receiver:
        sender = Webhook("w", WebhookSettings.model_validate({"url": receiver.url, "secret": SECRET, "token": TOKEN}))
        for _ in range(3):
            sender.act("send", {"type": "a", "payload": {"n": 1}}, key="bridge/evt_1/send")
        sender.act("send", {"type": "a", "payload": {"n": 2}}, key="桥/evt.2/send")
        sender.close()
    assert receiver.arrived == 4
    assert len(receiver.kept) == 2
    assert receiver.kept["bridge/evt_1/send"] == {"type": "a", "data": {"n": 1}}


@pytest.mark.parametrize(
    ("body", "headers", "wanted"),
    [
        (
            b'{"specversion":"1.0","id":"e1","source":"/mes","type":"t","data":{"a":1}}',
            {"webhook-id": "m"},
            ("e1", "t", {"a": 1}),
        ),
        (b'{"type":"t","data":{"a":1}}', {"Webhook-Id": "m"}, ("m", "t", {"type": "t", "data": {"a": 1}})),
        (b'{"id":"own"}', {}, ("own", "message", {"id": "own"})),
        (b'{"id":7,"type":null}', {}, ("sha256:", "message", {"id": 7, "type": None})),
    ],
)
def test_every_dialect_has_an_id(body: bytes, headers: dict[str, str], wanted: tuple[str, str, object]) -> None:
    """CloudEvents id, else webhook-id, else the object's own id, else the hash of its bytes."""
    record = _read(body, headers)
    assert str(record.data["id"]).startswith(wanted[0])
    assert (record.data["type"], record.data["data"]) == wanted[1:]


def test_the_thing_is_named_by_the_declared_field() -> None:
    """With id_field the record is about that thing; a message without it is refused, not guessed."""
    record = _read(b'{"data":{"order":{"id":42}},"timestamp":"2026-01-01T08:00:00+08:00"}', id_field="data.order.id")
    assert record.external_id == "42"
    assert record.at == from_rfc3339("2026-01-01T00:00:00Z")
    for body in (b"{}", b'{"data":{"order":{"id":true}}}', b'{"data":[1]}'):
        with pytest.raises(InputError, match=r"data\.order\.id"):
            _read(body, id_field="data.order.id")


def test_a_connector_that_only_receives_needs_no_address() -> None:
    """Without a url check says so, and sending is a setup error that names the setting."""
    only = Webhook("w", WebhookSettings())
    assert only.check().ok
    with pytest.raises(SetupError, match="url"):
        only.act("send", {"type": "a", "payload": {}}, key="k")
    with pytest.raises(SetupError, match="secret"):
        Webhook("w", WebhookSettings(url="http://127.0.0.1:9/")).act("send", {"type": "a", "payload": {}}, key="k")


def test_a_mangled_secret_is_refused_and_not_shown() -> None:
    """A secret that cannot sign is refused when it is entered, without repeating it."""
    with pytest.raises(ValidationError) as caught:
        WebhookSettings.model_validate({"url": "http://x", "secret": "whsec_no*good"})
    assert "no*good" not in str(caught.value)
    assert json.loads(caught.value.json(include_input=False))[0]["loc"] == ["secret"]


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}", b"[" * 99 + b"]" * 99, b""]
)
def test_what_means_two_things_is_refused(body: bytes) -> None:
    """A body that readers could understand differently (a doubled key, NaN, half a letter) is malformed."""
    with pytest.raises(InputError) as caught:
        _read(body)
    assert caught.value.code == "malformed"
