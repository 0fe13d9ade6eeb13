"""Masks: the form stays, the person goes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import jsons
from mappings.masks import Mask, is_about_people
from mappings.translate.paths import read_path


def sort_of(char: str) -> str:
    if char.isascii():
        return "9" if char.isdigit() else "A" if char.isupper() else "a" if char.islower() else char
    return "字" if char.isalpha() else char


@given(st.text(max_size=40), st.binary(min_size=1, max_size=8))
def test_a_mask_keeps_the_form_and_no_character(text: str, key: bytes) -> None:
    """Every character becomes another one of its sort; what is neither letter nor digit stays."""
    masked = Mask(key=key).text(text)

    assert [sort_of(char) for char in masked] == [sort_of(char) for char in text]
    for one, other in zip(text, masked, strict=True):
        if (one.isascii() and one.isalnum()) or one.isalpha():
            assert one != other or (one == "0" and other == "0")


@given(st.text("0123456789-", min_size=6, max_size=20))
def test_the_same_value_gets_the_same_mask_in_one_masking_only(text: str) -> None:
    """Records that share a value still share it; another masking says something else (there are at least six digits)."""
    one, other = Mask(), Mask()
    assert one.text(text) == one.text(text)
    if sum(char.isdigit() for char in text) >= 12:
        assert one.text(text) != other.text(text)


RECORD: dict[str, Any] = {
    "title": "请联系张三 13800138000 或 zhang.san@example.com",
    "contact": {"name": "张三", "phone": 13800138000, "vip": True, "since": None},
    "客户姓名": "张三",
    "part": "SEAL-80",
    "clock": 1795333595,
    "idno": "11010519491231002X",
    "tags": [{"tag": "site", "value": "berlin"}, {"tag": "driver", "value": "Anna Berger"}],
}


def test_what_is_about_people_is_masked_and_the_rest_stays() -> None:
    """By the key's name, by what a value looks like inside a text, and by what the mapping marks; nothing else changes."""
    marked = read_path("$.tags[?(@.tag=='driver')].value")

    masked = Mask((marked,)).record(RECORD)

    flat = str(masked)
    for personal in ("张三", "13800138000", "zhang.san", "11010519491231002X", "Anna", "Berger"):
        assert personal not in flat.replace("请联系张三", "请联系")
    assert masked["title"].startswith("请联系张三 "), "a text that nobody marked keeps its words"
    assert masked["contact"]["vip"] is True
    assert masked["contact"]["since"] is None
    assert len(str(masked["contact"]["phone"])) == 11
    assert (masked["part"], masked["clock"], masked["tags"][0]) == ("SEAL-80", 1795333595, RECORD["tags"][0])
    assert "@" in masked["title"]
    assert RECORD["contact"]["name"] == "张三", "the record itself is left as it was"


def test_names_of_keys_are_known_in_both_languages() -> None:
    """Kingdee's and Yonyou's way of writing names is read as well; ordinary keys are nobody's business."""
    for key in ("FContactPhone", "cPersonTel", "联系人手机号", "报修人", "contact_email", "assignedto"):
        assert is_about_people(key), key
    for key in ("name", "FNumber", "cInvCode", "物料编码", "status", "hostid", "description"):
        assert not is_about_people(key), key


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
KEYS = st.sampled_from(["phone", "a", "电话", "b"])


@given(st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=3), max_leaves=8))
def test_any_record_can_be_masked(node: Any) -> None:
    """Types and structure stay whatever stands there."""

    def shape(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: shape(inner) for key, inner in one.items()}
        return [shape(inner) for inner in one] if isinstance(one, list) else type(one)

    masked = Mask().record({"phone": node, "x": node})
    assert shape(masked) == shape({"phone": node, "x": node})
    assert jsons.loads(jsons.dumps(masked)) == masked


@pytest.mark.parametrize("number", [1.7976931348623157e308, -1.7976931348623157e308, 1e15, 99.5, 0.25])
def test_a_masked_real_number_is_another_number(number: float) -> None:
    """Also the largest there is: it becomes no infinity, which JSON cannot write."""
    masked = Mask().value(number)
    assert math.isfinite(masked)
    assert masked != number
    assert (masked < 0) == (number < 0)


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_a_masked_number_has_as_many_digits(number: int) -> None:
    """A phone number kept as a number stays as long as it was, and becomes another one."""
    masked = Mask().value(number)
    assert (len(str(masked)), masked == number, (masked < 0) == (number < 0)) == (len(str(number)), False, True)
