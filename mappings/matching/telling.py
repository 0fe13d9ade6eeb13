"""Evidence in words, in Chinese and English: what every level, reason and change means to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from core.words import Json
from mappings.matching.closure import Why
from mappings.matching.rule import Reason

Titles = Mapping[str, tuple[str, str]]
"""The name of each field for people: en, zh."""


class Told(NamedTuple):
    """One sentence in both languages."""

    en: str
    zh: str


LEVELS: dict[str, Told] = {
    "equal": Told("equal", "相同"),
    "close": Told("alike", "相近"),
    "sound": Told("the same sound, other characters", "读音相同，用字不同"),
    "part": Told("equal in part", "部分相同"),
    "swapped": Told("equal, but in changed places", "相同，但位置对调"),
    "brand": Told(
        "only the brand is said on one side; it may be any firm of that brand", "一方仅有字号，可能是同字号的任一公司"
    ),
    "sister": Told(
        "the same brand, but another trade, town or branch: another firm", "字号相同，但行业、地区或分支不同：是另一家公司"
    ),
    "differs": Told("different", "不同"),
    "missing": Told("missing on one side", "一方缺失"),
}
"""What was seen between two values."""

WHYS: dict[str, Told] = {
    Why.UNSURE: Told("The evidence is not enough for a machine.", "证据不足以自动关联。"),
    Why.CONTESTED: Told(
        "Another candidate fits nearly as well, and it is somebody else.", "另有一个候选对象同样接近，且二者并非同一对象。"
    ),
    Why.GUARDED: Told(
        "Joining them would make one thing of two records that do not fit each other.",
        "若关联，会把两条彼此不符的记录并为同一对象。",
    ),
    Why.KEPT_APART: Told(
        "A person keeps the two groups apart: declared distinct, unmerged, or put off.",
        "已有人将两组对象分开：声明不同、撤销合并或暂缓判断。",
    ),
}
"""Why a person has to judge a pair."""


def reason(one: Reason, titles: Titles, left: Json, right: Json) -> Told:
    """Return one line of evidence: the field, both values, what was seen, the points."""
    en, zh = titles.get(one.field, (one.field, one.field))
    level = LEVELS[one.level]
    shown = f"{_shown(left)} | {_shown(right)}"
    points = f"{one.points:+g}"
    return Told(f"{en}: {shown}: {level.en} ({points})", f"{zh}：{shown}：{level.zh}（{points} 分）")


def _shown(value: Json) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def verdict(points: float, link: float, review: float) -> Told:
    """Say where a sum stands between the thresholds."""
    if points >= link:
        return Told(f"{points:g} points; {link:g} are enough to link.", f"共 {points:g} 分；达到关联阈值 {link:g}。")
    if points >= review:
        en = f"{points:g} points: a person has to say ({review:g} to {link:g})."
        return Told(en, f"共 {points:g} 分：须由人判断（{review:g} 至 {link:g}）。")
    en = f"{points:g} points: under {review:g} nobody is asked."
    return Told(en, f"共 {points:g} 分：低于 {review:g}，不提交审核。")


def gain(field: str, level: str, points: float, titles: Titles, *, enough: bool) -> Told:
    """Say what an equal value of one field would add."""
    en, zh = titles.get(field, (field, field))
    end = (" and link them", "，即可关联") if enough else ("", "")
    if level == "missing":
        return Told(
            f"An equal {en} on both sides would add {points:g} points{end[0]}.",
            f"双方补全且{zh}相同，可加 {points:g} 分{end[1]}。",
        )
    return Told(f"If {en} were equal, that would add {points:g} points{end[0]}.", f"若{zh}相同，可加 {points:g} 分{end[1]}。")
