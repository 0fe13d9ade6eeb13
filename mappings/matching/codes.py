"""Numbers with a form of their own: credit codes, telephone numbers, addresses of mail, dates. Prepared, or None."""

from __future__ import annotations

import re
from functools import lru_cache

from core.words import Json
from mappings.matching.texts import letters, said

REGION = "CN"
"""Where a telephone number without a country code is."""

_EXTENSION = re.compile(r"\s*(?:转|轉|分机|ext\.?|x|#|-(?=[0-9]{1,5}$)|;ext=)\s*([0-9]{1,6})\s*$", re.I)
_DATE = re.compile(r"^([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?:[t ].*)?$")


def prepare_uscc(value: Json) -> list[str] | None:
    """
    Return [code, "1"] of a 统一社会信用代码 whose check character is right, [code, ""] of another.

    >>> prepare_uscc("９１４４０３００７０８４６１１３６Ｔ"), prepare_uscc("91440300708461136X")
    (['91440300708461136T', '1'], ['91440300708461136X', ''])
    """
    from stdnum.cn import uscc

    text = said(value)
    if text is None:
        return None
    code = letters(text).upper()
    return [code, "1" if uscc.is_valid(code) else ""]


def prepare_citizen(value: Json) -> list[str] | None:
    """Return the same for a 居民身份证号."""
    from stdnum.cn import ric

    text = said(value)
    if text is None:
        return None
    code = letters(text).upper()
    return [code, "1" if ric.is_valid(code) else ""]


def prepare_phone(value: Json) -> list[str] | None:
    """
    Return [number in E.164, extension, "1" for a mobile]; what is no valid number says nothing.

    >>> prepare_phone("0755-86013388转8001"), prepare_phone("+86 138 0013 8000"), prepare_phone("86013388")
    (['+8675586013388', '8001', ''], ['+8613800138000', '', '1'], None)
    """
    text = said(value)
    return None if text is None else _phone(text)


@lru_cache(maxsize=16384)
def _phone(text: str) -> list[str] | None:
    import phonenumbers

    def read(number: str, extension: str = "") -> list[str] | None:
        try:
            parsed = phonenumbers.parse(number, REGION)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(parsed):
            return None
        parsed.extension = None
        mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
        return [phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), extension, "1" if mobile else ""]

    cut = _EXTENSION.search(text)
    return (cut and read(text[: cut.start()], cut[1])) or read(text)


def prepare_email(value: Json) -> str | None:
    """
    Return the address in lower case; what is none says nothing.

    >>> prepare_email("Zhang.San＠Example.cn"), prepare_email("zhang")
    ('zhang.san@example.cn', None)
    """
    text = said(value)
    return text if text is not None and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) else None


def prepare_id(value: Json) -> str | None:
    """
    Return letters and digits in upper case; under four they are no number of one's own.

    >>> prepare_id(" ec-2026 0215 "), prepare_id("7")
    ('EC20260215', None)
    """
    text = said(value)
    if text is None:
        return None
    code = letters(text).upper()
    return code if len(code) >= 4 and len(set(code)) > 1 else None


def prepare_date(value: Json) -> str | None:
    """
    Return YYYYMMDD; what is not a date says nothing.

    >>> prepare_date("1980年1月2日"), prepare_date("1980-01-02T00:00:00Z"), prepare_date(19800102), prepare_date("1.2.80")
    ('19800102', '19800102', '19800102', None)
    """
    text = said(value)
    found = _DATE.match(text) if text else None
    if found is None:
        return None
    year, month, day = found.groups()
    return f"{year}{int(month):02d}{int(day):02d}" if text != "00000000" else None
