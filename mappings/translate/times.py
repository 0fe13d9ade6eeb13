"""Steps that read a time; a field of type time is held as RFC 3339 in UTC with microseconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.clock import SECOND, from_datetime, from_rfc3339, to_rfc3339
from core.definitions import near
from core.words import Json
from mappings.translate.numbers import number
from mappings.translate.paths import MISSING
from mappings.translate.step import Lens, Step, StepDefinitionError, StepError, World, bare, options, text

EARLIEST_S, LATEST_S = 86_400, 253_402_300_799
"""Epoch seconds that can be meant: 0 is what systems write for 'never'; after year 9999 nothing is."""
_DOTNET = re.compile(r"/Date\((-?[0-9]{1,18})([+-][0-9]{4})?\)/")
_LETTERS = {
    "yyyy": "%Y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "SSSSSS": "%f",
    "SSS": "%f",
    "XXX": "%z",
    "xx": "%z",
}
_LETTER = re.compile(r"'([^']*)'|([A-Za-z])\2*")


def _epoch(per_second: int) -> Callable[[Json], Json]:
    def run(value: Json) -> Json:
        moment = number(value)
        if not EARLIEST_S * per_second <= moment <= LATEST_S * per_second:
            why = f"{value!r} is not a time that can be meant: before 1970-01-02 or after the year 9999."
            raise StepError(why, "Zero usually means 'never': set on_invalid to skip. For milliseconds use epoch_ms.")
        return to_rfc3339(round(moment * (SECOND // per_second)))

    return run


def _epoch_back(per_second: int) -> Callable[[Json, Json], Json]:
    def back(value: Json, theirs: Json) -> Json:
        whole, rest = divmod(_moment(value), SECOND // per_second)
        if theirs.__class__ is float:
            return whole + rest * per_second / SECOND
        return str(whole) if theirs.__class__ is str else whole

    return back


def _to_whole(per_second: int) -> Callable[[Json, Json], Json]:
    """Return what cuts a time to what a whole number of seconds, or of their parts, can hold."""

    def normal(value: Json, theirs: Json) -> Json:
        moment = _moment(value)
        return value if theirs.__class__ is float else to_rfc3339(moment - moment % (SECOND // per_second))

    return normal


def _moment(value: Json) -> int:
    try:
        return from_rfc3339(text(value, "time"))
    except ValueError as error:
        raise StepError(
            f"{value!r} is not an RFC 3339 time with a zone.", "Give the step time a `format` and a `zone`."
        ) from error


def _dotnet(value: Json) -> Json:
    found = _DOTNET.fullmatch(text(value, "dotnet"))
    if found is None:
        raise StepError(f"{value!r} does not have the form /Date(1767225600000)/.", "Use another step for this time.")
    return _epoch(1000)(int(found[1]))  # the offset only says which zone wrote it


def _dotnet_back(value: Json, theirs: Json) -> Json:
    offset = found[2] or "" if theirs.__class__ is str and (found := _DOTNET.fullmatch(theirs)) else ""
    return f"/Date({_epoch_back(1000)(value, MISSING)}{offset})/"


def _within(change: Callable[..., Json]) -> Callable[..., Json]:
    """Let a time that has no instant in the calendar be invalid: 0001-01-01 in a zone ahead of UTC, a .NET "never"."""

    def run(value: Json, *theirs: Json) -> Json:
        try:
            return change(value, *theirs)
        except OverflowError as error:
            why = f"{value!r} is not a time that can be meant: in UTC it is before the year 1 or after 9999."
            raise StepError(why, "It usually means 'never': set on_invalid to skip.") from error

    return run


def _time(argument: Json, world: World) -> Lens:
    wanted = options("time", argument, {"format": (str, list), "zone": (str,), "ambiguous": (str,)})
    if argument is not None and not wanted.keys() & {"format", "zone"}:
        raise StepDefinitionError("the step time takes `format` and `zone`, or nothing for RFC 3339")
    ambiguous = wanted.get("ambiguous", "first")
    if ambiguous not in ("first", "second", "refuse"):
        raise StepDefinitionError("`ambiguous` (an hour that exists twice) is first, second or refuse")
    given = wanted.get("format", [])
    forms = [_form(one) for one in ([given] if isinstance(given, str) else given)]
    zone = _zone(wanted.get("zone"))
    if zone is None and any("%z" not in one.directives for one in forms):
        raise StepDefinitionError(
            "a format without a zone needs a `zone` such as Asia/Shanghai: nobody knows what the time means"
        )

    def run(value: Json) -> Json:
        moment = _read(text(value, "time"), forms)
        if moment.tzinfo is None:
            if zone is None:
                raise StepError(f"{value!r} is not an RFC 3339 time with a zone.", "Give the step time a `zone`.")
            moment = _placed(value, moment, zone, ambiguous)
        return to_rfc3339(from_datetime(moment))

    def local(value: Json, theirs: Json) -> tuple[datetime, str, Form | None]:
        """Return our time in the source's zone, and the form in which the source holds its own, else the first."""
        moment = datetime.fromtimestamp(_moment(value) // SECOND, UTC).replace(microsecond=_moment(value) % SECOND)
        held = theirs if theirs.__class__ is str else ""
        form = next((one for one in forms if one.read(held)), forms[0] if forms else None)
        return moment.astimezone(zone) if zone is not None else moment, held, form

    def back(value: Json, theirs: Json) -> Json:
        moment, held, form = local(value, theirs)
        return form.write(moment) if form is not None else _iso(moment, held)

    def normal(value: Json, theirs: Json) -> Json:
        moment, _, form = local(value, theirs)
        return to_rfc3339(from_datetime(moment if form is None else form.cut(moment)))

    return Lens(_within(run), _within(back), normal=_within(normal), about=Times(tuple(forms), zone))


def _read(words: str, forms: list[Form]) -> datetime:
    if not forms:
        try:
            return datetime.fromisoformat(words)
        except ValueError as error:
            why = f"{words!r} is not an RFC 3339 time with a zone."
            raise StepError(why, "Give the step time a `format` and a `zone`.") from error
    for one in forms:
        moment = one.read(words)
        if moment is not None:
            return moment
    shown = " or ".join(repr(one.text) for one in forms)
    raise StepError(f"{words!r} does not have the form {shown}.", "Correct the format of the step time.")


def _placed(value: Json, moment: datetime, zone: ZoneInfo, ambiguous: str) -> datetime:
    """Put a local time into its zone; one that does not exist is refused, one that exists twice is a decision."""
    local = moment.replace(tzinfo=zone, fold=int(ambiguous == "second"))
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != moment:
        why = f"{value!r} does not exist in {zone.key}: clocks were set forward."
        raise StepError(why, "Let the source send UTC or an offset.")
    if ambiguous == "refuse" and local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        why = f"{value!r} exists twice in {zone.key}: clocks were set back."
        raise StepError(why, "Let the source send UTC or an offset, or set `ambiguous` to first or second.")
    return local


class Times(NamedTuple):
    """What edge values of a time are made from."""

    forms: tuple[Form, ...]
    zone: ZoneInfo | None


def _iso(moment: datetime, held: str) -> str:
    """Write a time as ISO 8601 in the way in which the source holds its own: with or without a zone, T or a space."""
    if not held:
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    zoned = re.search(r"([zZ]|[+-][0-9]{2}:?[0-9]{2})$", held) is not None
    told = (moment if zoned else moment.replace(tzinfo=None)).isoformat(sep=" " if " " in held else "T")
    return told.replace("+00:00", "Z") if held.endswith("Z") else told


@dataclass(frozen=True, slots=True)
class Form:
    """A form of time as its author wrote it and as strptime takes it; ``length`` is that of every text, if it is fixed."""

    text: str
    directives: str
    length: int | None = None
    milliseconds: bool = False

    def read(self, words: str) -> datetime | None:
        """Return the moment, naive or not, or None; 2026221 is not a yyyyMMdd, whatever strptime thinks."""
        if self.length is not None and len(words) != self.length:
            return None
        try:
            return datetime.strptime(words, self.directives)  # noqa: DTZ007 - the zone follows
        except ValueError:
            return None

    def cut(self, moment: datetime) -> datetime:
        """Return as much of a moment as this form can hold: its milliseconds, its minute, its day."""
        if "%f" in self.directives:
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000) if self.milliseconds else moment
        kept = moment.replace(microsecond=0)
        if {"%c", "%X", "%T", "%S"} & set(re.findall("%.", self.directives)):
            return kept
        kept = kept.replace(second=0)
        if "%M" in self.directives:
            return kept
        return kept.replace(minute=0) if "%H" in self.directives else kept.replace(hour=0, minute=0)

    def write(self, moment: datetime) -> str:
        """Return the moment in this form."""
        fraction = f"{moment.microsecond // 1000:03d}" if self.milliseconds else f"{moment.microsecond:06d}"
        return moment.strftime(self.directives.replace("%Y", f"{moment.year:04d}").replace("%f", fraction))


def _form(form: Json) -> Form:
    """
    Return a form of time, written for strptime or in letters.

    >>> _form("yyyyMMdd HH:mm").directives, _form("%d.%m.%Y").directives
    ('%Y%m%d %H:%M', '%d.%m.%Y')
    """
    if not isinstance(form, str) or not form:
        raise StepDefinitionError("a format is a text such as yyyyMMdd or %Y%m%d, or a list of them")
    if "%" in form:
        try:
            datetime.strptime(datetime(2024, 2, 29, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007 - only whether it is one
        except ValueError as error:
            raise StepDefinitionError(f"{form!r} is no format: {error}") from error
        return Form(form, form)

    def directive(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        letters = found[0]
        if letters not in _LETTERS and letters not in ("T", "Z"):
            guess = near(letters, _LETTERS)
            hint = f" Did you mean {guess}?" if guess else ""
            raise StepDefinitionError(f"the format {form!r} has the letters {letters!r}.{hint} Known: {', '.join(_LETTERS)}")
        return _LETTERS.get(letters, letters)

    directives = _LETTER.sub(directive, form)
    length = None if "%z" in directives else len(form.replace("'", ""))
    return Form(form, directives, length, milliseconds="SSS" in form and "SSSSSS" not in form)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise StepDefinitionError(f"there is no time zone {name!r}; use an IANA name such as Asia/Shanghai") from error


STEPS = (
    Step(
        "epoch_s",
        "Read seconds since 1970 (UTC); 0 means 'never' and is invalid.",
        "读取 1970 年以来的秒数(UTC);0 表示“从未”,视为无效。",
        bare("epoch_s", _epoch(1), _epoch_back(1), normal=_to_whole(1)),
        1767225600,
        "2026-01-01T00:00:00.000000Z",
        group="time",
    ),
    Step(
        "epoch_ms",
        "Read milliseconds since 1970 (UTC).",
        "读取 1970 年以来的毫秒数(UTC)。",
        bare("epoch_ms", _epoch(1000), _epoch_back(1000), normal=_to_whole(1000)),
        "1767225600000",
        "2026-01-01T00:00:00.000000Z",
        group="time",
    ),
    Step(
        "dotnet",
        "Read /Date(milliseconds)/ as .NET and K3Cloud write it.",
        "读取 .NET、金蝶云的 /Date(毫秒)/ 格式。",
        bare("dotnet", _dotnet, _dotnet_back, normal=_to_whole(1000)),
        "/Date(1767225600000+0800)/",
        "2026-01-01T00:00:00.000000Z",
        group="time",
    ),
    Step(
        "time",
        "Read a time: RFC 3339; with `zone` also naive local times; with `format` (strptime or letters, or several) any form."
        " An hour that exists twice is the first, or as `ambiguous` says (first, second, refuse).",
        "读取时间:默认 RFC 3339;给出 zone 可读本地时间;format(strptime 或字母格式,可多个)可读任意形式。"
        "重复的小时默认取前一个,可由 ambiguous 指定(first、second、refuse)。",
        _time,
        "20261122 072517",
        "2026-11-21T23:25:17.000000Z",
        {"format": "yyyyMMdd HHmmss", "zone": "Asia/Shanghai"},
        group="time",
    ),
)
