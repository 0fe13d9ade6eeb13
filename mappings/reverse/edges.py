"""
Edge values, by step and by type: what the laws of reverse mappings are tried on.

Random values find nothing where it hurts: two thousand random dates miss the one hour a year that a clock is set back.
So every strategy mixes in the instants of the zone's own changes, leap days, full-width digits, leading zeros, halves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from core.clock import from_datetime, to_rfc3339
from core.words import Json
from mappings.translate.numbers import Decimals
from mappings.translate.step import Made
from mappings.translate.times import Times

Values = SearchStrategy[Json]

_FULL = {ord(sign): ord(sign) + 0xFEE0 for sign in map(chr, range(0x21, 0x7F))} | {0x20: 0x3000}
_LETTERS = "abzABZ059 -_.客户張国國ß①７Ａ"
_TEXTS = ("0", "007", "Ａ７", "張國", "张国", "A b", "x-1", "客户008921", "ß", "N/A")
_NUMBERS = (0, 1, -1, 0.1, 0.30000000000000004, 2.675, 1.005, -0.5, 99.99, 1e-9, 123456789.123, 10**12)
_INTEGERS = (0, 1, -1, 7, 10**12, -(10**12))
_DECIMALS = ("0", "0.5", "2.675", "-1234567.8", "1000")
_LEAPS = (
    datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(2025, 2, 28, 23, 59, 59, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 3, tzinfo=UTC),
)

texts: Values = st.sampled_from(_TEXTS) | st.text(_LETTERS, min_size=1, max_size=6)
integers: Values = st.sampled_from(_INTEGERS) | st.integers(-(10**6), 10**6)
numbers: Values = (
    st.sampled_from(_NUMBERS) | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6).map(lambda value: round(value, 4) + 0.0)
)


@cache
def changes(zone: ZoneInfo | None) -> tuple[datetime, ...]:
    """Return the instants around which a zone's clocks change in 2025 and 2026, half an hour apart; [] where they never do."""
    found: list[datetime] = []
    if zone is None:
        return ()
    at, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    offset = at.astimezone(zone).utcoffset()
    while at < end:
        at += timedelta(hours=1)
        now = at.astimezone(zone).utcoffset()
        if now != offset:
            found += [at + timedelta(minutes=30 * n) for n in range(-3, 4)]
            offset = now
    return tuple(found)


def moments(zone: ZoneInfo | None) -> SearchStrategy[datetime]:
    """Return instants (UTC): changes of the zone, leap days, ends of years, fractions of seconds, and any other."""
    anywhen = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware
    return st.sampled_from((*_LEAPS, *changes(zone))) | anywhen


def _held(moment: datetime) -> Json:
    """Return a time as a field holds it."""
    return to_rfc3339(from_datetime(moment))


def ours(steps: tuple[Made, ...], word: str) -> tuple[tuple[Json, ...], Values] | None:
    """
    Return values of a field's type that other sources may bring, where the steps claim to write any of them.

    The first part are the edges, each of which is tried; the second is what hypothesis draws from.
    """
    last = next((made for made in reversed(steps) if not made.lens.tidy), None)
    if last is not None and last.name not in _TOTAL:
        return None
    if word == "time":
        about = last.lens.about if last is not None else None
        zone = about.zone if isinstance(about, Times) else None
        return tuple(map(_held, (*_LEAPS, *changes(zone)))), moments(zone).map(_held)
    if last is not None and last.name == "decimal":
        return _DECIMALS, st.decimals(-(10**6), 10**6, places=4).map(lambda value: format(value, "f"))
    return _OURS.get(word)


_TOTAL = ("integer", "number", "boolean", "string", "unit", "decimal", "time", "epoch_s", "epoch_ms", "dotnet")
_OURS: dict[str, tuple[tuple[Json, ...], Values]] = {
    "string": (_TEXTS, texts),
    "integer": (_INTEGERS, integers),
    "number": (_NUMBERS, numbers),
    "boolean": ((True, False), st.booleans()),
}
_ANY: Values = texts | st.lists(texts, max_size=3) | st.dictionaries(texts, texts, max_size=2)


def theirs(steps: tuple[Made, ...], word: str) -> Values:
    """Return raw values that the steps are likely to take, made from the last step to the first."""
    inner = _OURS[word][1] if word in _OURS else moments(None).map(_held) if word == "time" else _ANY
    for made in reversed(steps):
        inner = _BEFORE.get(made.name, _as_it_is)(made, inner)
    return inner


def _as_it_is(made: Made, inner: Values) -> Values:
    return inner


def _varied(change: Callable[[str], str]) -> Callable[[Made, Values], Values]:
    """Return what makes some of the texts differ in the way that a tidying step undoes."""

    def before(made: Made, inner: Values) -> Values:
        return inner | inner.map(lambda value: change(value) if isinstance(value, str) else value)

    return before


def _table(made: Made, inner: Values) -> Values:
    words: list[Json] = list(made.lens.about.rows)
    words += [int(word) for word in words if re.fullmatch(r"0|[1-9][0-9]{0,8}", word)]  # the same code as a number
    return st.sampled_from(words)


def _pattern(made: Made, inner: Values) -> Values:
    """Return texts of the pattern's form, as far as Python reads it as RE2 does; else only the cases' values are left."""
    try:
        return st.from_regex(re.compile(made.lens.about, re.ASCII), fullmatch=True)
    except re.error:
        return st.nothing()


def _written_times(made: Made, inner: Values) -> Values:
    about: Times = made.lens.about
    local = moments(about.zone).map(lambda moment: moment.astimezone(about.zone) if about.zone else moment)
    if about.forms:
        return st.one_of(*(local.map(form.write) for form in about.forms))
    naive = local.map(lambda moment: moment.replace(tzinfo=None).isoformat(sep=" ")) if about.zone else st.nothing()
    return local.map(lambda moment: moment.isoformat()) | naive


def _decimals(made: Made, inner: Values) -> Values:
    about: Decimals = made.lens.about
    said = st.decimals(-(10**7), 10**7, places=3).map(
        lambda value: f"{value:,f}".replace(",", "\0").replace(".", about.point).replace("\0", about.group)
    )
    return said | numbers


def _epochs(per_second: int) -> Callable[[Made, Values], Values]:
    whole = moments(None).map(lambda moment: int(moment.timestamp()) * per_second)
    return lambda made, inner: whole | whole.map(str)


def _dotnet(made: Made, inner: Values) -> Values:
    ends = st.sampled_from(("", "+0800", "-0500"))
    return st.tuples(moments(None), ends).map(lambda pair: f"/Date({int(pair[0].timestamp() * 1000)}{pair[1]})/")


def _inside(made: Made, inner: Values) -> Values:
    keys = made.lens.about or ()
    for key in reversed(keys):
        inner = st.fixed_dictionaries({str(key): inner, "kept": st.integers(0, 9)})
    return inner


_BEFORE: dict[str, Callable[[Made, Values], Values]] = {
    "trim": _varied(lambda value: f"　{value} "),
    "lower": _varied(str.upper),
    "upper": _varied(str.lower),
    "title": _varied(str.lower),
    "nfkc": _varied(lambda value: value.translate(_FULL)),
    "half_width": _varied(lambda value: value.translate(_FULL)),
    "t2s": _varied(lambda value: value.replace("国", "國").replace("张", "張")),
    "default": lambda made, inner: inner | st.just(""),
    "replace": lambda made, inner: (
        inner | st.just(made.argument["text"] * 2) | inner.map(lambda value: f"{value}{made.argument['text']}")
    ),
    "pad": lambda made, inner: st.text("0123456789", min_size=1, max_size=8),
    "slice": lambda made, inner: st.text("0123456789AB-", min_size=12, max_size=24),
    "split": lambda made, inner: st.lists(st.text("ab1", max_size=3), min_size=1, max_size=3).map(made.argument.join),
    "parse": _pattern,
    "integer": lambda made, inner: integers | integers.map(str) | st.sampled_from(("007", "000", "12")),
    "number": lambda made, inner: numbers | numbers.map(str),
    "decimal": _decimals,
    "unit": lambda made, inner: numbers,
    "boolean": lambda made, inner: st.sampled_from(("true", "yes", "1", "No", "FALSE", "0", 0, 1, True, False)),
    "string": lambda made, inner: texts | integers | numbers | st.booleans(),
    "table": _table,
    "time": _written_times,
    "epoch_s": _epochs(1),
    "epoch_ms": _epochs(1000),
    "dotnet": _dotnet,
    "join": lambda made, inner: st.lists(texts, max_size=3),
    "first": lambda made, inner: st.lists(inner, min_size=1, max_size=3),
    "last": lambda made, inner: st.lists(inner, min_size=1, max_size=3),
    "map": lambda made, inner: st.lists(theirs(tuple(made.lens.about), "string"), max_size=3),
    "get": _inside,
}
