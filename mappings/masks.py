"""
Masking what is about a person, so that a real record may be kept as a case or shown in a report.

A mask keeps the form (a digit stays a digit, a letter a letter, a Chinese character one), so that steps and patterns
still work on it. The same value gets the same mask within one masking; nobody can compute it back without the key,
which is thrown away.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from core.words import Json
from mappings.names import words_of
from mappings.translate.paths import Equals, Path

Place = tuple[int, str | int]
"""A place in a record: the identity of its container, and the key there."""

_BIGGEST = 2**63 - 1

_CHINESE = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭鲁韦马苗花方任袁柳"

_ABOUT_PEOPLE = frozenset(
    (  # noqa: SIM905 - so many words read better in lines than one below the other
        "phone mobile tel telephone cell cellphone fax email mail wechat qq whatsapp contact person idcard passport ssn "
        "address addr street birthday birthdate birth surname firstname lastname fullname username user actor assignee "
        "assignedto creator author reporter requester technician employee operator owner salary bankcard iban "
        "姓名 手机 手机号 电话 联系电话 邮箱 邮件 传真 微信 联系人 身份证 身份证号 护照 地址 住址 生日 出生日期 银行卡 "
        "负责人 经办人 申请人 处理人 报修人 创建人 修改人 员工 业务员 操作员 客户姓名 收货人"
    ).split()
)

_PERSONAL = re.compile(
    r"""
    [A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+             # an address of mail
  | (?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])            # an identity card
  | (?<![0-9])[0-9]{16}(?:[0-9]{3})?(?![0-9])                       # a bank card
  | (?<![0-9])(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])   # a mobile phone in China
  | (?<![0-9])\+[0-9]{1,3}[ -]?[0-9][0-9 -]{6,13}[0-9](?![0-9])      # an international number
    """,
    re.VERBOSE,
)


def is_about_people(key: str) -> bool:
    """
    Say whether a key's name is that of something personal.

    >>> [is_about_people(key) for key in ("contactPhone", "联系人手机", "FLinkMan_Mobile", "name", "part")]
    [True, True, True, False, False]
    """
    words = words_of(key)
    return any(word in _ABOUT_PEOPLE or _within(word) for word in words)


def _within(word: str) -> bool:
    return not word.isascii() and any(known in word for known in _ABOUT_PEOPLE if not known.isascii())


@dataclass(frozen=True, slots=True)
class Mask:
    """One masking: a key of its own, and the paths that are personal because a mapping says so."""

    marked: tuple[Path, ...] = ()
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def record(self, record: dict[str, Json]) -> dict[str, Json]:
        """Return the record, masked where it is about people; the other is untouched."""
        masked: dict[str, Json] = self._walk(record, self.marked_in(record), whole=False)
        return masked

    def marked_in(self, record: Json) -> set[Place]:
        """Return the places in a record that the marked paths lead to, by container and key."""
        found: set[Place] = set()
        for path in self.marked:
            found |= set(_places(record, path.parts if path.parts is not None else path.keys))
        return found

    def _walk(self, node: Json, marked: set[Place], *, whole: bool) -> Json:
        if isinstance(node, dict):
            return {
                key: self._walk(one, marked, whole=whole or (id(node), key) in marked or is_about_people(key))
                for key, one in node.items()
            }
        if isinstance(node, list):
            return [self._walk(one, marked, whole=whole or (id(node), n) in marked) for n, one in enumerate(node)]
        return self.value(node) if whole else self._found(node)

    def _found(self, value: Json) -> Json:
        """Mask what looks personal inside a value that nobody has marked."""
        if isinstance(value, str):
            return _PERSONAL.sub(lambda match: self.text(match[0]), value)
        if isinstance(value, int) and not isinstance(value, bool) and _PERSONAL.fullmatch(str(value)):
            return self.value(value)
        return value

    def value(self, value: Json) -> Json:
        """Return a value of the same form that says nothing about the person."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return self._whole(value)
        return self._real(value) if isinstance(value, float) else value

    def _real(self, value: float) -> float:
        """Return another number of the same form; of one that is very large, smaller by a power, so that it stays a number."""
        if abs(value) < 1e15:
            return float(self.text(f"{value:f}"))
        mantissa, _, power = f"{value:e}".partition("e")
        return float(f"{self.text(mantissa)}e{int(power) - 1}")

    def _whole(self, value: int) -> int:
        """Return another number of as many digits that 64 bits can hold."""
        sign, digits = ("-", str(-value)) if value < 0 else ("", str(value))
        masked = self.text(digits)
        if masked[0] == "0":  # only a first digit from 1 to 9 becomes 0
            masked = f"{int(digits[0]) % 9 + 1}{masked[1:]}"
        if len(masked) >= len(str(_BIGGEST)):
            masked = f"{1 if digits[0] != '1' else 2}{masked[1 : len(str(_BIGGEST)) - 1]}"
        return int(sign + masked)

    def text(self, value: str) -> str:
        """
        Return a text of the same form.

        >>> Mask(key=b"k").text("张三 13800138000") != "张三 13800138000"
        True
        >>> Mask(key=b"k").text("a.b@c.de")[3]
        '@'
        """
        stream = self._stream(value)
        return "".join(_other(char, next(stream)) for char in value)

    def _stream(self, value: str) -> Iterator[int]:
        block = 0
        while True:
            yield from hmac.digest(self.key, f"{block}|{value}".encode("utf-8", "surrogatepass"), hashlib.sha256)
            block += 1


def _other(char: str, n: int) -> str:
    """Return another character of the same sort; no character stands for itself."""
    if "0" <= char <= "9":
        return str((int(char) + 1 + n % 9) % 10) if char != "0" else str(1 + n % 9)
    if "a" <= char <= "z":
        return chr(97 + (ord(char) - 97 + 1 + n % 25) % 26)
    if "A" <= char <= "Z":
        return chr(65 + (ord(char) - 65 + 1 + n % 25) % 26)
    if char.isalpha():
        picked = _CHINESE[n % len(_CHINESE)]
        return picked if picked != char else _CHINESE[(n + 1) % len(_CHINESE)]
    return char


def _places(node: Json, parts: tuple[str | int | Equals, ...]) -> Iterable[Place]:
    """Yield what names each place a path leads to: its container and its key there."""
    if not parts:
        return
    part, rest = parts[0], parts[1:]
    if isinstance(part, Equals):
        items = node if isinstance(node, list) else []
        for n, item in enumerate(items):
            if isinstance(item, dict) and (has := item.get(part.key)) == part.value and has.__class__ is not bool:
                yield from _places(item, rest) if rest else [(id(node), n)]
    elif isinstance(part, str) and isinstance(node, dict) and part in node:
        yield from _places(node[part], rest) if rest else [(id(node), part)]
    elif isinstance(part, int) and isinstance(node, list) and -len(node) <= part < len(node):
        yield from _places(node[part], rest) if rest else [(id(node), part % len(node))]
