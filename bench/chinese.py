"""
A Chinese register of our own making: persons and companies as two systems write them, with the confusions that happen.

Nothing here is anybody's: names are drawn from surnames and characters below, companies from invented brands. Every
thing has a record in system A. At a prevalence of 1.0 every one has a record in system B as well, at 0.1 one in ten;
the rest of B are strangers, and half of all strangers are made to be confused with somebody of A:

- persons: the same name and another birthday; the same sound in other characters (张伟, 张炜); the same household
  (surname, telephone, street); a colleague behind the same switchboard; the same birthday and another name;
- companies: another brand in the same place, trade and form (财付通 and 腾讯); a sister (same brand, other trade or town) in
  the same building with the same telephone; a branch; a brand that sounds alike.

System B writes each thing its own way: traditional characters, full-width digits, pinyin (surnames by their own
reading: 曾 zeng, 单 shan, 仇 qiu), spaces and country codes in telephones, extensions as 转, a company by its brand alone or
with the place in brackets, a slip in a date, a missing part. The seed fixes everything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import opencc
from pypinyin import lazy_pinyin
from stdnum.cn import uscc

Record = dict[str, Any]

HETERONYMS = {
    "曾": "zeng", "单": "shan", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha",
    "翟": "zhai", "任": "ren", "盖": "ge", "缪": "miao",
}  # fmt: skip
"""Surnames with the reading that their bearers write in Latin letters."""

SURNAMES = list(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
COMPOUND = ["欧阳", "司马", "上官", "诸葛", "尉迟", "令狐"]
GIVEN = list(
    "伟炜玮薇威芳方娜敏静婧敬丽莉利立强墙磊雷军君洋杨扬艳燕勇涌杰洁捷娟涛韬明鸣超秀霞平萍刚桂英华辉晖慧惠婷玉宇雨建健春红宏洪鹏飞菲志智国海波斌彬宁琳林晨辰欣新鑫佳嘉家俊骏梓子涵函浩皓然轩萱博文雯天龙成诚"
)
PLACES = ["深圳市", "北京", "上海", "广州市", "杭州市", "苏州市", "成都", "武汉市", "南京", "重庆"]
TRADES = ["计算机系统", "科技", "信息技术", "贸易", "机械设备", "电子", "物流", "新能源", "液压", "自动化"]
FORMS = ["有限公司", "有限责任公司", "股份有限公司"]
BRAND = list(
    "腾讯财付通华为中兴大疆海尔美的格力比亚迪宁德联想浪潮神州东软金蝶用友同方紫光长虹恒瑞天合晶澳隆基阳光汇川埃斯顿新松"
)
STREETS = ["科技园路", "虹漕路", "中山路", "人民路", "解放大道", "建设街", "和平路", "创新大道", "学府路", "滨江路"]
_traditional = opencc.OpenCC("s2t").convert
WIDE = {ord(c): ord(c) + 0xFEE0 for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"}

PERSON = {"name": "person", "phone": "phone", "email": "email", "birthday": "date", "citizen_id": "citizen", "street": "text",
          "company": "employer"}  # fmt: skip
COMPANY = {"name": "company", "uscc": "uscc", "phone": "phone", "street": "text", "contact": "person"}


@dataclass
class Set:
    """Two systems and the truth: ``same`` are pairs (place in a, place in b)."""

    a: list[Record] = field(default_factory=list)
    b: list[Record] = field(default_factory=list)
    same: set[tuple[int, int]] = field(default_factory=set)


def persons(count: int, prevalence: float, seed: int = 7) -> Set:
    """Return so many persons in A and as many records in B."""
    return _set(count, prevalence, random.Random(seed), _person, _person_again, _person_alike)


def companies(count: int, prevalence: float, seed: int = 7) -> Set:
    """Return so many companies in A and as many records in B."""
    return _set(count, prevalence, random.Random(seed), _company, _company_again, _company_alike)


def _set(count: int, prevalence: float, rnd: random.Random, new: Any, again: Any, alike: Any) -> Set:
    made = Set([new(rnd) for _ in range(count)])
    chosen = rnd.sample(range(count), round(count * prevalence))
    for place in chosen:
        made.same.add((place, len(made.b)))
        made.b.append(again(rnd, made.a[place]))
    while len(made.b) < count:
        other = alike(rnd, rnd.choice(made.a)) if rnd.random() < 0.5 else new(rnd)
        made.b.append(again(rnd, other))
    extra = count // 5 if prevalence == 1.0 else 0  # at full prevalence the confusions come on top
    made.b += [again(rnd, alike(rnd, rnd.choice(made.a))) for _ in range(extra)]
    return made


# persons


def _person(rnd: random.Random) -> Record:
    roll = rnd.random()
    surname = rnd.choice(COMPOUND) if roll < 0.02 else rnd.choice(list(HETERONYMS)) if roll < 0.12 else rnd.choice(SURNAMES)
    name = surname + "".join(rnd.choice(GIVEN) for _ in range(1 if rnd.random() < 0.25 else 2))
    born = _day(rnd)
    return {
        "surname": surname,
        "name": name,
        "phone": _mobile(rnd) if rnd.random() < 0.8 else f"{_landline(rnd)}-{rnd.randrange(100, 9999)}",
        "email": f"{''.join(lazy_pinyin(name))}{rnd.randrange(1000)}@example.cn" if rnd.random() < 0.5 else None,
        "birthday": born,
        "citizen_id": _citizen(rnd, born),
        "street": f"{rnd.choice(STREETS)}{rnd.randrange(1, 900)}号{rnd.randrange(1, 30)}栋{rnd.randrange(101, 3305)}室",
        "company": _company(rnd)["name"],
    }


def _person_again(rnd: random.Random, one: Record) -> Record:
    seen = dict(one)
    roll = rnd.random()
    if roll < 0.15:
        seen["name"] = _traditional(seen["name"])
    elif roll < 0.27:
        seen["name"] = _latin(rnd, seen)
    elif roll < 0.30:
        seen["name"] = f"{seen['name'][0]}　{seen['name'][1:]}" if len(seen["surname"]) == 1 else seen["name"]
    _lose(rnd, seen, {"phone": 0.2, "email": 0.4, "birthday": 0.35, "citizen_id": 0.7, "street": 0.3, "company": 0.3})
    if seen["phone"]:
        seen["phone"] = _phone_again(rnd, seen["phone"])
    if seen["birthday"] and rnd.random() < 0.05:
        seen["birthday"] = seen["birthday"][:-1] + str(rnd.randrange(1, 9))
    elif seen["birthday"] and rnd.random() < 0.3:
        year, month, day = seen["birthday"].split("-")
        seen["birthday"] = rnd.choice(
            [f"{year}年{int(month)}月{int(day)}日", f"{year}/{int(month)}/{int(day)}", year + month + day]
        )
    if seen["citizen_id"] and rnd.random() < 0.2:
        seen["citizen_id"] = seen["citizen_id"].translate(WIDE)
    if seen["company"] and rnd.random() < 0.3:
        seen["company"] = _traditional(seen["company"])
    return seen


def _person_alike(rnd: random.Random, one: Record) -> Record:
    """Return another person who is easily taken for this one."""
    other = _person(rnd)
    how = rnd.randrange(5)
    if how == 0:
        other |= {"name": one["name"], "surname": one["surname"]}
    elif how == 1:
        other |= {"surname": one["surname"], "name": one["surname"] + "".join(_sounds_like(rnd, c) for c in _given(one))}
        other["company"] = one["company"]
    elif how == 2:
        given = "".join(rnd.choice(GIVEN) for _ in range(2))
        other |= {"surname": one["surname"], "name": one["surname"] + given, "phone": one["phone"], "street": one["street"]}
    elif how == 3:
        board = _landline(rnd)
        one["phone"], other["phone"] = f"{board}-{rnd.randrange(1000, 4999)}", f"{board}-{rnd.randrange(5000, 9999)}"
        other |= {"company": one["company"], "name": one["name"], "surname": one["surname"]}
    else:
        other |= {"birthday": one["birthday"], "company": one["company"]}
        other["citizen_id"] = _citizen(rnd, one["birthday"])
    return other


def _given(one: Record) -> str:
    return str(one["name"][len(one["surname"]) :])


def _sounds_like(rnd: random.Random, char: str) -> str:
    alike = [c for c in GIVEN if c != char and lazy_pinyin(c) == lazy_pinyin(char)]
    return rnd.choice(alike) if alike else rnd.choice([c for c in GIVEN if c != char])


def _latin(rnd: random.Random, one: Record) -> str:
    family = HETERONYMS.get(one["surname"]) or "".join(lazy_pinyin(one["surname"]))
    given = "".join(lazy_pinyin(_given(one)))
    forms = [f"{family} {given}", f"{given} {family}", f"{family}{given}", f"{family.upper()} {given.title()}"]
    return rnd.choice([*forms, f"{family.title()}, {given.title()}"])


def _day(rnd: random.Random) -> str:
    return f"{rnd.randrange(1950, 2006)}-{rnd.randrange(1, 13):02d}-{rnd.randrange(1, 29):02d}"


def _citizen(rnd: random.Random, born: str) -> str:
    body = f"{rnd.choice(['110101', '310104', '440305', '330106', '510107'])}{born.replace('-', '')}{rnd.randrange(1, 999):03d}"
    total = sum(int(c) * pow(2, 17 - n, 11) for n, c in enumerate(body))
    return body + "10X98765432"[total % 11]


def _mobile(rnd: random.Random) -> str:
    return rnd.choice(["138", "139", "186", "150", "177", "135"]) + f"{rnd.randrange(10**8):08d}"


def _landline(rnd: random.Random) -> str:
    return rnd.choice(["0755", "021", "010", "020", "0571"]) + f"-8{rnd.randrange(10**7):07d}"


def _phone_again(rnd: random.Random, phone: str) -> str:
    number, _, extension = phone.rpartition("-") if phone.count("-") == 2 else (phone, "", "")
    if extension:
        return number + rnd.choice(["转", "-", " ext. ", "分机"]) + extension
    return str(rnd.choice([phone, f"+86 {phone.lstrip('0')}", phone.translate(WIDE), f"{phone[:3]} {phone[3:]}"]))


def _lose(rnd: random.Random, seen: Record, odds: dict[str, float]) -> None:
    for name, odd in odds.items():
        if rnd.random() < odd:
            seen[name] = None


# companies


def _company(rnd: random.Random) -> Record:
    brand = "".join(rnd.sample(BRAND, 3 if rnd.random() < 0.4 else 2))
    if rnd.random() < 0.3:
        brand += rnd.choice(list("达通联创远信恒盛源泰"))
    place, trade, form = rnd.choice(PLACES), rnd.choice(TRADES), rnd.choice(FORMS)
    return {
        "brand": brand, "place": place, "trade": trade, "form": form,
        "name": f"{place}{brand}{trade}{form}",
        "uscc": _uscc(rnd), "phone": _landline(rnd),
        "street": f"{rnd.choice(STREETS)}{rnd.randrange(1, 900)}号{rnd.randrange(1, 60)}层",
        "contact": _contact(rnd),
    }  # fmt: skip


def _company_again(rnd: random.Random, one: Record) -> Record:
    seen = dict(one)
    roll = rnd.random()
    if roll < 0.2:
        seen["name"] = _traditional(seen["name"])
    elif roll < 0.35:
        seen["name"] = f"{one['brand']}{one['trade']}（{one['place'].removesuffix('市')}）{one['form']}"
    elif roll < 0.45:
        seen["name"] = one["brand"]
    elif roll < 0.5:
        seen["name"] = f"{one['place']}{one['brand']}"
    elif roll < 0.6:
        seen["name"] = f"{one['brand']}{one['trade']}{one['form']}"
    _lose(rnd, seen, {"uscc": 0.5, "phone": 0.3, "street": 0.3, "contact": 0.4})
    if seen["uscc"] and rnd.random() < 0.3:
        seen["uscc"] = rnd.choice([seen["uscc"].lower(), seen["uscc"].translate(WIDE)])
    if seen["phone"]:
        seen["phone"] = _phone_again(rnd, seen["phone"])
    return seen


def _company_alike(rnd: random.Random, one: Record) -> Record:
    """Return another company that is easily taken for this one."""
    other = _company(rnd)
    how = rnd.randrange(5)
    if how == 0:
        other |= {part: one[part] for part in ("place", "trade", "form", "street")}
    elif how == 1:
        trade = rnd.choice([word for word in TRADES if word != one["trade"]])
        other |= {part: one[part] for part in ("brand", "place", "form", "street", "phone", "contact")} | {"trade": trade}
    elif how == 2:
        place = rnd.choice([word for word in PLACES if word != one["place"]])
        other |= {part: one[part] for part in ("brand", "trade", "form")} | {"place": place}
    elif how == 3:
        other |= {part: one[part] for part in ("brand", "place", "trade", "form", "contact")}
        other["form"] += rnd.choice(["上海", "西安", "长沙"]) + "分公司"
    else:
        alike = {"讯": "迅", "通": "同", "华": "化", "海": "亥", "东": "冬", "光": "广", "金": "今", "大": "达"}
        other["brand"] = "".join(alike.get(char, char) for char in one["brand"])
        if other["brand"] == one["brand"]:
            other["brand"] = one["brand"][::-1] + "新"
        other |= {"place": one["place"], "trade": one["trade"], "form": one["form"]}
    other["name"] = f"{other['place']}{other['brand']}{other['trade']}{other['form']}"
    return other


def _contact(rnd: random.Random) -> str:
    return rnd.choice(SURNAMES) + rnd.choice(GIVEN) + rnd.choice(GIVEN)


def _uscc(rnd: random.Random) -> str:
    body = (
        "91"
        + rnd.choice(["440300", "110108", "310104", "330100"])
        + "".join(rnd.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(9))
    )
    return body + uscc.calc_check_digit(body)
