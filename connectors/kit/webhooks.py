"""
Doors: is this push really from the system it claims? Decided over the raw bytes, before anything is parsed.

A door is a small dict kept with the connector (``inbound``); the secrets come beside it, never inside:

    {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}   + {"secret": "…"}
    {"scheme": "standard_webhooks"}                                            + {"secret": ["whsec_new", "whsec_old"]}
    {"scheme": "header", "header": "X-Token"}                                  + {"secret": "…"}
    {"scheme": "basic", "user": "zabbix"}                                      + {"secret": "…"}
    {"scheme": "path"}                                                         + {"secret": "…"}

``secret`` may be a list in every scheme: while it is rotated, each of them opens the door. A change of any
signed byte is refused: signatures are compared as text, in constant time, so no lenient decoder helps a forger.
"""

from __future__ import annotations

import hmac
import secrets as random
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.kit import signatures
from connectors.kit.doorways import BasicDoor, Door, HeaderDoor, HmacDoor, PathDoor, StandardDoor, read_door
from connectors.kit.refusals import (
    CredentialMissingError,
    CredentialWrongError,
    DoorSetupError,
    MessageIdMissingError,
    PathWrongError,
    SignatureMissingError,
    SignatureWrongError,
)
from core.clock import SECOND
from core.words import Micros

Secrets = Mapping[str, str | Sequence[str]]


def verify(
    door: Mapping[str, Any],
    secrets: Secrets,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: Micros,
    path_secret: str | None = None,
    method: str = "POST",
    url: str = "",
) -> str | None:
    """
    Open the door or raise a RefusedDoorError; return the sender's own id of the message, where the scheme signs one.

    ``headers`` are compared by name without case. ``path_secret`` is the last part of ``/in/<connector>/<secret>``.
    """
    declared, ours = read_door(door), _ours(secrets)
    got = {name.lower(): value for name, value in headers.items()}
    match declared:
        case StandardDoor():
            return _standard(declared, ours, got, body, now)
        case HmacDoor():
            return _hmac(declared, ours, got, body, now, method, url)
        case HeaderDoor():
            _shared(got.get(declared.header.lower()), [declared.prefix + one for one in ours], f"header {declared.header}")
        case BasicDoor():
            wanted = [f"Basic {b64encode(f'{declared.user}:{one}'.encode()).decode()}" for one in ours]
            _shared(got.get("authorization"), wanted, "Basic user and password")
        case PathDoor():
            if path_secret is None or not _is_one_of(path_secret, ours):
                raise PathWrongError(
                    "The address is not the secret one.",
                    why="This door has no signature, so its address holds a secret, and this one does not match.",
                    fix="Copy the whole push address from the connector's page into the sending system.",
                )
    return None


def sign(
    door: Mapping[str, Any],
    secrets: Secrets,
    body: bytes,
    *,
    message_id: str,
    now: Micros,
    method: str = "POST",
    url: str = "",
) -> dict[str, str]:
    """Return the headers a sender adds so that ``verify`` with the same door opens; signs with the first secret."""
    declared, ours = read_door(door), _ours(secrets)
    match declared:
        case StandardDoor():
            stamp = str(now // SECOND)
            signature = signatures.standard(ours[0], message_id, stamp, body)
            return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}
        case HmacDoor():
            stamp = signatures.write_stamp(declared.timestamp_form, now)
            signed = signatures.fill(declared.signed, body, timestamp=stamp, message_id=message_id, method=method, url=url)
            found = {declared.header: declared.prefix + signatures.digest(declared, ours[0], signed)}
            if declared.timestamp_header:
                found[declared.timestamp_header] = stamp
            if declared.id_header:
                found[declared.id_header] = message_id
            return found
        case HeaderDoor():
            return {declared.header: declared.prefix + ours[0]}
        case BasicDoor():
            return {"Authorization": f"Basic {b64encode(f'{declared.user}:{ours[0]}'.encode()).decode()}"}
        case PathDoor():
            return {}


def fresh_secret(scheme: str) -> str:
    """Return a new random secret in the form the scheme wants (256 bits)."""
    raw = random.token_bytes(32)
    return "whsec_" + b64encode(raw).decode() if scheme == "standard_webhooks" else raw.hex()


def describe(door: Mapping[str, Any]) -> Door:
    """Read a door's settings, or raise DoorSetupError that names every fault: what a form and ``check`` call."""
    return read_door(door)


def _standard(door: StandardDoor, ours: list[str], got: Mapping[str, str], body: bytes, now: Micros) -> str:
    given = got.get("webhook-signature")
    if not given:
        raise _no_signature("webhook-signature")
    message_id = got.get("webhook-id")
    if not message_id:
        raise _no_id("webhook-id")
    stamp = signatures.check_stamp(got.get("webhook-timestamp"), "webhook-timestamp", "s", door.tolerance_s, now)
    wanted = [signatures.standard(one, message_id, stamp, body) for one in ours]
    if not any(_is_one_of(one, wanted) for one in given.split(" ")):
        raise _wrong_signature("webhook-signature", len(ours))
    return message_id


def _hmac(
    door: HmacDoor, ours: list[str], got: Mapping[str, str], body: bytes, now: Micros, method: str, url: str
) -> str | None:
    given = got.get(door.header.lower())
    if not given:
        raise _no_signature(door.header)
    message_id = got.get(door.id_header.lower()) if door.id_header else None
    if door.id_header and not message_id:
        raise _no_id(door.id_header)
    stamp = ""
    if door.timestamp_header:
        form, window = door.timestamp_form, door.tolerance_s
        stamp = signatures.check_stamp(got.get(door.timestamp_header.lower()), door.timestamp_header, form, window, now)
    signed = signatures.fill(door.signed, body, timestamp=stamp, message_id=message_id or "", method=method, url=url)
    wanted = [door.prefix + signatures.digest(door, one, signed) for one in ours]
    several = given.split(door.separator) if door.separator else [given]
    if not any(_is_one_of(one, wanted) for one in several):
        raise _wrong_signature(door.header, len(ours))
    return message_id


def _shared(given: str | None, wanted: list[str], name: str) -> None:
    if not given:
        raise CredentialMissingError(
            f"The {name} is missing.",
            why="This door opens only to senders who show the shared secret.",
            fix=f"Set the {name} in the sending system.",
        )
    if not _is_one_of(given, wanted):
        raise CredentialWrongError(
            f"The {name} is wrong.",
            why="It is none of the secrets this door knows.",
            fix="Set the secret again on both sides; while you change it, the door can know the old and the new one.",
        )


def _is_one_of(given: str, wanted: Sequence[str]) -> bool:
    """Compare in constant time with every one, not only up to the first that fits."""
    try:
        shown = given.encode("latin-1")  # WSGI hands header bytes over as latin-1 text
    except UnicodeEncodeError:
        shown = given.encode("utf-8", "surrogatepass")
    return sum(hmac.compare_digest(shown, one.encode("utf-8", "surrogatepass")) for one in wanted) > 0


def _ours(secrets: Secrets) -> list[str]:
    found = secrets.get("secret")
    several = [found] if isinstance(found, str) else list(found or ())
    if not several or not all(several):
        raise DoorSetupError(
            "The door has no secret.",
            why="Without a secret anybody could push, so a door without one stays shut.",
            fix="Set the door's secret on the connector's page, or with `tieline connectors set NAME --door SCHEME`.",
        )
    return several


def _no_signature(header: str) -> SignatureMissingError:
    return SignatureMissingError(
        f"The header {header} is missing.",
        why="This door opens only to signed messages.",
        fix=f"Switch signing on in the sending system, so that it sends {header}.",
    )


def _no_id(header: str) -> MessageIdMissingError:
    return MessageIdMissingError(
        f"The header {header} is missing.",
        why="The message id is part of what is signed.",
        fix=f"Let the sending system send {header}.",
    )


def _wrong_signature(header: str, count: int) -> SignatureWrongError:
    return SignatureWrongError(
        f"The signature in {header} is wrong.",
        why=f"It is not the signature of these bytes under the {count} secret{'s' * (count > 1)} this door knows.",
        fix="Set the same secret on both sides, and let nothing between them rewrite the body.",
    )


__all__ = ["describe", "fresh_secret", "read_door", "sign", "verify"]
