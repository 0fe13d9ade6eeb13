"""
How two values of one field are compared: a closed list of kinds, each with its points.

Points are weights of evidence in bits: one more point doubles the odds that two records are one thing, and the
points of the fields add up. Every kind says what equal values are worth, what different ones cost, and what lies
between. A value that is missing on one side says nothing (0 points). The points are set by hand, once, for all
entities; an entity's author may scale them with ``weight``. No database here, and nothing is learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from rapidfuzz.distance import OSA, JaroWinkler

from core.words import Json
from mappings.matching import codes, companies, pinyin
from mappings.matching.texts import HAN, letters, said

Form: TypeAlias = Any
"""A prepared value: plain JSON (text, or a list of texts), so that it can be kept in a row."""


class Compared(NamedTuple):
    """
    What two values say: points for (or against) one thing, and the word for what was seen.

    ``open`` says that these values leave it open which of several it is (a brand names a group of firms), so that no
    sum of points is enough for a machine unless a number that an authority gave is equal.
    """

    points: float
    level: str
    open: bool = False


EQUAL, CLOSE, SOUND, PART, SWAPPED, DIFFERS = "equal", "close", "sound", "part", "swapped", "differs"
BRAND, SISTER = "brand", "sister"
MISSING = Compared(0.0, "missing")


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One way to compare.

    ``alone`` are keys that may find a candidate by themselves, ``grips`` coarse forms that find one together with the
    grip of another field; ``role`` says which others: who with who, when and where; where with number.
    """

    name: str
    en: str
    zh: str
    prepare: Callable[[Json], Form | None]
    compare: Callable[[Form, Form], Compared]
    best: float
    role: str = ""
    proof: bool = False
    """Equal values settle what others leave open."""
    alone: Callable[[Form], tuple[str, ...]] = lambda form: ()
    grips: Callable[[Form], tuple[str, ...]] = lambda form: ()


def graded(best: float, worst: float, least: float) -> Callable[[str, str], Compared]:
    """Return a comparison of texts by Jaro-Winkler: below ``least`` they differ, above it points grow with likeness."""
    span = 1 - least

    def compare(one: str, other: str) -> Compared:
        if one == other:
            return Compared(best, EQUAL)
        alike = JaroWinkler.similarity(one, other)
        if alike <= least:
            return Compared(worst, DIFFERS)
        return Compared(worst + (best * 0.85 - worst) * (alike - least) / span, CLOSE)

    return compare


def exact(best: float, worst: float, *, slip: float | None = None) -> Callable[[str, str], Compared]:
    """Return a comparison of codes: equal, one slip of the hand (a wrong or swapped character), or different."""

    def compare(one: str, other: str) -> Compared:
        if one == other:
            return Compared(best, EQUAL)
        if slip is not None and OSA.distance(one, other, score_cutoff=1) <= 1:
            return Compared(slip, CLOSE)
        return Compared(worst, DIFFERS)

    return compare


def compare_dates(one: str, other: str) -> Compared:
    """
    Compare YYYYMMDD: equal, one slip, day and month changed places, or two slips.

    >>> compare_dates("19800102", "19800201").level, compare_dates("19800102", "19800103").level
    ('swapped', 'close')
    """
    if one == other:
        return Compared(9.0, EQUAL)
    slips = OSA.distance(one, other, score_cutoff=2)
    if slips <= 1:
        return Compared(4.5, CLOSE)
    if one[:4] == other[:4] and one[4:6] == other[6:] and one[6:] == other[4:6]:
        return Compared(5.0, SWAPPED)
    return Compared(0.0, CLOSE) if slips == 2 else Compared(-5.0, DIFFERS)


def prepare_person(value: Json) -> list[str] | None:
    """Keep the name and its sounds: [name, sound, …]; of 张先生 the surname, which says little."""
    text = said(value)
    if text is None:
        return None
    if not HAN.search(text):
        return [" ".join(pinyin.words(text)), *pinyin.sounds(text)]
    name = letters(text)
    surname = pinyin.polite(name)
    return [f"{surname}*", *pinyin.family_sounds(surname)] if surname else [name, *pinyin.sounds(name)]


_latin_names = graded(7.0, -5.0, 0.75)


def compare_persons(one: list[str], other: list[str]) -> Compared:
    """
    Compare two full names, Chinese or not; an equal sound of other characters is weak, and alone never enough.

    >>> compare_persons(["张伟", "zhangwei"], ["张炜", "zhangwei"]).level
    'sound'
    """
    a, b = one[0], other[0]
    if a[-1] == "*" or b[-1] == "*":
        return Compared(1.0, PART) if pinyin.family(a) == pinyin.family(b) else Compared(-6.0, DIFFERS)
    if a == b:
        return Compared(7.0, EQUAL)
    han = bool(HAN.match(a)), bool(HAN.match(b))
    sounds = not set(one[1:]).isdisjoint(other[1:])
    if han == (True, True):
        return Compared(-1.0, SOUND) if sounds else Compared(-12.0, DIFFERS)
    if han == (False, False):
        return Compared(6.5, SWAPPED) if sounds else max(_latin_names(x, y) for x in one[1:] for y in other[1:])
    return Compared(3.5, SOUND) if sounds else Compared(-6.0, DIFFERS)


def prepare_company(value: Json) -> list[str] | None:
    """Keep the parts of the name and the sound of its brand."""
    text = said(value)
    if text is None:
        return None
    parts = companies.split(text)
    return [*parts, pinyin.sounds(parts.brand)[0] if parts.brand else ""]


def _parts(one: list[str], other: list[str]) -> tuple[tuple[str, str, float, float], ...]:
    """Return what is compared besides the brand: a sister in another trade or town is a firm of its own."""
    return (
        (one[0], other[0], 2.0, -14.0),
        (one[2], other[2], 3.0, -14.0),
        (one[3], other[3], 1.0, -2.0),
        (one[4] or "-", other[4] or "-", 0.0, -14.0),
    )


def compare_companies(one: list[str], other: list[str]) -> Compared:
    """
    Compare two company names part by part; another brand is another firm, whatever else is equal.

    >>> names = "深圳市腾讯计算机系统有限公司", "深圳市腾讯科技有限公司", "深圳市财付通计算机系统有限公司", "腾讯"
    >>> full, *others = map(prepare_company, names)
    >>> [compare_companies(full, one).level for one in (full, *others)]
    ['equal', 'sister', 'differs', 'brand']
    """
    place, brand, _, form, _, whole, sound = one
    place_, brand_, _, _, _, whole_, sound_ = other
    if whole == whole_ and place == place_:
        return Compared((14.0 if place else 11.0) if form else 8.0, EQUAL)  # a registered name is one of its town
    if brand != brand_:
        if sound == sound_ and sound:
            return Compared(-1.0, SOUND)
        if not (brand.isascii() and brand_.isascii() and JaroWinkler.similarity(brand, brand_) > 0.92):
            return Compared(-10.0, DIFFERS)
    points = (8.0 if brand == brand_ else 4.0) - (1.5 if bool(place) is not bool(place_) else 0.0)
    level = CLOSE
    for a, b, same, other_one in _parts(one, other):
        if a and b:
            points += same if a == b else other_one
            level = level if a == b else PART
    if points < 0 and level == PART:
        return Compared(points, SISTER, open=True)
    if _is_short(one) is not _is_short(other):
        return Compared(points, BRAND, open=True)
    return Compared(points, level)


def _is_short(parts: list[str]) -> bool:
    """Say whether a name is the brand alone, perhaps with its town."""
    return not parts[2] and not parts[3]


def compare_employers(one: list[str], other: list[str]) -> Compared:
    """Compare the firms of two persons: colleagues share one, and people change theirs."""
    said = compare_companies(one, other)
    return Compared(3.5 if said.points >= 8.0 else 1.0 if one[1] == other[1] else -1.0, said.level)


def prepare_text(value: Json) -> str | None:
    """Keep the letters and digits."""
    text = said(value)
    return None if text is None else letters(text)


def prepare_words(value: Json) -> str | None:
    """Keep the folded text."""
    return said(value)


def compare_phones(one: list[str], other: list[str]) -> Compared:
    """Compare numbers and extensions: a mobile belongs to one, a switchboard to many, two extensions to two persons."""
    if one[0] != other[0]:
        return Compared(-1.5, DIFFERS)
    if one[1] and other[1]:
        return Compared(9.0, EQUAL) if one[1] == other[1] else Compared(-2.0, PART)
    return Compared(9.0, EQUAL) if one[2] else Compared(4.0, PART)


def compare_registrations(one: list[str], other: list[str]) -> Compared:
    """Compare numbers that an authority gave and a check digit guards: equal is nearly proof, different nearly the contrary."""
    if one[0] == other[0]:
        return Compared(18.0 if one[1] else 9.0, EQUAL)
    return Compared(-18.0, DIFFERS, open=True) if one[1] and other[1] else Compared(0.0, CLOSE)


def _itself(form: Form) -> tuple[str, ...]:
    return (form if isinstance(form, str) else form[0],)


def _start(form: str) -> tuple[str, ...]:
    return (form[:3],)


def _long(form: str) -> tuple[str, ...]:
    return (form,) if len(form) >= 6 else ()


def _months(form: str) -> tuple[str, ...]:
    return (form[:6], form[4:])


KINDS: dict[str, Kind] = {
    one.name: one
    for one in (
        Kind("person", "full name of a person", "姓名（全名）", prepare_person, compare_persons, 7.0, "who",
             alone=lambda form: tuple(dict.fromkeys((form[0], *form[1:]))), grips=lambda form: (min(form[1:]),)),
        Kind("name", "given name or surname", "名或姓", prepare_text, graded(6.0, -4.0, 0.7), 6.0, "name", grips=_itself),
        Kind("company", "name of a company", "公司名称", prepare_company, compare_companies, 14.0, "who",
             alone=lambda form: tuple(one for one in dict.fromkeys((form[1], form[6])) if one), grips=lambda form: (form[6],)),
        Kind("employer", "company that a person works for", "所在公司", prepare_company, compare_employers, 3.5, "where",
             grips=lambda form: (form[6],)),
        Kind("uscc", "统一社会信用代码", "统一社会信用代码",
             codes.prepare_uscc, compare_registrations, 18.0, proof=True, alone=_itself),
        Kind("citizen", "居民身份证号", "居民身份证号",
             codes.prepare_citizen, compare_registrations, 18.0, proof=True, alone=_itself),
        Kind("phone", "telephone number", "电话号码", codes.prepare_phone, compare_phones, 9.0, alone=_itself),
        Kind("email", "e-mail address", "电子邮箱", codes.prepare_email, exact(11.0, -1.5, slip=2.0), 11.0, alone=_itself),
        Kind("id", "number of its own: serial, asset, membership", "自身编号（序列号、资产号、会员号）",
             codes.prepare_id, exact(13.0, -6.0, slip=-1.0), 13.0, alone=_itself),
        Kind("date", "date", "日期", codes.prepare_date, compare_dates, 9.0, "when", alone=_itself, grips=_months),
        Kind("text", "text: street, title", "文本（街道、名称）", prepare_text, graded(6.0, -2.0, 0.7), 6.0, "where",
             alone=_long, grips=_itself),
        Kind("place", "town, district", "城镇、区县", prepare_text, graded(3.5, -2.0, 0.75), 3.5, "where", grips=_itself),
        Kind("code", "short code: postcode", "短代码（邮编）",
             prepare_text, exact(4.0, -2.0, slip=1.5), 4.0, "where", grips=_itself),
        Kind("number", "small number: house number", "小号码（门牌号）",
             prepare_text, exact(3.5, -1.5, slip=0.5), 3.5, "number", grips=_itself),
        Kind("word", "word of a closed list", "封闭词表中的词", prepare_words, exact(1.0, -1.0), 1.0),
    )
}  # fmt: skip
"""Every way to compare that a definition may name."""
