"""The scorer: points that add up, reasons for each, and what no sum of points is enough for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core import jsons
from mappings.matching import Band, MatchSpec, Rule, compile_rule
from mappings.matching.comparing import KINDS
from mappings.matching.telling import LEVELS
from mappings.models import EntitySpec, read


def rule(fields: dict[str, Any] | None = None, **more: Any) -> Rule:
    spec = fields or {"name": "person", "phone": "phone", "birthday": "date", "email": "email"}
    return compile_rule("customer", MatchSpec.model_validate({"fields": spec, **more}))


def points(made: Rule, one: dict[str, Any], other: dict[str, Any]) -> float:
    return made.score(made.prepare(one), made.prepare(other)).points


def levels(made: Rule, one: dict[str, Any], other: dict[str, Any]) -> dict[str, str]:
    return {said.field: said.level for said in made.score(made.prepare(one), made.prepare(other)).reasons}


PERSON = {"name": "张伟", "phone": "13800138000", "birthday": "1980-01-02"}


def test_the_points_of_the_fields_add_up() -> None:
    """The sum is the sum of the reasons; a missing field says nothing."""
    made = rule()
    found = made.score(made.prepare(PERSON), made.prepare(PERSON | {"birthday": None, "email": "a@b.cn"}))
    assert found.points == sum(one.points for one in found.reasons) == 16
    assert [one.level for one in found.reasons] == ["equal", "equal", "missing", "missing"]


def test_a_name_alone_links_nobody_and_a_sound_never_does() -> None:
    """张伟 and 张伟 need something else in common; 张伟 and 张炜 sound alike, which speaks for nothing."""
    made = rule()
    assert made.band(points(made, {"name": "张伟"}, {"name": "张伟"})) is Band.REVIEW
    assert made.band(points(made, {"name": "张伟"}, {"name": "张炜"})) is Band.APART
    assert levels(made, {"name": "曾伟"}, {"name": "Zeng Wei"})["name"] == "sound"
    assert made.band(points(made, {"name": "曾伟"}, {"name": "Zeng Wei"})) is Band.REVIEW
    assert (
        made.band(points(made, {"name": "曾伟", "phone": "13800138000"}, {"name": "Zeng Wei", "phone": "13800138000"}))
        is Band.LINK
    )


@pytest.mark.parametrize(
    ("other", "band"),
    [
        (PERSON | {"name": "張偉", "phone": "+86 138-0013-8000", "birthday": "1980年1月2日"}, Band.LINK),
        (PERSON | {"name": "张丽"}, Band.REVIEW),  # the same household
        ({"name": "张伟", "phone": "13911112222", "birthday": "1975-08-09"}, Band.APART),  # a namesake
        ({"name": "张先生", "phone": "13800138000"}, Band.REVIEW),
    ],
)
def test_people(other: dict[str, Any], band: Band) -> None:
    """One person written in two ways is joined; a relative, a namesake and a surname are not."""
    made = rule()
    assert made.band(points(made, PERSON, other)) is band


def test_a_switchboard_is_nobodys_own() -> None:
    """A landline that two share is little; two extensions of it are two persons, one extension one."""
    made = rule()
    mobile = points(made, {"phone": "13800138000"}, {"phone": "13800138000"})
    board = points(made, {"phone": "0755-86013388"}, {"phone": "0755-86013388"})
    same = points(made, {"phone": "0755-86013388转8001"}, {"phone": "0755-86013388-8001"})
    two = points(made, {"phone": "0755-86013388转8001"}, {"phone": "0755-86013388转8002"})
    assert two < 0 < board < mobile == same


FIRM = {"name": "company", "uscc": "uscc", "phone": "phone", "street": "text", "contact": "person"}
TENCENT = {
    "name": "深圳市腾讯计算机系统有限公司",
    "uscc": "91440300708461136T",
    "phone": "0755-86013388",
    "street": "科技园路1号",
    "contact": "马化腾",
}


@pytest.mark.parametrize(
    ("other", "level", "band"),
    [
        (TENCENT | {"name": "騰訊計算機系統（深圳）有限公司"}, "close", Band.LINK),
        (TENCENT | {"name": "腾讯"}, "brand", Band.LINK),  # the credit code settles it
        (TENCENT | {"name": "腾讯", "uscc": None}, "brand", Band.REVIEW),
        (TENCENT | {"name": "深圳市腾讯科技有限公司", "uscc": None}, "sister", Band.REVIEW),
        (TENCENT | {"name": "深圳市财付通计算机系统有限公司", "uscc": None}, "differs", Band.REVIEW),
        ({"name": "深圳市财付通计算机系统有限公司", "street": "科技园路1号"}, "differs", Band.APART),
        (TENCENT | {"uscc": "91110000600037341L"}, "equal", Band.REVIEW),
    ],
)
def test_companies(other: dict[str, Any], level: str, band: Band) -> None:
    """A brand alone, a sister and a stranger of the same form are never joined by what firms share; a credit code decides."""
    made = rule(FIRM)
    assert levels(made, TENCENT, other)["name"] == level
    assert made.band(points(made, TENCENT, other)) is band


def test_given_name_and_surname_may_change_places() -> None:
    """What stands in the other field is found and said."""
    made = rule({"given": "name", "family": "name", "town": "place"})
    straight = {"given": "lachlan", "family": "lanyon", "town": "malvern"}
    turned = {"given": "lanyon", "family": "lachlan", "town": "malvern"}
    assert levels(made, straight, turned) == {"given": "swapped", "family": "swapped", "town": "equal"}
    assert made.keys(made.prepare(straight)) != made.keys(made.prepare({"given": "other"}))
    assert set(made.keys(made.prepare(straight))) & set(made.keys(made.prepare(turned)))


VALUES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "张伟",
            "张炜",
            "zhang wei",
            "Wei Zhang",
            "腾讯",
            "深圳市腾讯科技有限公司",
            "13800138000",
            "0755-86013388转1",
            "1980-01-02",
        ]
    ),
    st.text(max_size=12),
    st.integers(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(KINDS)), VALUES, VALUES)
def test_every_kind_is_symmetric_bounded_and_fits_a_row(kind: str, one: Any, other: Any) -> None:
    """The order of the two does not matter, no value gives more than an equal one, and what is kept is JSON."""
    made = rule({"x": kind})
    a, b = made.prepare({"x": one}), made.prepare({"x": other})
    assert jsons.loads(jsons.dumps(a)) == a
    assert made.points(a, b) == pytest.approx(made.points(b, a))
    assert made.points(a, b) <= KINDS[kind].best
    assert made.points(a, a) == 0 or made.points(a, a) >= made.points(a, b) or a[0] is None
    assert {said.level for said in made.score(a, b).reasons} <= set(LEVELS)


def test_weights_scale_a_field_and_the_digest_names_what_is_kept() -> None:
    """A weight changes points and not what is prepared; another kind is another rule."""
    plain, heavy, other = rule({"a": "text"}), rule({"a": {"as": "text", "weight": 2}}), rule({"a": "id"})
    assert points(heavy, {"a": "xxxxxy"}, {"a": "xxxxxy"}) == 2 * points(plain, {"a": "xxxxxy"}, {"a": "xxxxxy"})
    assert plain.digest == heavy.digest != other.digest


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"fields": {"name": "soundex"}}, "no way to compare; the list is closed: person"),
        ({"fields": {"name": "text"}, "link": 1, "review": 5}, "`review` is the lower threshold"),
        ({"fields": {"nmae": "text"}}, "`match` names nmae, which is no field of this entity"),
        ({"fields": {}}, "at least 1 item"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_known(match: dict[str, Any], said: str) -> None:
    """Fields, kinds and thresholds are checked when the definition is written."""
    spec = {"name": "customer", "prefix": "CUST", "title": {"en": "x", "zh": "某"}, "fields": {"name": {"type": "string"}}}
    found = read("entity", spec | {"match": match})
    assert isinstance(found, list)
    assert said in " ".join(one.what for one in found)
    assert isinstance(read("entity", spec | {"match": {"fields": {"name": "text"}}}), EntitySpec)
    with pytest.raises(ValidationError):
        MatchSpec.model_validate({"fields": {"a": {"as": "text", "weight": 0}}})
