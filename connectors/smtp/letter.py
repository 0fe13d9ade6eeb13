"""A letter from arguments: addresses that are addresses, a subject of one line, an id that is the same for every try."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from connectors.smtp.kind import ADDRESS, SmtpSettings
from core.clock import SECOND
from core.errors import InputError
from core.jsons import sha256
from core.words import Json, Micros

MOST_ADDRESSES = 100


def letter(arguments: Mapping[str, Json], settings: SmtpSettings, key: str, now: Micros) -> tuple[EmailMessage, list[str]]:
    """Return the message and whom it goes to."""
    to, cc = _addresses(arguments, "to"), _addresses(arguments, "cc")
    if not to:
        raise InputError("The mail goes to nobody.", why="`to` is empty.", fix="Give at least one address.")
    if len(to) + len(cc) > MOST_ADDRESSES:
        raise InputError(
            f"The mail goes to {len(to) + len(cc)} addresses.", why=f"{MOST_ADDRESSES} are the most.", fix="Use a mailing list."
        )
    subject, text, html = (arguments.get(name) for name in ("subject", "text", "html"))
    if not isinstance(subject, str) or not subject.strip() or any(ord(letter) < 32 for letter in subject):
        raise InputError("The subject cannot be used.", why="It is empty or has several lines.", fix="Give one line.")
    if not isinstance(text, str) or not text.strip():
        raise InputError("The mail is empty.", why="A person has to read it.", fix="Give a text.")
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = Address(settings.sender_name, addr_spec=settings.sender)
    made["To"] = [Address(addr_spec=one) for one in to]
    if cc:
        made["Cc"] = [Address(addr_spec=one) for one in cc]
    made["Subject"] = subject
    made["Date"] = datetime.fromtimestamp(now // SECOND, UTC)
    made["Message-ID"] = message_id(key, settings.sender)
    made["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday note answers us
    made.set_content(text)
    if isinstance(html, str) and html:
        made.add_alternative(html, subtype="html")
    return made, [*to, *cc]


def message_id(key: str, sender: str) -> str:
    """
    Return the id of a letter, made from the key of the write.

    >>> message_id("rule/evt/mail", "tieline@plant.example")
    '<9804cdd0116dbf69e1cd483ece16d87d@plant.example>'
    """
    return f"<{sha256(key.encode())[:32]}@{sender.rpartition('@')[2]}>"


def _addresses(arguments: Mapping[str, Json], name: str) -> list[str]:
    found: list[str] = []
    for one in arguments.get(name) or []:
        if not isinstance(one, str) or not ADDRESS.fullmatch(one.strip()):
            raise InputError(
                f"{str(one)[:80]!r} in {name} is no address.",
                why="It looks like anna@plant.example.",
                fix="Correct it, without a name around it.",
            )
        if one.strip() not in found:
            found.append(one.strip())
    return found
