"""What differs between two versions of a definition, said so that a person can judge it, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core import jsons
from core.words import Json
from gateway.authoring.plans import differences

_WORDS = {
    "on_missing": ("when the source sends nothing", "来源未提供时"),
    "on_null": ("when the source sends null", "来源为空值时"),
    "on_invalid": ("when the value cannot be used", "值不可用时"),
    "unmapped": ("when the table lacks the word", "码表缺少该词时"),
    "default": ("the default", "默认值"),
    "reverse": ("the way back", "反向映射"),
    "unit": ("the unit", "单位"),
    "zone": ("the time zone", "时区"),
    "pii": ("whether it is about a person", "是否涉及个人信息"),
    "type": ("the type", "类型"),
    "title": ("the title", "名称"),
    "words": ("the closed list of words", "封闭词表"),
    "to": ("what it refers to", "引用的实体"),
}
_WHOLE = {
    "from": ("the source", "数据来源"),
    "to": ("the entity", "目标实体"),
    "contract": ("the contract with the source", "数据契约"),
    "expression": ("the expression", "表达式"),
    "when": ("the condition", "条件"),
    "of": ("the computed field", "计算字段"),
    "prefix": ("the prefix of master IDs", "主标识前缀"),
    "sources": ("whose value counts", "取值优先顺序"),
    "title": ("the title", "名称"),
}
_TOO_LONG = 60


@dataclass(frozen=True, slots=True)
class Told:
    """One difference: where, what was and is there, and a sentence in each language; ``field`` where it is of one."""

    field: str | None
    path: str
    before: Json
    after: Json
    en: str
    zh: str


def told(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Told]:
    """
    Say what differs, field by field, then cases, then the rest.

    >>> old = {"fields": {"n": {"from": "$.a"}}}
    >>> [one.en for one in told(old, {"fields": {"n": {"from": "$.b", "steps": ["trim"]}}})]
    ['n: read from $.b instead of $.a', 'n: the steps are now trim (none before)']
    """
    found: list[Told] = []
    for name in dict.fromkeys((*_named(before, "fields"), *_named(after, "fields"))):
        found += _field(name, _at(before, name), _at(after, name))
    found += _cases(before.get("cases"), after.get("cases"))
    found += _rows(before.get("rows"), after.get("rows"))
    for key in dict.fromkeys((*before, *after)):
        if key not in ("fields", "cases", "rows") and before.get(key) != after.get(key):
            found += _other(key, before.get(key), after.get(key))
    return found


def _named(spec: Mapping[str, Json], key: str) -> list[str]:
    part = spec.get(key)
    return list(part) if isinstance(part, dict) else []


def _at(spec: Mapping[str, Json], name: str) -> dict[str, Json] | None:
    part = spec.get("fields")
    one = part.get(name) if isinstance(part, dict) else None
    return {"from": one} if isinstance(one, str) else one if isinstance(one, dict) else None


def _field(name: str, before: dict[str, Json] | None, after: dict[str, Json] | None) -> Iterator[Told]:
    path = f"fields.{name}"
    if before is None and after is not None:
        yield Told(name, path, None, after, f"{name}: new, {_summary(after)[0]}", f"{name}：新增，{_summary(after)[1]}")
    elif after is None and before is not None:
        yield Told(
            name, path, before, None, f"{name}: removed, was {_summary(before)[0]}", f"{name}：移除，原为{_summary(before)[1]}"
        )
    elif before is not None and after is not None:
        for key in dict.fromkeys((*before, *after)):
            one, other = before.get(key), after.get(key)
            if one != other or (key in before) != (key in after):
                yield from _member(name, f"{path}.{key}", key, one, other)


def _summary(field: Mapping[str, Json]) -> tuple[str, str]:
    """Return what a field is, in a few words."""
    if "from" not in field:
        return f"of type {_short(field.get('type'))}", f"类型 {_short(field.get('type'))}"
    steps = field.get("steps")
    through = (f" through {_listed(steps)}", f"，经 {_listed(steps)}") if steps else ("", "")
    return f"read from {field['from']}{through[0]}", f"取自 {field['from']}{through[1]}"


def _member(name: str, path: str, key: str, one: Json, other: Json) -> Iterator[Told]:
    if key == "from":
        yield Told(
            name, path, one, other, f"{name}: read from {other} instead of {one}", f"{name}：改为取自 {other}（原 {one}）"
        )
    elif key == "steps":
        now, was = _listed(other), _listed(one)
        yield Told(
            name, path, one, other, f"{name}: the steps are now {now or 'none'} ({was or 'none'} before)",
            f"{name}：步骤改为 {now or '无'}（原 {was or '无'}）",
        )  # fmt: skip
    elif key == "table" and isinstance(one, dict) and isinstance(other, dict):
        yield from _words(name, path, one, other)
    else:
        en, zh = _WORDS.get(key, (key, key))
        yield _plain(name, path, (en, zh), one, other)


def _words(name: str | None, path: str, one: Mapping[str, Json], other: Mapping[str, Json]) -> Iterator[Told]:
    """Tell a table word by word."""
    label, zh = (f"{name}: ", f"{name}：") if name else ("", "")
    for word in dict.fromkeys((*one, *other)):
        was, now = one.get(word), other.get(word)
        place = f"{path}.{word}"
        if word not in one:
            yield Told(name, place, None, now, f"{label}the word {word!r} now means {_short(now)}",
                       f"{zh}词“{word}”新增，译为 {_short(now)}")  # fmt: skip
        elif word not in other:
            yield Told(name, place, was, None, f"{label}the word {word!r} is no longer known",
                       f"{zh}词“{word}”已移除")  # fmt: skip
        elif was != now:
            yield Told(name, place, was, now, f"{label}the word {word!r} means {_short(now)} instead of {_short(was)}",
                       f"{zh}词“{word}”改译为 {_short(now)}（原 {_short(was)}）")  # fmt: skip


def _rows(before: Json, after: Json) -> Iterator[Told]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _words(None, "rows", before, after)


def _cases(before: Json, after: Json) -> Iterator[Told]:
    one, other = (_by_name(cases) for cases in (before, after))
    for name in dict.fromkeys((*one, *other)):
        was, now = one.get(name), other.get(name)
        if was != now:
            word = ("new", "新增") if was is None else ("removed", "移除") if now is None else ("changed", "修改")
            yield Told(None, "cases", was, now, f"case {name!r}: {word[0]}", f"用例“{name}”：{word[1]}")


def _by_name(cases: Json) -> dict[str, Any]:
    return {str(one.get("name")): one for one in cases if isinstance(one, dict)} if isinstance(cases, list) else {}


def _other(key: str, before: Json, after: Json) -> Iterator[Told]:
    label = _WHOLE.get(key, (key, key))
    if isinstance(before, dict | list) and isinstance(after, dict | list):
        for change in differences(before, after, key):
            yield _plain(None, change.path, (change.path, change.path), change.before, change.after)
    else:
        yield _plain(None, key, label, before, after)


def _plain(name: str | None, path: str, label: tuple[str, str], one: Json, other: Json) -> Told:
    start = (f"{name}: ", f"{name}：") if name else ("", "")
    if one is None:
        return Told(
            name, path, one, other, f"{start[0]}{label[0]} is now {_short(other)}", f"{start[1]}{label[1]}设为 {_short(other)}"
        )
    if other is None:
        return Told(name, path, one, other, f"{start[0]}{label[0]} is gone (was {_short(one)})",
                    f"{start[1]}{label[1]}已移除（原 {_short(one)}）")  # fmt: skip
    return Told(name, path, one, other, f"{start[0]}{label[0]} is {_short(other)} instead of {_short(one)}",
                f"{start[1]}{label[1]}改为 {_short(other)}（原 {_short(one)}）")  # fmt: skip


def _listed(steps: Json) -> str:
    return ", ".join(one if isinstance(one, str) else _short(one) for one in steps) if isinstance(steps, list) else ""


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else jsons.dumps(value)
    return text if len(text) <= _TOO_LONG else text[: _TOO_LONG - 1] + "…"
