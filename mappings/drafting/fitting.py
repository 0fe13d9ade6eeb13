"""What has to be done with the values of a place so that they fit a field: steps, a table, and how many then fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import from_rfc3339
from core.words import Json
from mappings.drafting.concepts import WORDS
from mappings.drafting.places import Place
from mappings.models import FieldSpec

MOST_WORDS = 20
"""A place with more different values is no closed list of words."""

_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M", "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d", "%Y%m%d%H%M%S", "%Y%m%d",
    "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日", "%Y-%m-%d.%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y",
)  # fmt: skip
_ZONED = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z")
_DATE_CALL = r"/Date\((?P<ms>[0-9]+)(?:[+-][0-9]{4})?\)/"
_SECONDS = (946_684_800, 4_102_444_800)
"""2000 to 2100: what is in between may be a time."""

_MEASURED = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.,+-][^0-9]{0,11})?")


@dataclass(frozen=True, slots=True)
class Fit:
    """How values become a field's: ``share`` of them do; ``strict`` is how much that proves (1: hardly by chance)."""

    steps: list[Json] = field(default_factory=list)
    table: dict[str, Json] | None = None
    unmapped: tuple[str, ...] = ()
    share: float = 1.0
    strict: float = 0.5
    en: str = ""
    zh: str = ""


def fit(place: Place, spec: FieldSpec, zone: str) -> Fit | None:
    """Return how the values of a place fit a field; None when they do not."""
    values = place.values
    if not values:
        return (
            Fit(share=0.5, strict=0.2, en="no value was seen", zh="未见到取值") if spec.type not in ("list", "object") else None
        )
    if spec.type in ("list", "object"):
        right = [one for one in values if isinstance(one, list if spec.type == "list" else dict)]
        return Fit(strict=0.6, en=f"it is {spec.type}", zh="类型一致") if len(right) == len(values) else None
    if any(isinstance(one, dict | list) for one in values):
        return None
    if spec.words is not None:
        return _worded(values, place.known, spec.words)
    return _boolean(values, place.known) if spec.type == "boolean" else _BY_TYPE[spec.type](values, zone)


def _cleaned(values: Sequence[Json]) -> tuple[list[Json], list[str]]:
    """Return the steps that texts need first, and the texts after them."""
    texts = [one for one in values if isinstance(one, str)]
    steps: list[Json] = []
    if any(unicodedata.normalize("NFKC", one) != one and unicodedata.normalize("NFC", one) == one for one in texts):
        steps.append("nfkc")
        texts = [unicodedata.normalize("NFKC", one) for one in texts]
    if any(one != one.strip() for one in texts):
        steps.append("trim")
        texts = [one.strip() for one in texts]
    if any(not one.strip() for one in texts):
        steps.append("filled")
        texts = [one for one in texts if one.strip()]
    return steps, texts


def _text(values: Sequence[Json], _zone: str) -> Fit | None:
    steps, texts = _cleaned(values)
    folded = [one for one in steps if one != "nfkc"]  # a title may well be written in full width
    if any(not isinstance(one, str) for one in values):
        folded = ["string", *folded]
    numbers = sum(_is_number(one) for one in texts) + sum(not isinstance(one, str) for one in values)
    return Fit(folded, strict=0.35 if numbers == len(values) else 0.45, en="it is text", zh="为文本")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) is not None


def _integer(values: Sequence[Json], _zone: str) -> Fit | None:
    if all(isinstance(one, int) and not isinstance(one, bool) for one in values):
        return Fit(strict=0.7, en="every value is a whole number", zh="均为整数")
    steps, texts = _cleaned(values)
    whole = [one for one in texts if re.fullmatch(r"[+-]?[0-9]{1,18}", one)]
    rest = [one for one in values if not isinstance(one, str)]
    if any(isinstance(one, bool) or (isinstance(one, float) and not one.is_integer()) for one in rest):
        return None
    share = (len(whole) + len(rest)) / (len(texts) + len(rest) or 1)
    if share < 0.8 or not (whole or rest):
        return None
    return Fit([*steps, "integer"], share=share, strict=0.65, en="whole numbers written as text", zh="文本形式的整数")


def _number(values: Sequence[Json], _zone: str) -> Fit | None:
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return Fit(strict=0.7, en="every value is a number", zh="均为数字")
    if any(isinstance(one, bool) for one in values):
        return None
    steps, texts = _cleaned(values)
    if texts and all(_is_number(one) for one in texts):
        return Fit([*steps, "number"], strict=0.65, en="numbers written as text", zh="文本形式的数字")
    found = [_MEASURED.fullmatch(one) for one in texts]
    units = {match[2].strip() for match in found if match is not None and match[2]}
    if texts and all(found) and 0 < len(units) <= 3 and len(texts) == len(values):
        listed = "|".join(re.escape(one) for one in sorted(units))
        parse = {"parse": rf"\s*(?P<n>[+-]?[0-9]+(?:\.[0-9]+)?)\s*(?:{listed})?\s*"}
        unit = ", ".join(sorted(units))
        return Fit([*steps, parse, "number"], strict=0.5, en=f"numbers with a unit ({unit})", zh=f"带单位的数字（{unit}）")
    return None


def _boolean(values: Sequence[Json], declared: Sequence[str]) -> Fit | None:
    if all(isinstance(one, bool) for one in values):
        return Fit(strict=0.85, en="every value is true or false", zh="均为布尔值")
    return _worded(values, declared, (True, False)) if len({str(one) for one in values}) <= 4 else None


def _time(values: Sequence[Json], zone: str) -> Fit | None:
    if any(isinstance(one, bool) for one in values):
        return None
    steps, texts = _cleaned(values)
    counts = [one for one in values if isinstance(one, int | float)]
    numbers = [float(one) for one in (*counts, *(one for one in texts if _is_number(one)))]
    if numbers and len(numbers) == len(counts) + len(texts):
        counted = _epoch(steps, numbers)
        if counted is not None:
            return counted
    if not texts or any(not isinstance(one, str) for one in values):
        return None
    if all(_is_rfc3339(one) for one in texts):
        return Fit(steps, strict=0.9, en="times with a zone", zh="带时区的时间")
    if all(re.fullmatch(_DATE_CALL, one) for one in texts):
        return Fit(
            [*steps, {"parse": _DATE_CALL}, "epoch_ms"], strict=0.9, en="times as /Date(ms)/", zh="/Date(毫秒)/ 形式的时间"
        )
    for pattern in (*_ZONED, *_FORMATS):
        if all(_has_form(one, pattern) for one in texts):
            where: dict[str, Json] = {} if "%z" in pattern else {"zone": zone}
            said = ("", "") if "%z" in pattern else (f"; no zone is told, {zone} is assumed", f"；未注明时区，假定为 {zone}")
            return Fit([*steps, {"time": {"format": pattern, **where}}], strict=0.8, en=f"times of the form {pattern}{said[0]}",
                       zh=f"形如 {pattern} 的时间{said[1]}")  # fmt: skip
    return None


def _epoch(steps: list[Json], numbers: Sequence[float]) -> Fit | None:
    low, high = _SECONDS
    for scale, step, en, zh in (
        (1, "epoch_s", "seconds since 1970", "1970 年以来的秒数"),
        (1000, "epoch_ms", "milliseconds since 1970", "1970 年以来的毫秒数"),
    ):
        inside = [one for one in numbers if low * scale <= one <= high * scale]
        never = [one for one in numbers if one in (0, -1)]
        if inside and len(inside) >= len(never) and len(inside) + len(never) == len(numbers):
            return Fit([*steps, step], share=len(inside) / len(numbers), strict=0.85, en=en, zh=zh)
    return None


def _is_rfc3339(text: str) -> bool:
    try:
        from_rfc3339(text)
    except ValueError:
        return False
    return True


def _has_form(text: str, pattern: str) -> bool:
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - only the form is asked
    except ValueError:
        return False
    return 1970 < moment.year < 2200 and (pattern != "%Y%m%d" or len(text) == 8)


def _reference(values: Sequence[Json], _zone: str) -> Fit | None:
    if any(isinstance(one, float | bool) for one in values):
        return None
    steps, texts = _cleaned(values)
    if any(len(one) > 60 or one.count(" ") > 2 for one in texts):
        return None
    return Fit([one for one in steps if one != "nfkc"], strict=0.5, en="it looks like an id", zh="形似编号")


def _worded(values: Iterable[Json], declared: Iterable[str], words: Iterable[Json]) -> Fit | None:
    """Match foreign words with ours: the same, or another word for it; what is left over is said."""
    ours = list(words)
    seen = {str(one).lower() if isinstance(one, bool) else str(one) for one in values}
    foreign = sorted({*seen, *declared})
    if len(foreign) > MOST_WORDS:
        return None
    table = {word: meant for word in foreign if (meant := _meant(word, ours)) is not None}
    lost = tuple(word for word in foreign if word not in table)
    share = len([word for word in seen if word in table]) / (len(seen) or 1)
    if not table or share < 0.5:
        return None
    said = "; ".join(f"{word} = {str(one).lower() if isinstance(one, bool) else one}" for word, one in list(table.items())[:6])
    left = (f"; unknown: {', '.join(lost)}", f"；未识别：{'、'.join(lost)}") if lost else ("", "")
    same = all(word == meant for word, meant in table.items()) and not lost
    return Fit(
        table=None if same else table,
        unmapped=lost,
        share=share,
        strict=0.9,
        en=f"its words are known ({said}){left[0]}",
        zh=f"词表可对应（{said}）{left[1]}",
    )


def _meant(word: str, ours: Sequence[Json]) -> Json:
    plain = unicodedata.normalize("NFKC", word).strip().lower().replace(" ", "_")
    for one in ours:
        if not isinstance(one, bool) and str(one).lower() in (plain, plain.replace("-", "_")):
            return one
    for group in WORDS:
        if plain in group or plain.replace("-", "_") in group:
            for one in ours:
                if (str(one).lower() if isinstance(one, bool) else str(one)) in group:
                    return one
    return None


_BY_TYPE: dict[str, Callable[[Sequence[Json], str], Fit | None]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "time": _time,
    "ref": _reference,
}
