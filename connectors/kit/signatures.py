"""The arithmetic of signed messages: what is signed, with which key, and whether its time is near enough."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime

from standardwebhooks import Webhook

from connectors.kit.doorways import HmacDoor
from connectors.kit.refusals import (
    DoorSetupError,
    SignatureWrongError,
    TimestampMissingError,
    TimestampNewError,
    TimestampOldError,
    TimestampUnreadableError,
)
from core.clock import SECOND, from_rfc3339, to_rfc3339
from core.words import Micros

_SLOT = re.compile(r"\{(body|timestamp|id|method|url)\}")
_LATEST: Micros = 253_402_300_799 * SECOND  #: the end of the year 9999: what a datetime can hold


def fill(template: str, body: bytes, *, timestamp: str = "", message_id: str = "", method: str = "", url: str = "") -> bytes:
    """
    Return the bytes that are signed.

    >>> fill("{timestamp}.{body}", b"x", timestamp="17")
    b'17.x'
    """
    parts = {"timestamp": timestamp, "id": message_id, "method": method, "url": url}
    pieces: list[bytes] = []
    end = 0
    for slot in _SLOT.finditer(template):
        pieces.append(template[end : slot.start()].encode())
        pieces.append(body if slot[1] == "body" else parts[slot[1]].encode("utf-8", "surrogatepass"))
        end = slot.end()
    return b"".join([*pieces, template[end:].encode()])


def digest(door: HmacDoor, secret: str, signed: bytes) -> str:
    """Return the signature as the door's header writes it, without its prefix."""
    raw = hmac.new(_key(secret, door.secret_encoding), signed, getattr(hashlib, door.algorithm)).digest()
    return raw.hex() if door.encoding == "hex" else b64encode(raw).decode()


def standard(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """
    Return the ``v1,…`` signature of Standard Webhooks, made by its own library.

    The library reads a secret leniently and lets ValueError out for a body that is not UTF-8; both are caught here.
    """
    _key(secret.removeprefix("whsec_"), "base64")  # strict: the library would silently skip foreign letters
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignatureWrongError(
            "The body is not UTF-8 text.",
            why=f"Byte {error.start} cannot be read; Standard Webhooks signs text.",
            fix="Send UTF-8, as JSON demands.",
        ) from None
    try:
        return str(Webhook(secret).sign(message_id, datetime.fromtimestamp(int(stamp), UTC), text))
    except UnicodeEncodeError:  # a lone surrogate in webhook-id
        raise SignatureWrongError(
            "The header webhook-id is not text.", why="It cannot be written as UTF-8.", fix="Send a plain ASCII message id."
        ) from None


def write_stamp(form: str, now: Micros) -> str:
    """Return the time of sending in a door's form."""
    if form == "rfc3339":
        return str(to_rfc3339(now))
    return str(now // SECOND if form == "s" else now // 1000)


def check_stamp(given: str | None, header: str, form: str, tolerance_s: int, now: Micros) -> str:
    """Return the stamp as it was sent when its time is within the tolerance on both sides; refuse it otherwise."""
    if not given:
        raise TimestampMissingError(
            f"The header {header} is missing.",
            why="The time of sending is part of what is signed.",
            fix=f"Let the sending system send {header}.",
        )
    away = now - _moment(given, header, form)
    window = f"The door allows {tolerance_s} s either way"
    if away > tolerance_s * SECOND:
        raise TimestampOldError(
            f"The message was sent {away // SECOND} s ago by {header}.",
            why=f"{window}, so that a recorded message cannot be played back later.",
            fix="Send it again, and compare the clocks of both machines.",
        )
    if -away > tolerance_s * SECOND:
        raise TimestampNewError(
            f"The message comes from {-away // SECOND} s in the future by {header}.",
            why=f"{window}.",
            fix="Compare the clocks of both machines (NTP).",
        )
    return given


def _moment(given: str, header: str, form: str) -> Micros:
    try:
        return from_rfc3339(given) if form == "rfc3339" else _counted(given, SECOND if form == "s" else 1000)
    except (ValueError, OverflowError) as error:
        raise TimestampUnreadableError(
            f"The header {header} does not hold a time.",
            why=f"The door expects {({'s': 'seconds', 'ms': 'milliseconds'}).get(form, 'RFC 3339')}; {error}.",
            fix=f"Let the sending system write {header} in this form, or change the door's timestamp_form.",
        ) from None


def _counted(given: str, unit: Micros) -> Micros:
    if not re.fullmatch(r"[0-9]{1,16}", given):  # int() alone would also read "+17", "1_7", " 17" and "１７"
        raise ValueError("it is not a plain number")
    if int(given) * unit > _LATEST:
        raise ValueError("it lies beyond the year 9999")
    return int(given) * unit


def _key(secret: str, encoding: str) -> bytes:
    try:
        if encoding == "hex":
            return bytes.fromhex(secret)
        if encoding == "base64":
            return b64decode(secret + "=" * (-len(secret) % 4), validate=True)
        return secret.encode()
    except (ValueError, binascii.Error):
        raise DoorSetupError(
            "The door's secret cannot be used.",
            why=f"It is not {encoding}, as this scheme wants.",
            fix="Copy the secret again, whole, or make a new one.",
        ) from None
