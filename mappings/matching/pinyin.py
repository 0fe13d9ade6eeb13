"""
How a Chinese name sounds, the surname read as a surname: 曾 is zeng and not ceng, 单 is shan, 万俟 is moqi.

One name in seven shares its pinyin with another, so an equal sound finds candidates and never links.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from mappings.matching.texts import HAN, letters

SURNAMES: dict[str, tuple[str, ...]] = {
    "曾": ("zeng",), "单": ("shan",), "解": ("xie",), "仇": ("qiu",), "区": ("ou",), "朴": ("piao", "pu"),
    "查": ("zha",), "盖": ("ge", "gai"), "翟": ("zhai", "di"), "任": ("ren",), "覃": ("qin", "tan"), "冼": ("xian",),
    "洗": ("xian",), "缪": ("miao",), "乐": ("yue", "le"), "员": ("yun",), "黑": ("he", "hei"), "重": ("chong",),
    "种": ("chong",), "折": ("she",), "逄": ("pang",), "祭": ("zhai", "ji"), "召": ("shao",), "纪": ("ji",),
    "阚": ("kan",), "谌": ("chen", "shen"), "晁": ("chao",), "宓": ("mi", "fu"), "句": ("gou",), "牟": ("mou", "mu"),
    "贾": ("jia",), "车": ("che",), "能": ("nai",), "曲": ("qu",), "柏": ("bai", "bo"), "宁": ("ning",),
    "盛": ("sheng",), "葛": ("ge",), "华": ("hua",), "燕": ("yan",), "应": ("ying",), "宿": ("su",), "行": ("xing",),
    "隗": ("wei", "kui"), "郗": ("xi", "chi"), "郇": ("xun", "huan"), "秘": ("bi", "mi"), "繁": ("po",),
    "尹": ("yin",), "那": ("na",), "相": ("xiang",), "哈": ("ha",), "臧": ("zang",), "过": ("guo",), "沈": ("shen",),
    "石": ("shi",), "俞": ("yu",), "吕": ("lv", "lu"), "佴": ("nai",), "撒": ("sa",), "干": ("gan",), "幺": ("yao",),
    "万俟": ("moqi",), "尉迟": ("yuchi",), "长孙": ("zhangsun",), "单于": ("chanyu",), "澹台": ("tantai",),
    "令狐": ("linghu",), "欧阳": ("ouyang",), "司马": ("sima",), "上官": ("shangguan",), "诸葛": ("zhuge",),
    "夏侯": ("xiahou",), "皇甫": ("huangfu",), "公孙": ("gongsun",), "慕容": ("murong",), "宇文": ("yuwen",),
    "司徒": ("situ",), "轩辕": ("xuanyuan",), "东方": ("dongfang",), "独孤": ("dugu",), "南宫": ("nangong",),
    "西门": ("ximen",), "端木": ("duanmu",), "百里": ("baili",), "呼延": ("huyan",), "完颜": ("wanyan",),
    "钟离": ("zhongli",), "淳于": ("chunyu",), "申屠": ("shentu",), "太史": ("taishi",), "赫连": ("helian",),
}  # fmt: skip
"""Surnames whose reading as a name is not the usual one of the character, and those of two characters."""


@lru_cache(maxsize=65536)
def sounds(name: str) -> tuple[str, ...]:
    """
    Return the readings of a folded name, surname first, without spaces; of letters, the letters in both orders.

    >>> sounds("曾国藩"), sounds("万俟卨"), sounds("zhang san")
    (('zengguofan',), ('moqixie',), ('zhangsan', 'sanzhang'))
    """
    if not HAN.search(name):
        parts = words(name)
        whole = "".join(parts)
        turned = "".join([parts[-1], *parts[:-1]]) if len(parts) > 1 else whole
        shifted = "".join([*parts[1:], parts[0]]) if len(parts) > 1 else whole
        return tuple(dict.fromkeys((whole, shifted, turned)))
    plain = letters(name)
    return tuple(dict.fromkeys(a + b for a, b in product(family_sounds(plain), [_read(plain[len(family(plain)) :])])))


def words(name: str) -> list[str]:
    """
    Return the words of a name in letters.

    >>> words("o'brien, mary-ann *")
    ['obrien', 'maryann']
    """
    return [word for word in (letters(part) for part in name.replace(",", " ").split()) if word]


def family(name: str) -> str:
    """
    Return the surname of a Chinese name.

    >>> family("欧阳修"), family("张三"), family("张")
    ('欧阳', '张', '张')
    """
    return name[:2] if len(name) > 2 and name[:2] in SURNAMES else name[:1]


_POLITE = ("先生", "女士", "小姐", "太太", "老师", "经理", "主任", "师傅", "总", "工")


def polite(name: str) -> str:
    """
    Return the surname where a name is only a surname with a form of address, else "".

    >>> polite("张先生"), polite("欧阳女士"), polite("张三")
    ('张', '欧阳', '')
    """
    for ending in _POLITE:
        rest = name.removesuffix(ending)
        if rest != name and rest and rest == family(rest + "某"):
            return rest
    return ""


def family_sounds(name: str) -> tuple[str, ...]:
    """Return the readings of a name's surname."""
    first = family(name)
    return SURNAMES.get(first) or (_read(first),)


@lru_cache(maxsize=65536)
def _read(text: str) -> str:
    if not text:
        return ""
    from pypinyin import lazy_pinyin  # loaded when the first Chinese name is read

    return "".join(lazy_pinyin(text)).casefold()
