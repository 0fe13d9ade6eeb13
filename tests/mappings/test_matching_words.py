"""Chinese names, companies, numbers: what is read out of a value before it is compared."""

from __future__ import annotations

import pytest

from mappings.matching import codes, companies, pinyin
from mappings.matching.comparing import KINDS
from mappings.matching.texts import fold, said

READINGS = {
    "曾国藩": "zengguofan", "单雄信": "shanxiongxin", "解珍": "xiezhen", "仇英": "qiuying", "区志伟": "ouzhiwei",
    "朴树": "piaoshu", "查良镛": "zhaliangyong", "盖叫天": "gejiaotian", "翟天临": "zhaitianlin", "任贤齐": "renxianqi",
    "尉迟恭": "yuchigong", "万俟卨": "moqixie", "欧阳修": "ouyangxiu", "张三": "zhangsan", "吕布": "lvbu", "重耳": "chonger",
}  # fmt: skip


@pytest.mark.parametrize("name", READINGS)
def test_a_surname_is_read_as_a_surname(name: str) -> None:
    """曾 is zeng, 单 is shan, 万俟 is moqi: the reading that bearers of the name use comes first."""
    assert pinyin.sounds(name)[0] == READINGS[name]


def test_latin_names_are_read_in_both_orders() -> None:
    """Zhang San, San Zhang and zhangsan have a sound in common with 张三."""
    for written in ("Zhang San", "San Zhang", "zhangsan", "ZHANG, San", "ＺＨＡＮＧ　ＳＡＮ"):
        assert "zhangsan" in pinyin.sounds(fold(written)), written


@pytest.mark.parametrize(
    ("raw", "folded"),
    [
        ("ＣＵＳＴ－２０２６", "cust-2026"),
        ("騰訊計算機", "腾讯计算机"),
        ("乾隆", "乾隆"),
        ("乾燥", "干燥"),
        (" a　b ", "a b"),
        ("㈱", "(株)"),
    ],
)
def test_width_case_and_script_are_folded(raw: str, folded: str) -> None:
    """NFKC, lower case, traditional to simplified by phrase, single spaces."""
    assert fold(raw) == folded


@pytest.mark.parametrize(
    "nothing",
    [None, "", "  ", "N/A", "未知", "-", "暂无", "…", "To be filled by O.E.M.", "Default string", True, ["a"], {"a": 1}],
)
def test_what_says_nothing_is_not_compared(nothing: object) -> None:
    """Placeholders would make one thing of all that carry them."""
    assert said(nothing) is None
    assert all(kind.prepare(nothing) is None for kind in KINDS.values())


COMPANIES = {
    "深圳市腾讯计算机系统有限公司": ("深圳", "腾讯", "计算机系统", "有限", ""),
    "深圳市财付通计算机系统有限公司": ("深圳", "财付通", "计算机系统", "有限", ""),
    "騰訊科技（深圳）有限公司": ("深圳", "腾讯", "科技", "有限", ""),
    "腾讯": ("", "腾讯", "", "", ""),
    "北京京东世纪贸易有限公司": ("北京", "京东世纪", "贸易", "有限", ""),
    "北京京东世纪信息技术有限公司": ("北京", "京东世纪", "信息技术", "有限", ""),
    "华为技术有限公司上海分公司": ("", "华为", "技术", "有限", "上海分公司"),
    "广东省深圳市南山区大疆创新科技有限公司": ("广东深圳南山", "大疆创新", "科技", "有限", ""),
    "重庆银行": ("", "重庆银行", "", "", ""),
    "中国石油": ("", "中国石油", "", "", ""),
    "上海汽车集团股份有限公司": ("", "上海汽车", "", "集团股份", ""),
    "Tencent Technology Co., Ltd.": ("", "tencent technology", "", "ltd", ""),
}


@pytest.mark.parametrize("name", COMPANIES)
def test_a_company_name_is_taken_apart(name: str) -> None:
    """Place, brand, trade, legal form and branch, whatever is there."""
    assert tuple(companies.clean(name))[:5] == COMPANIES[name]


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("13800138000", ["+8613800138000", "", "1"]),
        ("０１３８００１３８０００", ["+8613800138000", "", "1"]),
        ("+86 138 0013 8000", ["+8613800138000", "", "1"]),
        ("0755-86013388", ["+8675586013388", "", ""]),
        ("0755-86013388转8001", ["+8675586013388", "8001", ""]),
        ("0755-86013388-8001", ["+8675586013388", "8001", ""]),
        ("0755 8601 3388 ext. 8001", ["+8675586013388", "8001", ""]),
        ("+44 20 7946 0958", ["+442079460958", "", ""]),
        ("86013388", None),
        ("12345", None),
        ("call me", None),
    ],
)
def test_telephones(raw: str, read: list[str] | None) -> None:
    """Extensions are split off first; what is no valid number says nothing."""
    assert codes.prepare_phone(raw) == read


@pytest.mark.parametrize(
    "raw", ["91440300708461136T", "91440300708461136t", "９１４４０３００７０８４６１１３６Ｔ", "91440300-708461136T"]
)
def test_credit_codes_are_checked_after_folding(raw: str) -> None:
    """Width, case and hyphens do not matter; a wrong check character is kept, but proves nothing."""
    assert codes.prepare_uscc(raw) == ["91440300708461136T", "1"]
    assert codes.prepare_uscc("91440300708461136X") == ["91440300708461136X", ""]
    assert codes.prepare_citizen("11010519491231002X") == ["11010519491231002X", "1"]
