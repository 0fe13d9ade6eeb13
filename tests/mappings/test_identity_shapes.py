"""Id shapes: what is refused before it can link, and what may be declared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.database import Database
from core.errors import InputError
from core.tables import connector, crosswalk
from mappings.identity import (
    PlaceholderError,
    Resolved,
    Shape,
    ShapeRefusedError,
    UnknownShapeError,
    Want,
    declare,
    resolve_or_mint,
)
from mappings.identity.check_digits import CHECKS, check_character, read_spoken, spoken
from mappings.identity.normalisers import NORMALISERS, normalise
from mappings.identity.shapes import norm

NOW = 1_767_225_600_000_000
ORDERS = Shape("EC-[0-9]{8}-[0-9]{4}", "trim+nfkc+upper")


@pytest.fixture
def here(db: Database) -> Database:
    with db.write() as conn:
        conn.execute(
            connector.insert().values(id=1, name="erp", kind="memory", settings={}, state="ok", created_at=1, updated_at=1)
        )
    return db


def know(db: Database, *ids: str) -> dict[str, object]:
    with db.write() as conn:
        answers = resolve_or_mint(conn, db, [Want(1, "order", one) for one in ids], {"order": "ORD"}, NOW)
    return {want.external_id: answer for want, answer in answers.items()}


PLACEHOLDERS = ["", " ", "0", "000000", "999999", "９９９９９", "N/A", "n.a.", "null", "None", "undefined", "-", "???", "未知"]
PLACEHOLDERS += [
    "　无　",
    "test",
    "TBD",
    "-1",
    "00000000-0000-0000-0000-000000000000",
    "NaN",
    "(empty)",
    "测试",
    "暂无",
    "empty",
]


@pytest.mark.parametrize("external_id", PLACEHOLDERS)
def test_placeholders_never_link(external_id: str) -> None:
    """What stands for "no id" is refused, in both languages and widths, and the error says so."""
    with pytest.raises(PlaceholderError, match="it stands for no id"):
        norm(Shape(), "order", external_id)


@pytest.mark.parametrize("external_id", ["1", "9999", "10", "EC-0", "X-9", "testbench-4", "007", "北京-3", "10084", "a b"])
def test_real_ids_are_taken(external_id: str) -> None:
    """Ids that merely look odd are ids."""
    assert norm(Shape(), "order", external_id) == external_id


def test_a_counted_id_may_be_all_nines() -> None:
    """Where a machine counts, 999999 comes after 999998; zero is still no id."""
    counted = Shape("[0-9]+", "trim+counted")
    assert norm(counted, "order", "999999") == "999999"
    with pytest.raises(PlaceholderError):
        norm(counted, "order", "0")


@pytest.mark.parametrize("external_id", ["a\nb", "a\x00", "x" * 513, "\ud800a", None, 17])
def test_what_is_no_text_is_no_id(external_id: str) -> None:
    """Control characters, lone surrogates, numbers and endless texts are refused."""
    with pytest.raises(InputError):
        norm(Shape(), "order", external_id)


def test_an_unknown_shape_is_an_error_value(here: Database) -> None:
    """An id of another shape than declared resolves to an error that a repair can be opened with; nothing is linked."""
    with here.write() as conn:
        declare(conn, here, 1, "order", ORDERS, "ann", NOW)
    answers = know(here, "ec-20260215-8891", "EC-20260215-8891-T", "KC-20260215-8891", "EC-2026021-58891")
    assert isinstance(answers["ec-20260215-8891"], Resolved)
    for strange in ("EC-20260215-8891-T", "KC-20260215-8891", "EC-2026021-58891"):
        error = answers[strange]
        assert isinstance(error, UnknownShapeError)
        assert "EC-[0-9]{8}-[0-9]{4}" in str(error)
        assert error.facts["external_id"] == strange


def test_declaring_runs_over_every_known_id(here: Database) -> None:
    """A declaration folds what is known already, so that the same thing is found by its new normal form."""
    before = know(here, "ec-20260215-8891", "EC-20260215-0001")
    with here.write() as conn:
        assert declare(conn, here, 1, "order", ORDERS, "ann", NOW) == 1
        assert declare(conn, here, 1, "order", ORDERS, "ann", NOW) == 0
        norms = conn.execute(select(crosswalk.c.external_norm).order_by(crosswalk.c.id)).scalars().all()
    assert sorted(norms) == ["EC-20260215-0001", "EC-20260215-8891"]
    after = know(here, "EC-20260215-8891")["EC-20260215-8891"]
    first = before["ec-20260215-8891"]
    assert isinstance(after, Resolved)
    assert isinstance(first, Resolved)
    assert (after.gid, after.minted) == (first.gid, False)


def test_normal_forms_may_change_places(here: Database) -> None:
    """A declaration under which one id takes the form that another had is no collision."""
    know(here, "a-1", "A1")
    with here.write() as conn, pytest.raises(ShapeRefusedError, match="would become one"):
        declare(conn, here, 1, "order", Shape("[A-Z0-9]+", "no_hyphens+upper"), "ann", NOW)
    with here.write() as conn:
        assert declare(conn, here, 1, "order", Shape("[A-Z0-9-]+", "upper"), "ann", NOW) == 1


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (Shape("[0-9]+"), "does not fit"),
        (Shape("(?=x)"), "RE2"),
        (Shape(".*", "trim+digits_only"), "There is no normaliser 'digits_only'"),
        (Shape(".*", "trim", "crc32"), "There is no check digit 'crc32'"),
        (Shape(None), "no pattern"),
    ],
)
def test_what_may_not_be_declared(here: Database, shape: Shape, why: str) -> None:
    """A shape is refused that loses a known id, cannot be read, or names what is not in the closed lists."""
    know(here, "EC-20260215-8891")
    with here.write() as conn, pytest.raises(ShapeRefusedError, match=why):
        declare(conn, here, 1, "order", shape, "ann", NOW)


def test_digits_alone_are_not_in_the_list() -> None:
    """Taking the digits joins different customers, so nobody can declare it."""
    assert not {name for name in NORMALISERS if "digit" in name}


@given(st.text(), st.sampled_from(sorted(NORMALISERS)))
def test_normalising_twice_is_normalising_once(text: str, name: str) -> None:
    """Every normaliser is a projection: the normal form of a normal form is itself."""
    once = normalise(text, name)
    assert normalise(once, name) == once


@given(st.integers(1, 999_999), st.data())
def test_the_spoken_form_finds_one_wrong_character(number: int, data: st.DataObject) -> None:
    """One wrong character or one swap of neighbours in a spoken master ID is noticed."""
    text = spoken(f"CUST-2026-{number:06d}")
    assert read_spoken(text.lower()) == text[:-2]
    place = data.draw(st.integers(0, len(text) - 3).filter(lambda at: text[at] != "-"))
    other = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ").filter(lambda char: char != text[place]))
    with pytest.raises(InputError):
        read_spoken(text[:place] + other + text[place + 1 :])
    if text[place + 1] not in ("-", text[place]):
        with pytest.raises(InputError):
            read_spoken(text[:place] + text[place + 1] + text[place] + text[place + 2 :])


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("luhn", "490154203237518", "490154203237581"),
        ("gs1", "4006381333931", "4006381333913"),
        ("mod_37_2", "G123489654321Y", "G123489654312Y"),
    ],
)
def test_check_digits(name: str, good: str, bad: str) -> None:
    """Published examples pass, a swap of neighbours does not."""
    assert (CHECKS[name](good), CHECKS[name](bad)) == (True, False)
    assert check_character("G123489654321") == "Y"
    assert not CHECKS[name]("")
