"""A snapshot in words: what a ticket shows, in English or Chinese, as plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from core.words import Json
from snapshots.store import Snapshot

Language = Literal["en", "zh"]

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "frozen": "known at {at} ({zone})",
        "stale": "STALE",
        "late": "LATE",
        "denied": "NO ACCESS",
        "absent": "nothing there",
        "failed": "FAILED",
        "age": "{age} old",
        "source": "source: {source}",
        "link": "All values and sources: {url}",
        "completes": "completes {parent}",
        "more": "(+{n} more)",
        "s": "s",
        "min": "min",
        "h": "h",
        "d": "days",
        "join": "; ",
        "yes": "yes",
        "no": "no",
        "none": "none",
        "colon": ": ",
    },
    "zh": {
        "frozen": "截至 {at}（{zone}）",
        "stale": "数据过期",
        "late": "未及时返回",
        "denied": "无访问权限",
        "absent": "无数据",
        "failed": "读取失败",
        "age": "{age}前的数据",
        "source": "来源：{source}",
        "link": "全部数据与来源：{url}",
        "completes": "补充 {parent}",
        "more": "（另有 {n} 项）",
        "s": "秒",
        "min": "分钟",
        "h": "小时",
        "d": "天",
        "join": "；",
        "yes": "是",
        "no": "否",
        "none": "无",
        "colon": "：",
    },
}
_OUR_REASONS: list[tuple[str, str]] = [
    (r"Not there after (\d+) ms\.", r"\1 毫秒内未返回"),
    (r"The far side has nothing about it\.", "对方系统没有相关记录"),
    (r"The value is (\d+) s old; at most (\d+) s are allowed\.", r"数据已有 \1 秒，最多允许 \2 秒"),
    (r"(\S+) has no value.*", r"\1 没有值"),
    (r"(\S+) does not know (\S+)\.", r"\1 中没有 \2"),
    (r"No connector '(\S+)' is registered\.", r"未注册连接器 \1"),
    (r"It did not come within its grace\.", "宽限期内仍未返回"),
    (r"Who waited for it was gone, .*", "等待它的进程已退出，宽限期内来不及重新读取"),
]
"""Reasons in our own words, so that a Chinese note says them in Chinese; foreign words stay as they are."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[\d.]+Z")
_LONGEST = 240
_ITEMS = 3


def note(snapshot: Snapshot, language: Language = "en", url: str | None = None, *, zone: str = "UTC") -> str:
    """
    Return the text: a title, each facet in one or two lines with unit, age and source, and the link.

    Foreign values are cut and put on one line: a far side cannot write lines of its own into the ticket.
    """
    words, content = {**_WORDS[language], "zone": zone}, snapshot.content
    at = _moment(str(content["frozen_at"]), zone, "seconds")
    head = [
        _title(content["recipe"], language, content["recipe"]["name"]),
        content["subject"]["gid"],
        words["frozen"].format(at=at, zone=zone),
    ]
    if content["parent"]:
        head.append(words["completes"].format(parent=content["parent"]))
    lines = [" · ".join(head)]
    for name, facet in content["facets"].items():
        lines += _facet(name, facet, language, words)
    if url:
        lines.append(words["link"].format(url=url))
    return "\n".join(lines)


def _facet(name: str, facet: Mapping[str, Any], language: Language, words: Mapping[str, str]) -> list[str]:
    status = facet["status"]
    mark = "" if status == "ok" else f" [{words[status]}]"
    title = f"- {_title(facet, language, name)}{mark}"
    values = _values(facet["values"], facet["units"], words) if facet["values"] else ""
    reason = said(facet["reason"] or "", language) if status not in ("ok", "stale") else ""
    lines = [words["colon"].join(part for part in (title, values or reason) if part)]
    origin = []
    if values and facet["age_s"] is not None:
        origin.append(words["age"].format(age=_age(facet["age_s"], words)))
    if facet["source"] and (values or status == "absent"):
        origin.append(words["source"].format(source=_line(facet["source"])))
    if origin:
        lines.append("  " + words["join"].join(origin))
    return lines


def said(reason: str, language: str) -> str:
    """Return a facet's reason: our own words in the language, foreign words as they are, on one line."""
    if language == "zh":
        for ours, theirs in _OUR_REASONS:
            if found := re.fullmatch(ours, reason):
                return _line(found.expand(theirs))
    return _line(reason)


def _title(named: Mapping[str, Any], language: Language, fallback: str) -> str:
    title = named.get("title") or {}
    return _line(title.get(language) or title.get("en") or fallback)


def _values(values: Mapping[str, Json], units: Mapping[str, str], words: Mapping[str, str]) -> str:
    """Write ``mean 71.5 %, samples 60``; a field ``unit`` that stands behind a number is not said twice."""
    shown = []
    for name, value in values.items():
        if name == "unit" and value in units.values():
            continue
        unit = f" {units[name]}" if name in units and value is not None else ""
        shown.append(f"{_line(name)} {_value(value, words)}{unit}")
    return _line(", ".join(shown), _LONGEST)


def _value(value: Json, words: Mapping[str, str]) -> str:
    if value is None:
        return words["none"]
    if isinstance(value, bool):
        return words["yes" if value else "no"]
    if isinstance(value, float):
        return f"{round(value, 2):g}" if abs(value) < 1e6 else f"{value:.0f}"
    if isinstance(value, list):
        rest = len(value) - _ITEMS
        listed = words["join"].join(_value(one, words) for one in value[:_ITEMS]) or words["none"]
        return listed + (" " + words["more"].format(n=rest) if rest > 0 else "")
    if isinstance(value, dict):
        return " / ".join(_value(one, words) for one in value.values() if one is not None)
    return _line(_TIME.sub(lambda found: _moment(found[0], words["zone"], "minutes"), str(value)), 80)


def _moment(written: str, zone: str, exact: str) -> str:
    """
    Write a time in the zone of the reader.

    >>> _moment("2026-01-01T20:15:30.000000Z", "Asia/Shanghai", "minutes")
    '2026-01-02 04:15'
    """
    try:
        at = datetime.fromisoformat(written).astimezone(ZoneInfo(zone))
    except (ValueError, OverflowError):
        return written  # it only looks like a time
    return at.replace(microsecond=0, tzinfo=None).isoformat(" ", exact)


def _line(text: str, longest: int = 160) -> str:
    """Return a text on one line, without control characters, cut where it is too long."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _age(seconds: float, words: Mapping[str, str]) -> str:
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {words[name]}"
    return f"{seconds:.0f} {words['s']}"
