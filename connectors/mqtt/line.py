"""
One line to the broker for the length of one call, driven by the calling thread.

paho's network thread would go on for ever and keep trying with a wrong password; here the caller turns the
loop itself, under one deadline, and every refusal of the broker is raised where it was asked for. A message is
acknowledged only when we say so: what was not stored yet is sent again on the next line of the same session.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.kit.outcomes import CertificateError
from connectors.mqtt.kind import MqttSettings
from core.errors import (
    CredentialsError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
    UnreachableError,
)

QUIET_S = 0.2  #: nothing for this long: the broker has sent what it has
WINDOW = 500  #: how many unacknowledged messages we take
_TICK_S = 0.02

_CODES: dict[int, tuple[type[TielineError], str]] = {
    0x84: (SetupError, "The broker speaks no MQTT 5; this kind does."),
    0x85: (SetupError, "Set another client_id."),
    0x86: (CredentialsError, "Correct user name and password."),
    0x87: (PermissionDeniedError, "Allow it in the broker's access list (ACL)."),
    0x88: (TransientError, "None needed: it is tried again."),
    0x89: (TransientError, "None needed: it is tried again."),
    0x8A: (PermissionDeniedError, "Take our client off the broker's ban list."),
    0x8B: (TransientError, "None needed: it is tried again."),
    0x8C: (CredentialsError, "The broker wants another way to sign in than user and password."),
    0x8D: (TransientError, "None needed: it is tried again."),
    0x8E: (TransientError, "Two clients use one client_id; set another one, or let each connector be polled once."),
    0x8F: (SetupError, "Correct topics."),
    0x96: (RateLimitedError, "None needed: it is tried again."),
    0x97: (RateLimitedError, "None needed: it is tried again, or raise the broker's quota."),
    0x9C: (SetupError, "The broker has moved: correct host."),
    0x9D: (SetupError, "The broker has moved: correct host."),
    0x9F: (RateLimitedError, "None needed: it is tried again."),
}
"""Reason codes of MQTT 5 -> family and fix. At sign-in 0x87 means the credentials; what is not listed is a refusal."""


@dataclass(slots=True)
class _Heard:
    connected: ReasonCode | None = None
    session_present: bool = False
    gone: ReasonCode | None = None
    subscribed: dict[int, list[ReasonCode]] = field(default_factory=dict)
    published: dict[int, ReasonCode] = field(default_factory=dict)
    messages: list[MQTTMessage] = field(default_factory=list)


class _Tls(ssl.SSLContext):
    """Remembers its sockets, because paho forgets one whose handshake fails and leaves it open."""

    made: list[ssl.SSLSocket]

    def wrap_socket(self, *given: Any, **named: Any) -> ssl.SSLSocket:
        self.made.append(super().wrap_socket(*given, **named))
        return self.made[-1]

    def close(self) -> None:
        for one in self.made:
            one.close()


def _trusting(ca_file: str | None) -> _Tls:
    context = _Tls(ssl.PROTOCOL_TLS_CLIENT)
    context.made = []
    try:
        if ca_file:
            context.load_verify_locations(cafile=ca_file)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"The CA file {ca_file!r} cannot be used.",
            why=f"{type(error).__name__}: {error}.",
            fix="Set ca_file to a readable PEM file that holds the private CA's certificate.",
        ) from error
    return context


class Line:
    """Use as a context manager; signing in happens on entry. ``session`` names a session that outlives the line."""

    def __init__(self, settings: MqttSettings, *, timeout_s: float | None = None, session: str | None = None) -> None:
        self._settings = settings
        self._session = session
        self._ends = time.monotonic() + min(settings.timeout_s, timeout_s if timeout_s is not None else settings.timeout_s)
        self._heard = _Heard()
        self._tls: _Tls | None = None
        self._client = self._made()

    def __enter__(self) -> Self:
        wanted = Properties(PacketTypes.CONNECT)
        wanted.SessionExpiryInterval = self._settings.session_hours * 3600 if self._session else 0
        wanted.ReceiveMaximum = WINDOW
        left = max(self._ends - time.monotonic(), 0.05)
        self._client.connect_timeout = left
        there = (self._settings.host, self._settings.port, math.ceil(left) + 1)
        try:
            self._client.connect(*there, clean_start=self._session is None, properties=wanted)
        except Exception as error:  # the one place where library exceptions become ours
            self._drop()
            raise self._unreachable(error) from error
        try:
            self._turn(lambda: self._heard.connected is not None, "sign us in")
            self._signed_in()
        except BaseException:
            self._drop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is None:
            self._client.disconnect()
            self._client.loop(0)
        self._drop()

    def subscribe(self, filters: Iterable[str], *, only_new: bool) -> None:
        """Subscribe at QoS 1; with ``only_new`` kept messages come only for filters that the session did not have."""
        options = SubscribeOptions(qos=1, retainHandling=1 if only_new else 0)
        wanted = [(one, options) for one in filters]
        _, mid = self._client.subscribe(wanted)
        self._turn(lambda: mid in self._heard.subscribed, "confirm what we subscribe to")
        for (one, _), code in zip(wanted, self._heard.subscribed[mid or 0], strict=False):
            if code.is_failure:
                raise _refused(code, f"does not let us read {one}")

    def messages(self, take: Callable[[MQTTMessage], bool]) -> None:
        """Hand over what comes until ``take`` says it is enough, or nothing more comes."""
        quiet = time.monotonic() + QUIET_S
        done = 0
        while time.monotonic() < min(quiet, self._ends):
            self._once()
            while done < len(self._heard.messages):
                quiet = time.monotonic() + QUIET_S
                if not take(self._heard.messages[done]):
                    return
                done += 1

    def acknowledge(self, message: MQTTMessage) -> None:
        """Tell the broker that it may forget this one."""
        if message.qos:
            self._client.ack(message.mid, message.qos)

    def publish(self, topic: str, payload: bytes, *, retain: bool, key: str) -> str:
        """Publish at QoS 1 and return what the broker answered."""
        about = Properties(PacketTypes.PUBLISH)
        about.UserProperty = ("tieline-key", key)
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=about)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise UnreachableError("The broker hung up while we wrote.", why=f"{sent.rc.name}.")
        self._turn(lambda: sent.mid in self._heard.published, "confirm what we wrote")
        code = self._heard.published[sent.mid]
        if code.is_failure:
            raise _refused(code, f"does not take what we write to {topic}")
        return str(code)

    def _made(self) -> Client:
        given = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session or "",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if given.username is not None:
            client.username_pw_set(given.username, given.password.get_secret_value() if given.password else None)
        if given.tls:
            self._tls = _trusting(given.ca_file)
            client.tls_set_context(self._tls)
        heard = self._heard

        def connected(_c: Client, _u: Any, flags: Any, code: ReasonCode, _p: Any) -> None:
            heard.connected, heard.session_present = code, bool(flags.session_present)

        def subscribed(_c: Client, _u: Any, mid: int, codes: list[ReasonCode], _p: Any) -> None:
            heard.subscribed[mid] = codes

        def published(_c: Client, _u: Any, mid: int, code: ReasonCode, _p: Any) -> None:
            heard.published[mid] = code

        def gone(_c: Client, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
            heard.gone = code

        def message(_c: Client, _u: Any, one: MQTTMessage) -> None:
            heard.messages.append(one)

        client.on_connect, client.on_subscribe, client.on_publish = connected, subscribed, published
        client.on_disconnect, client.on_message = gone, message
        return client

    def _signed_in(self) -> None:
        code = self._heard.connected
        if code is not None and code.is_failure:
            raise _refused(code, "does not sign us in", signing_in=True)

    def _turn(self, until: Callable[[], bool], what: str) -> None:
        while not until():
            if time.monotonic() > self._ends:
                raise UnreachableError(f"The broker did not {what} in time.", why="It said nothing more.")
            self._once()

    def _once(self) -> None:
        """Turn the loop once; a line that broke is said, unless the broker's answer to our sign-in is there already."""
        code = self._client.loop(_TICK_S)
        refused = self._heard.connected is not None and self._heard.connected.is_failure
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS and not refused:
            if self._heard.gone is not None and self._heard.gone.value >= 0x81:
                raise _refused(self._heard.gone, "hung up")
            raise UnreachableError("The broker hung up.", why=f"{code.name}.")

    def _drop(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        if self._tls is not None:
            self._tls.close()

    def _unreachable(self, error: Exception) -> TielineError:
        place = f"{self._settings.host}:{self._settings.port}"
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return CertificateError(
                f"The broker shows a certificate we cannot trust ({place}).",
                why=said,
                fix="Set ca_file to the CA that signed it, or correct host. Verification cannot be switched off.",
            )
        fix = "See whether it runs, and whether host, port and tls are right. It is tried again."
        return UnreachableError(f"The broker cannot be reached ({place}).", why=said, fix=fix)


def _refused(code: ReasonCode, what: str, *, signing_in: bool = False) -> TielineError:
    family, fix = _CODES.get(code.value, (RefusedError, "Read its words; then change what is sent."))
    if signing_in and code.value == 0x87:
        family, fix = CredentialsError, "Correct user name and password, or allow our client in the broker."
    return family(f"The broker {what}.", why=f"It said: {code} ({code.value:#x}).", fix=fix, foreign=str(code))
