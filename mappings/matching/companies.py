"""
The name of a company, taken apart: where it sits, what it is called, its trade, its legal form, its branch.

Compared whole, 深圳市腾讯计算机系统有限公司 is nearer to 深圳市财付通计算机系统有限公司, a stranger, than to 腾讯.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mappings.matching.company_words import PLACES, TRADES
from mappings.matching.texts import fold

_FORMS = (
    ("股份有限公司", "股份"), ("有限责任公司", "有限"), ("有限公司", "有限"), ("集团公司", "集团"), ("集团", "集团"),
    ("公司", "公司"), ("厂", "厂"), ("个体工商户", "个体"), ("合伙企业", "合伙"), ("有限合伙", "合伙"), ("事务所", "所"),
)  # fmt: skip
_LATIN_FORMS = re.compile(
    r"[ ,.]+(?:co\.?,? ?ltd|company limited|company|limited|ltd|inc|incorporated|corp|corporation|llc|gmbh|ag|plc|pte ltd|"
    r"s\.?a|co)\.?$"
)
_BRANCH = re.compile(r"^(?P<whole>.*?(?:公司|集团|厂))(?P<branch>.{1,15}?(?:分公司|分厂|办事处|营业部|分行|支行))$")
_BRACKETS = re.compile(r"[((（\[](.*?)[))）\]]")
_BY_LENGTH = sorted(TRADES, key=len, reverse=True)
_PLACE = re.compile(r"^(?:" + "|".join(sorted(PLACES, key=len, reverse=True)) + r")(?:省|市|自治区|特别行政区)?")
_AREA = re.compile(r"^[\u4e00-\u9fff]{2,4}?(?:省|市|县|区)(?=[\u4e00-\u9fff]{2})")


class Company(NamedTuple):
    """The parts of a company's name, each "" where it has none; ``whole`` is the name without its brackets."""

    place: str
    brand: str
    trade: str
    form: str
    branch: str
    whole: str


@lru_cache(maxsize=65536)
def split(name: str) -> Company:
    """
    Take a folded company name apart.

    >>> split("深圳市腾讯计算机系统有限公司")[:4], split("腾讯")[:4]
    (('深圳', '腾讯', '计算机系统', '有限'), ('', '腾讯', '', ''))
    >>> split("华为技术有限公司上海分公司")[:5]
    ('', '华为', '技术', '有限', '上海分公司')
    """
    inside = [one for one in _BRACKETS.findall(name) if one]
    whole = _BRACKETS.sub("", name).strip()
    branch = ""
    if cut := _BRANCH.match(whole):
        whole, branch = cut["whole"], cut["branch"]
    rest, form = _form(whole)
    rest, place = _place(rest, inside)
    brand, trade = _trade(rest)
    if brand in TRADES and place:  # 重庆银行 and 长沙银行 are called so, they are not two 银行
        place, brand = "", place + brand
    return Company(place, brand.strip(" ,.&-"), trade, form, branch, whole.replace(" ", "") + branch)


def _form(text: str) -> tuple[str, str]:
    for ending, form in _FORMS:
        if text.endswith(ending) and len(text) > len(ending):
            rest = text[: -len(ending)]
            if form in ("有限", "股份") and rest.endswith("集团") and len(rest) > 2:
                return rest[:-2], f"集团{form}"
            return rest, form
    bare = _LATIN_FORMS.sub("", text)
    return (bare, "ltd") if bare != text and bare else (text, "")


def _place(text: str, inside: list[str]) -> tuple[str, str]:
    """Take the place from the front (深圳市南山区…) or from brackets; what is left must still be a name."""
    found = ""
    while (cut := _PLACE.match(text) or _AREA.match(text)) and len(text) - cut.end() >= 2:
        found += re.sub(r"(?:省|市|县|区|自治区|特别行政区)$", "", cut[0])
        text = text[cut.end() :]
    if not found:
        for one in inside:
            if cut := _PLACE.match(one) or re.match("中国", one):
                found = re.sub(r"(?:省|市)$", "", cut[0])
                break
    return text, found


def _trade(text: str) -> tuple[str, str]:
    """Take words of trade from the end, the longest first; the brand keeps at least two characters."""
    trade = ""
    while True:
        for word in _BY_LENGTH:
            if text.endswith(word) and len(text) - len(word) >= 2:
                text, trade = text[: -len(word)], word + trade
                break
        else:
            return text, trade


def clean(text: str) -> Company:
    """Take apart a name as somebody wrote it."""
    return split(fold(text))
