"""Shapes learned from ids, ids that do not fit, transforms that would join strangers, and placeholders of one's own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.database import Database
from core.errors import ConflictError, InputError, NotFoundError
from core.tables import connector
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
from mappings.identity.learning import learn
from mappings.identity.misfits import propose
from mappings.identity.placeholders import add_words, own_words, remove_word
from mappings.identity.publishing import counter_example, try_shape
from mappings.identity.shapes import compiled, norm

NOW = 1_767_225_600_000_000


@pytest.fixture
def here(db: Database) -> Database:
    with db.write() as conn:
        row = {"id": 1, "name": "crm", "kind": "memory", "settings": {}, "state": "ok", "created_at": 1, "updated_at": 1}
        conn.execute(connector.insert().values(row))
    return db


def know(db: Database, *ids: str) -> dict[str, object]:
    with db.write() as conn:
        answers = resolve_or_mint(conn, db, [Want(1, "customer", one) for one in ids], {"customer": "CUST"}, NOW)
    return {want.external_id: answer for want, answer in answers.items()}


def luhn(n: int) -> str:
    digits = [int(char) * (1 + (place + 1) % 2) for place, char in enumerate(reversed(str(n)))]
    total = sum(digit - 9 if digit > 9 else digit for digit in digits)
    return f"{n}{-total % 10}"


CHANCE = random.Random(7)
SOURCES: list[tuple[list[str], Shape]] = [
    ([f"EC-2026{m:02d}15-{n:04d}" for m in range(1, 13) for n in (17, 8891)], Shape("EC-[0-9]{8}-[0-9]{4}")),
    ([str(n) for n in range(10050, 10090)], Shape("[0-9]+", "trim+counted")),
    ([f"客户{n:06d}" for n in range(8900, 8930)], Shape("客户[0-9]{6}")),
    ([f"ＣＵＳＴ{n}" for n in range(100, 130)], Shape("CUST[0-9]{3}", "trim+nfkc")),
    ([f"{'KE'[n % 2]}C.{n:03d}" for n in range(40)], Shape(r"(?:EC|KC)\.[0-9]{3}")),
    ([f"{'ab' if n % 3 else 'AB'}-{n:03d}" for n in range(40)], Shape("AB-[0-9]{3}", "trim+upper")),
    ([luhn(CHANCE.randrange(10**13, 10**14)) for _ in range(30)], Shape("[0-9]{15}", "trim", "luhn")),
    ([f"T-{n}" for n in (3, 17, 255, 1024)], Shape("T-[0-9]+")),
]


@pytest.mark.parametrize(("ids", "shape"), SOURCES, ids=lambda one: one[0] if isinstance(one, list) else "")
def test_the_shape_of_a_source_is_learned(ids: list[str], shape: Shape) -> None:
    """Letters that never differ are literal, the rest is a class with lengths; width, case, counting, check digits too."""
    found = learn(ids)
    assert found is not None
    assert (found.shape, found.covers, found.odd) == (shape, len(ids), ())


def test_two_forms_and_one_typing_error() -> None:
    """Two usual forms are two branches; a rare one is named, not learned."""
    ids = [f"C-{n:04d}" for n in range(60)] + [f"{n:08d}" for n in range(10_000_100, 10_000_160)] + ["C-12O4x"]
    found = learn(ids)
    assert found is not None
    assert found.shape.pattern == "(?:C-[0-9]{4})|(?:[0-9]{8})"
    assert found.odd == ("C-12O4x",)
    assert not found.thin


def test_of_nothing_nothing_is_learned() -> None:
    """Without ids there is no proposal; of a few it is called thin."""
    assert learn([" ", ""]) is None
    few = learn(["A-1", "A-2"])
    assert few is not None
    assert few.thin


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20), min_size=1, max_size=30))
def test_what_is_learned_can_be_compiled_and_says_what_it_takes(ids: list[str]) -> None:
    """Whatever the ids are, the pattern is RE2, and `covers` counts what it takes."""
    found = learn(ids)
    if found is not None:
        compiled(str(found.shape.pattern))
        assert found.covers + len(found.odd) >= min(found.seen, found.covers + 5)
        assert found.covers >= 1


def test_taking_the_digits_is_refused_with_its_counter_example(here: Database) -> None:
    """The seed's own fix would join EC-20260215-8891 with EC-2026021-58891; publishing shows that and changes nothing."""
    know(here, "EC-20260215-8891")
    digits = Shape("[0-9]{12}", "trim+digits")
    with here.read() as conn:
        trial = try_shape(conn, 1, "customer", digits)
    assert trial.trap == ("EC-20260215-8891", "EC-2026021-58891", "202602158891")
    assert (trial.ok, trial.misfit_count, trial.collision_count) == (False, 0, 0)
    with here.write() as conn, pytest.raises(ShapeRefusedError, match="EC-2026021-58891") as refused:
        declare(conn, here, 1, "customer", digits, "ann", NOW)
    assert refused.value.facts["counter_example"] == ["EC-20260215-8891", "EC-2026021-58891", "202602158891"]
    assert isinstance(know(here, "EC-2026021-58891")["EC-2026021-58891"], Resolved)


def test_collisions_among_known_ids_are_shown_as_pairs(here: Database) -> None:
    """A transform that joins known ids is refused, and every pair is named with the master IDs of both."""
    answers = know(here, "EC-20260215-8891", "EC-2026021-58891", "ec-1-1", "EC-11", "X-9")
    with here.read() as conn:
        trial = try_shape(conn, 1, "customer", Shape("[A-Z0-9]+", "upper+no_hyphens"))
    pairs = {frozenset((one.one, one.other)): one for one in trial.collisions}
    assert pairs.keys() == {frozenset(("EC-20260215-8891", "EC-2026021-58891")), frozenset(("ec-1-1", "EC-11"))}
    one = pairs[frozenset(("ec-1-1", "EC-11"))]
    gids = {answer.gid for answer in answers.values() if isinstance(answer, Resolved)}
    assert one.becomes == "EC11"
    assert {one.one_id, one.other_id} <= gids
    assert trial.collision_count == 2


@given(st.from_regex(r"[A-Z]{2}-[0-9]{4,8}-[0-9]{3,6}", fullmatch=True))
def test_a_trap_always_has_a_counter_example(raw: str) -> None:
    """Of any id with parts there is another id that taking the digits makes the same."""
    one, other, becomes = counter_example(Shape("[0-9]+", "digits"), [raw])
    assert one == raw != other
    assert {"".join(filter(str.isdigit, each)) for each in (one, other)} == {becomes}


def test_a_strange_id_comes_back_with_examples_and_a_proposal(here: Database) -> None:
    """The error says which strange ids came, which shape would take them, and the command; declaring it ends the matter."""
    with here.write() as conn:
        declare(conn, here, 1, "customer", Shape("[0-9]{4}"), "ann", NOW)
    assert isinstance(know(here, "0815")["0815"], Resolved)
    error = know(here, "EC-20260215-8891", "EC-20260216-0001")["EC-20260215-8891"]
    assert isinstance(error, UnknownShapeError)
    assert error.facts["examples"] == ["EC-20260215-8891", "EC-20260216-0001"]
    proposed = error.facts["proposed"]
    assert proposed["pattern"] == "(?:[0-9]{4})|(?:EC-[0-9]{8}-[0-9]{4})"
    assert "tieline ids shape crm customer --pattern" in error.fix
    with here.write() as conn:
        declare(conn, here, 1, "customer", Shape(proposed["pattern"], proposed["normaliser"]), "ann", NOW)
    assert isinstance(know(here, "EC-20260215-8891")["EC-20260215-8891"], Resolved)


def test_examples_are_few(here: Database) -> None:
    """A source that went mad fills no table."""
    with here.write() as conn:
        declare(conn, here, 1, "customer", Shape("[0-9]{4}"), "ann", NOW)
    error = know(here, *(f"strange-{n}" for n in range(200)))["strange-0"]
    assert isinstance(error, UnknownShapeError)
    assert len(error.facts["examples"]) == 20


def test_a_fold_is_proposed_before_a_wider_pattern() -> None:
    """What fits once it is folded needs no new form, unless the fold would join known ids."""
    found = propose(Shape("EC-[0-9]{4}"), "order", ["ec－0001", "ec-0002"], ["EC-0001"])
    assert found is not None
    assert found.shape == Shape("EC-[0-9]{4}", "trim+nfkc+upper")
    shape = Shape("[A-Za-z]{2}[0-9]*-[0-9]{4}")
    kept = propose(shape, "order", ["e c-0001"], ["ec-0001", "EC-0001"])
    assert kept is not None
    assert "upper" not in kept.shape.normaliser


def test_own_placeholders(here: Database) -> None:
    """Words that are added are refused in any case and width; ids in use are not taken for placeholders by mistake."""
    know(here, "SAMPLE-CO")
    with here.write() as conn:
        assert add_words(conn, ["无此客户", "Walk In", "n/a"], made_by="ann", now=NOW) == ["walkin", "无此客户"]
        with pytest.raises(ConflictError, match="SAMPLE-CO"):
            add_words(conn, ["sample-co"], made_by="ann", now=NOW)
        with pytest.raises(InputError):
            add_words(conn, ["a\x00b"], made_by="ann", now=NOW)
    answers = know(here, "ＷＡＬＫ　ＩＮ", " 无此客户", "walk-in-2")
    assert isinstance(answers["ＷＡＬＫ　ＩＮ"], PlaceholderError)
    assert isinstance(answers[" 无此客户"], PlaceholderError)
    assert isinstance(answers["walk-in-2"], Resolved)
    with here.write() as conn:
        remove_word(conn, "Walk in")
        for word in ("walkin", "n/a"):
            with pytest.raises(NotFoundError):
                remove_word(conn, word)
        assert own_words(conn) == {"无此客户"}
    assert isinstance(know(here, "walk in")["walk in"], Resolved)


def test_known_ids_that_became_placeholders_do_not_fit_a_new_shape(here: Database) -> None:
    """A shape is tried with the own placeholders too."""
    know(here, "none-such")
    with here.write() as conn:
        add_words(conn, ["none-such"], made_by="ann", now=NOW, anyway=True)
        assert try_shape(conn, 1, "customer", Shape(".*")).misfit_count == 1
    with pytest.raises(PlaceholderError):
        norm(Shape(placeholders=frozenset({"none-such"})), "customer", "None-Such")
