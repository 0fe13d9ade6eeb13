"""Check characters: the closed list that an id shape may name, and the spoken form of our own master IDs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from core.errors import InputError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"


def luhn(text: str) -> bool:
    """
    Say whether the last digit is the Luhn digit (IMEI, payment cards).

    >>> luhn("490154203237518"), luhn("490154203237519")
    (True, False)
    """
    if not (text.isascii() and text.isdigit()):
        return False
    total = 0
    for place, char in enumerate(reversed(text)):
        digit = int(char) * (1 + place % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def gs1(text: str) -> bool:
    """
    Say whether the last digit is the GS1 digit (GTIN, GLN, SSCC).

    >>> gs1("4006381333931"), gs1("4006381333932")
    (True, False)
    """
    if not (text.isascii() and text.isdigit()):
        return False
    return sum(int(char) * (3 if place % 2 else 1) for place, char in enumerate(reversed(text))) % 10 == 0


def mod_37_2(text: str) -> bool:
    """
    Say whether the last character is the ISO 7064 mod 37-2 character; hyphens do not count.

    >>> mod_37_2("CUST-2026-008921-" + check_character("CUST-2026-008921"))
    True
    """
    plain = text.replace("-", "").upper()
    return len(plain) > 1 and all(char in _ALPHABET for char in plain) and check_character(plain[:-1]) == plain[-1]


def check_character(text: str) -> str:
    """
    Return the mod 37-2 character: it finds every wrong character and every swap of two neighbours.

    >>> check_character("CUST-2026-008921")
    'O'
    """
    remainder = 0
    for char in text.replace("-", "").upper():
        remainder = (remainder + _ALPHABET.index(char)) * 2 % 37
    return _ALPHABET[(38 - remainder) % 37]


CHECKS: dict[str, Callable[[str], bool]] = {"luhn": luhn, "gs1": gs1, "mod_37_2": mod_37_2}


def spoken(gid: str) -> str:
    """Return a master ID with its check character, for the telephone and the keyboard."""
    return f"{gid}-{check_character(gid)}"


_MASTER_ID = re.compile(r"[A-Z][A-Z0-9]{1,7}-[0-9]{4}-[0-9]{6,}")


def entered(text: str) -> str:
    """
    Return the master ID that a person or a program entered: in any case or width, with or without its check character.

    What has another form is returned as it is, for whoever looks it up to say that it does not exist.

    >>> entered(" cust-2026-008921-o "), entered("CUST-2026-008921"), entered("x")
    ('CUST-2026-008921', 'CUST-2026-008921', 'x')
    """
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    if _MASTER_ID.fullmatch(plain):
        return plain
    return read_spoken(plain) if _MASTER_ID.fullmatch(plain[:-2]) and plain[-2] == "-" else text


def read_spoken(text: str) -> str:
    """
    Read what a person typed or heard back into a master ID; a wrong character is refused, not guessed.

    >>> read_spoken("cust-2026-008921-O")
    'CUST-2026-008921'
    """
    plain = text.strip().upper()
    gid, _, check = plain.rpartition("-")
    if len(check) != 1 or not gid or not mod_37_2(plain):
        raise InputError(
            f"{text!r} is not a master ID with its check character.",
            why="The last character does not fit the others: one of them was heard or typed wrongly.",
            fix="Ask for it again, or enter the master ID without the check character.",
        )
    return gid
