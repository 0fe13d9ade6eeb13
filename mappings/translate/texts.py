"""Steps on text: tidying, Chinese, cutting, patterns."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

import re2

from core.words import Json
from mappings.translate.paths import MISSING
from mappings.translate.step import (
    Back,
    Lens,
    Run,
    Step,
    StepDefinitionError,
    StepError,
    Vanished,
    World,
    bare,
    options,
    ours,
    text,
)

_TO_HALF = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_TO_FULL = {half: full for full, half in _TO_HALF.items()}


def _on_text(name: str, change: Callable[[str], str]) -> Callable[..., Lens]:
    def run(value: Json) -> Json:
        return change(value) if value.__class__ is str else change(text(value, name))

    return bare(name, run, ours, tidy=True)


def _nfkc(value: str) -> str:
    return unicodedata.normalize("NFKC", value)


@cache
def _converter(direction: str) -> Callable[[str], str]:
    """Return OpenCC's converter; loaded when the first mapping asks for it."""
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC(direction).convert
    return convert


def _converted(name: str) -> Callable[[Json, World], Lens]:
    return lambda argument, world: _on_text(name, _converter(name))(argument, world)


def _pinyin(argument: Json, world: World) -> Lens:
    wanted = options("pinyin", argument, {"between": (str,)}, "between")
    from pypinyin import lazy_pinyin

    between = wanted.get("between", "")

    def run(value: Json) -> Json:
        return between.join(lazy_pinyin(text(value, "pinyin"), v_to_u=False))

    return Lens(run, None, "pinyin of several names is the same")


def _filled(value: Json) -> Json:
    if value.__class__ is str and not value.strip():
        raise Vanished
    return value


def _split(argument: Json, world: World) -> Lens:
    if not isinstance(argument, str) or not argument:
        raise StepDefinitionError('the step split takes the text between the parts: {split: ","}')

    def back(value: Json, theirs: Json) -> Json:
        if value.__class__ is not list or not all(one.__class__ is str and argument not in one for one in value):
            raise StepError(f"{value!r} cannot be joined with {argument!r}: it splits another way.", "Set reverse to never.")
        return argument.join(value)

    return Lens(lambda value: text(value, "split").split(argument), back)


def _pad(argument: Json, world: World) -> Lens:
    wanted = options("pad", argument, {"to": (int,), "with": (str,), "side": (str,)}, "to")
    to, fill, side = wanted.get("to"), wanted.get("with", "0"), wanted.get("side", "left")
    if to is None or not 1 <= to <= 1000 or len(fill) != 1 or side not in ("left", "right"):
        raise StepDefinitionError("the step pad takes `to` (1 to 1000), `with` (one character) and `side` (left or right)")

    def run(value: Json) -> Json:
        words = text(value, "pad")
        return words.rjust(to, fill) if side == "left" else words.ljust(to, fill)

    return Lens(run, ours, tidy=True)


def _slice(argument: Json, world: World) -> Lens:
    wanted = options("slice", argument, {"from": (int,), "to": (int,)})
    if not wanted:
        raise StepDefinitionError("the step slice takes `from` and `to`, counted in characters from 0: {slice: {to: 8}}")
    start, end = wanted.get("from"), wanted.get("to")

    def back(value: Json, theirs: Json) -> Json:
        """Put the piece back between what stands around it; it must keep its length, or everything would move."""
        words = text(value, "slice")
        if theirs is MISSING:
            raise StepError("Only a piece of the text is known, and the source holds nothing around it.", "Write it whole.")
        old = text(theirs, "slice")
        first, last, _ = slice(start, end).indices(len(old))
        return old[:first] + words + old[max(first, last) :]

    return Lens(lambda value: text(value, "slice")[start:end], back)


def _parse(argument: Json, world: World) -> Lens:
    wanted = argument if isinstance(argument, dict) else {"pattern": argument}
    if set(wanted) - {"pattern", "take"} or not isinstance(wanted.get("pattern"), str):
        raise StepDefinitionError("the step parse takes a `pattern` with named groups, and optionally `take`")
    pattern = compile_pattern(wanted["pattern"])
    names = list(pattern.groupindex)
    take = wanted.get("take", names[0] if len(names) == 1 else None)
    if not names or (take is not None and take not in names):
        raise StepDefinitionError(
            f"the pattern has the named groups {names}; write one, such as (?P<number>[0-9]+), and take it"
        )

    def run(value: Json) -> Json:
        found = pattern.fullmatch(text(value, "parse"))
        if found is None:
            why = f"{value!r} does not have the form {wanted['pattern']!r}."
            raise StepError(why, "Correct the value at the source, or the pattern.")
        groups = found.groupdict()
        if take is not None and groups[take] is None:
            raise Vanished
        return groups[take] if take is not None else groups

    return Lens(run, _unparse(pattern, names, take), about=wanted["pattern"])


def _unparse(pattern: re2._Regexp, names: list[str], take: str | None) -> Back:
    """Return what puts groups back where they stood; the text around them is the source's own."""

    def back(value: Json, theirs: Json) -> Json:
        found = pattern.fullmatch(theirs) if theirs.__class__ is str else None
        if found is None:
            raise StepError("The source holds nothing of that form to write the part into.", "Write it whole.")
        parts = {take: value} if take is not None else value
        if parts.__class__ is not dict or not all(one.__class__ is str for one in parts.values()) or set(parts) - set(names):
            raise StepError(f"{value!r} does not have the named groups {names}.", "Write the same groups.")
        written, end = "", len(theirs)
        places = {name: pattern.groupindex[name] for name in parts}
        for name, group in sorted(places.items(), key=lambda place: found.start(place[1]), reverse=True):
            if found.start(group) < 0 or found.end(group) > end:
                raise StepError(f"The group {name!r} has no place of its own in {theirs!r}.", "Set reverse to never.")
            written = parts[name] + theirs[found.end(group) : end] + written
            end = found.start(group)
        return theirs[:end] + written

    return back


def compile_pattern(pattern: str) -> re2._Regexp:
    """Return a pattern as RE2 reads it, or say what RE2 has against it and at which character."""
    chosen = re2.Options()
    chosen.log_errors = False
    try:
        return re2.compile(pattern, chosen)
    except re2.error as error:
        raise StepDefinitionError(f"the pattern is not RE2: {_refused(error)}") from error


def _refused(error: Exception) -> str:
    """Return what RE2 says (it speaks in bytes), with the way out for what other engines offer and it does not."""
    said = error.args[0] if error.args else ""
    told = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    for sign, way in _NOT_RE2.items():
        if sign in told:
            return f"{told}. {way}"
    return told


_NOT_RE2 = {
    "(?=": "It has no look-ahead: match what follows and take the named group.",
    "(?!": "It has no look-ahead: say what may stand there.",
    "(?<": "It has no look-behind, and a group is named (?P<name>…).",
    "\\1": "It has no back-references, because they can take for ever.",
    "\\2": "It has no back-references, because they can take for ever.",
}


def _replace(argument: Json, world: World) -> Lens:
    wanted = options("replace", argument, {"text": (str,), "with": (str,)})
    old, new = wanted.get("text", ""), wanted.get("with", "")
    if not old:
        raise StepDefinitionError("the step replace takes `text`, and `with` for what stands there instead")
    return Lens(lambda value: text(value, "replace").replace(old, new), ours, tidy=True)


def _default(argument: Json, world: World) -> Lens:
    if argument is None:
        raise StepDefinitionError("the step default takes the value to use")
    return Lens(lambda value: argument if value in ("", []) else value, ours, tidy=True)


_LOWER: Run = str.lower
STEPS = (
    Step("trim", "Remove white space at both ends.", "去掉首尾空白。", _on_text("trim", str.strip), " press-07　", "press-07"),
    Step("lower", "Write in small letters.", "转为小写。", _on_text("lower", _LOWER), "PRESS-07", "press-07"),
    Step("upper", "Write in capital letters.", "转为大写。", _on_text("upper", str.upper), "seal-80", "SEAL-80"),
    Step(
        "title",
        "Write each word with a capital letter.",
        "每个单词首字母大写。",
        _on_text("title", str.title),
        "JOHN DOE",
        "John Doe",
    ),
    Step(
        "nfkc",
        "Fold full-width and compatibility characters (NFKC): also ① to 1, so keep it from names.",
        "将全角及兼容字符规范化(NFKC);①也会变为1,勿用于名称。",
        _on_text("nfkc", _nfkc),
        "ＳＥＡＬ－８０",
        "SEAL-80",
    ),
    Step(
        "half_width",
        "Write full-width letters, digits and signs as ASCII, and nothing else.",
        "仅将全角字母、数字和符号转为半角。",
        _on_text("half_width", lambda value: value.translate(_TO_HALF)),
        "（ＡＢ１２）①",
        "(AB12)①",
    ),
    Step(
        "full_width",
        "Write ASCII letters, digits and signs full-width.",
        "将半角字母、数字和符号转为全角。",
        _on_text("full_width", lambda value: value.translate(_TO_FULL)),
        "AB12",
        "ＡＢ１２",
    ),
    Step("t2s", "Write traditional Chinese in simplified characters.", "繁体转简体。", _converted("t2s"), "國臺灣", "国台湾"),
    Step(
        "s2t",
        "Write simplified Chinese in traditional characters; one character may have several.",
        "简体转繁体;一简可对多繁。",
        _converted("s2t"),
        "头发",
        "頭髮",
    ),
    Step(
        "pinyin",
        "Write Chinese characters in pinyin without tones. Several names share one: never link by it alone.",
        "汉字转无声调拼音;不同姓名可能同音,不可仅凭此关联。",
        _pinyin,
        "张三",
        "zhang san",
        " ",
    ),
    Step(
        "filled",
        "An empty text counts as missing.",
        "空文本视为缺失。",
        bare("filled", _filled, ours, tidy=True),
        "EQ-0007",
        "EQ-0007",
    ),
    Step("split", "Split a text into a list.", "将文本拆分为列表。", _split, "A;B;C", ["A", "B", "C"], ";"),
    Step(
        "pad",
        "Fill up to a length, with zeros on the left unless said otherwise.",
        "补足长度,默认左侧补零。",
        _pad,
        "8921",
        "008921",
        6,
    ),
    Step(
        "slice",
        "Take a piece, counted in characters from 0; a negative number counts from the end.",
        "按字符截取,从0计,负数从末尾计。",
        _slice,
        "20260215-8891",
        "20260215",
        {"to": 8},
    ),
    Step(
        "replace",
        "Replace a text wherever it stands.",
        "替换文本。",
        _replace,
        "0755-8601 3388",
        "0755-86013388",
        {"text": " ", "with": ""},
    ),
    Step(
        "parse",
        "Match the whole text by an RE2 pattern: one named group is the value, several are an object, `take` picks one.",
        "用 RE2 模式匹配整个文本:单个命名组即为值,多个命名组成为对象,take 选取其一。",
        _parse,
        "EC-20260215-8891",
        "8891",
        {"pattern": "EC-(?P<day>[0-9]{8})-(?P<number>[0-9]{4})", "take": "number"},
    ),
    Step(
        "default", "An empty text or list becomes this value.", "空文本或空列表变为该值。", _default, "", "unknown", "unknown"
    ),
)
