"""Steps on text, numbers and lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import re2

from core import jsons
from core.definitions import near
from core.words import Json
from mappings.translate.step import Run, Step, StepDefinitionError, StepError, UnmappedError, Vanished, bare, kind_of, text

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def _on_text(name: str, change: Callable[[str], str]) -> Callable[[Json], Run]:
    return bare(name, lambda value: change(value) if value.__class__ is str else change(text(value, name)))


def _nfkc(value: str) -> str:
    return unicodedata.normalize("NFKC", value)


def _filled(value: Json) -> Json:
    if value.__class__ is str and not value.strip():
        raise Vanished
    return value


def _integer(value: Json) -> Json:
    if value.__class__ is int:
        return value
    if value.__class__ is str and _INTEGER.fullmatch(value):
        return int(value)
    if value.__class__ is float and value.is_integer():
        return int(value)
    raise StepError(
        f"{value!r} is not a whole number.", "Correct it at the source, or add the steps trim and nfkc before integer."
    )


def number(value: Json) -> Json:
    """Read a number; only plain digits count, so that full-width ones are a decision of the mapping (nfkc)."""
    if value.__class__ in (int, float):
        return value
    if value.__class__ is str and _NUMBER.fullmatch(value):
        return float(value)
    raise StepError(f"{value!r} is not a number.", "Correct it at the source, or cut the unit off with the step parse.")


def _boolean(value: Json) -> Json:
    word = str(value).casefold() if value.__class__ in (str, int, bool) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    known = ", ".join(_TRUE + _FALSE)
    raise StepError(f"{value!r} is neither true nor false.", f"Known: {known}. Use a table for other words.")


def _string(value: Json) -> Json:
    if value.__class__ is str:
        return value
    if value.__class__ in (int, float, bool):
        return jsons.dumps(value)
    why = f"The step string takes text, a number or a boolean, and this is {kind_of(value)}."
    raise StepError(why, "Read a path inside it.")


def _join(argument: Json) -> Run:
    if not isinstance(argument, str):
        raise StepDefinitionError('the step join takes the text between the parts: {join: ", "}')

    def run(value: Json) -> Json:
        if value.__class__ is not list:
            raise StepError(f"The step join takes a list, and this is {kind_of(value)}.", "Remove the step join.")
        return argument.join(_string(part) for part in value)

    return run


def _first(value: Json) -> Json:
    if value.__class__ is not list:
        raise StepError(f"The step first takes a list, and this is {kind_of(value)}.", "Remove the step first.")
    if not value:
        raise Vanished
    return value[0]


def _parse(argument: Json) -> Run:
    wanted = argument if isinstance(argument, dict) else {"pattern": argument}
    if set(wanted) - {"pattern", "take"} or not isinstance(wanted.get("pattern"), str):
        raise StepDefinitionError("the step parse takes a `pattern` with named groups, and optionally `take`")
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(wanted["pattern"], options)
    except re2.error as error:
        raise StepDefinitionError(f"the pattern is not RE2: {_words(error)}") from error
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

    return run


def _words(error: Exception) -> str:
    """Return what RE2 says; it speaks in bytes."""
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _default(argument: Json) -> Run:
    if argument is None:
        raise StepDefinitionError("the step default takes the value to use")
    return lambda value: argument if value in ("", []) else value


def _table(argument: Json) -> Run:
    if not isinstance(argument, dict) or not argument:
        raise StepDefinitionError("the step table takes the name of a code table or `word: our word` pairs")
    rows = {str(word): ours for word, ours in argument.items()}

    def run(value: Json) -> Json:
        key = value if isinstance(value, str) else jsons.dumps(value)
        if key in rows:
            return rows[key]
        guess = near(key, rows)
        fix = (f"Did the source mean {guess!r}? " if guess else "") + "Add the word to the table, or set `unmapped`."
        raise UnmappedError(f"The table has no word {key!r}; it has {', '.join(list(rows)[:20])}.", fix)

    return run


STEPS = (
    Step(
        "trim", "Remove white space at both ends.", "去掉首尾空白。", _on_text("trim", str.strip), " press-07\u3000", "press-07"
    ),
    Step("lower", "Write in small letters.", "转为小写。", _on_text("lower", str.lower), "PRESS-07", "press-07"),
    Step("upper", "Write in capital letters.", "转为大写。", _on_text("upper", str.upper), "seal-80", "SEAL-80"),
    Step(
        "nfkc",
        "Fold full-width and compatibility characters (NFKC).",
        "将全角及兼容字符规范化(NFKC)。",
        _on_text("nfkc", _nfkc),
        "ＳＥＡＬ－８０",
        "SEAL-80",
    ),
    Step("filled", "An empty text counts as missing.", "空文本视为缺失。", bare("filled", _filled), "EQ-0007", "EQ-0007"),
    Step(
        "integer",
        "Read a whole number; 3.0 is one, 3.5 is not.",
        "读取整数;3.0 可以,3.5 不可以。",
        bare("integer", _integer),
        "4",
        4,
    ),
    Step("number", "Read a number.", "读取数字。", bare("number", number), "91.3", 91.3),
    Step("boolean", "Read true/yes/1 and false/no/0.", "读取 true/yes/1 与 false/no/0。", bare("boolean", _boolean), "1", True),
    Step("string", "Write a number or boolean as text.", "将数字或布尔值转为文本。", bare("string", _string), 10560, "10560"),
    Step(
        "join",
        "Join a list of texts and numbers to one text.",
        "将列表连接为一个文本。",
        _join,
        ["a", 1],
        "a, 1",
        ", ",
        takes_list=True,
    ),
    Step(
        "first",
        "Take the first of a list; of an empty list nothing.",
        "取列表中的第一个;空列表视为缺失。",
        bare("first", _first),
        ["SEAL-80", "OIL"],
        "SEAL-80",
        takes_list=True,
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
    Step(
        "table",
        "Look the word up, in a code table or in the pairs given here.",
        "查表:使用码表或此处给出的对照。",
        _table,
        "problem",
        "open",
        {"problem": "open"},
    ),
)
