"""The webhook connector: sends by Standard Webhooks, receives whatever JSON comes through its door."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import orjson

from connectors.kit.contract import CheckReport, Connector, Settings
from connectors.kit.http import Client
from connectors.kit.webhooks import sign
from connectors.webhook.kind import KIND, WebhookSettings
from connectors.webhook.parse import read_message
from core.clock import Clock
from core.errors import SetupError
from core.words import Delivery, Json, Outcome, Record, Verified

_ANSWERS = (400, 404, 405, 415, 422, 501)
"""What a receiver of POSTs may say to a HEAD: it is there, and that is all a check wants to know."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_:/=-]{1,200}")


class Webhook(Connector):
    """One receiver, or one sender, or both."""

    kind = KIND
    settings: WebhookSettings

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        given = self.settings
        secrets = [one.get_secret_value() for one in (given.secret, given.token) if one is not None]
        headers = {"authorization": f"Bearer {given.token.get_secret_value()}"} if given.token else {}
        self._client = (
            Client(given.url, timeout_s=given.timeout_s, ca_file=given.ca_file, headers=headers, secrets=secrets, system=name)
            if given.url
            else None
        )

    def check(self) -> CheckReport:
        """Prove that the receiver answers (a HEAD, so no message is sent) and that we can sign."""
        report = CheckReport()
        if self._client is None:
            report.run("setting:url", lambda: "no url: this connector only receives", needed=False)
            return report
        report.run("setting:secret", lambda: f"signs as {self._signed(b'', 'check')['webhook-id']}")
        report.run("reachable", self._answers)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Settings) -> list[Record]:
        """Read one message into one record."""
        assert isinstance(settings, WebhookSettings)
        return read_message(delivery, settings.id_field)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Send one message; every retry carries the same webhook-id, by which the receiver knows it."""
        self.kind.act(name)
        client = self._target()
        body = orjson.dumps({"type": arguments["type"], "data": arguments["payload"]})
        message_id = message_id_of(key)
        headers = self._signed(body, message_id)
        answer = client.post(body=body, headers={"content-type": "application/json", **headers})
        return Outcome(
            external_id=message_id,
            request={"webhook-id": message_id, "type": arguments["type"]},
            response={"status": answer.status, "body": client.redact(answer.text)[:500]},
        )

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Count the receiver's 2xx as its word: a webhook has nothing to read back."""
        return Verified(held=True, why="The receiver answered 2xx; a webhook offers nothing to read back.")

    def close(self) -> None:
        """Give the sockets back."""
        if self._client is not None:
            self._client.close()

    def _answers(self) -> str:
        return f"answered {self._target().request('HEAD', accept=_ANSWERS).status}"

    def _target(self) -> Client:
        if self._client is None:
            raise _nothing(self.name, "url", "It says where messages are sent.")
        return self._client

    def _signed(self, body: bytes, message_id: str) -> dict[str, str]:
        if self.settings.secret is None:
            raise _nothing(self.name, "secret", "A message without a signature proves nothing to its receiver.")
        secrets = {"secret": self.settings.secret.get_secret_value()}
        return sign({"scheme": "standard_webhooks"}, secrets, body, message_id=message_id, now=self.clock.now())


def message_id_of(key: str) -> str:
    """
    Return the webhook-id of an action's key: the key itself where a header can hold it, else its hash.

    >>> message_id_of("alert-to-ticket/evt_1/note"), message_id_of("告警/1").startswith("sha256:")
    ('alert-to-ticket/evt_1/note', True)
    """
    if _PLAIN_KEY.fullmatch(key):
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _nothing(connector: str, setting: str, why: str) -> SetupError:
    return SetupError(
        f"The connector {connector!r} has no {setting}.", why=why, fix=f"Set {setting} on the connector, then send again."
    )
