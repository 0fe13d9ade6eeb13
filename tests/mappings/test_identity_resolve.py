"""Resolve or mint: one id, one entity, whoever asks and how often."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from core.database import Database
from core.errors import DefinitionError, InputError, NotFoundError
from core.tables import connector, crosswalk, entity, id_sequence
from mappings.identity import (
    Hint,
    Origin,
    PlaceholderError,
    Resolved,
    Want,
    close,
    current,
    external_ids,
    link,
    members,
    merge,
    mint,
    resolve,
    resolve_or_mint,
)
from mappings.identity.rows import _FIND

PREFIXES = {"ticket": "TICK", "device": "DEV", "alert": "ALRT"}
NOW = 1_767_225_600_000_000


@pytest.fixture
def here(db: Database) -> Database:
    with db.write() as conn:
        for number, name in enumerate(("zabbix", "roundup"), start=1):
            conn.execute(
                connector.insert().values(
                    id=number, name=name, kind="memory", settings={}, state="ok", created_at=1, updated_at=1
                )
            )
    return db


def one(db: Database, want: Want, now: int = NOW) -> Resolved:
    with db.write() as conn:
        answer = resolve_or_mint(conn, db, [want], PREFIXES, now)[want]
    assert isinstance(answer, Resolved), answer
    return answer


def test_a_new_id_gets_a_master_id_once(here: Database) -> None:
    """The first sight mints, every later sight finds the same entity, its own survivor."""
    first, again = one(here, Want(1, "device", "10084")), one(here, Want(1, "device", " 10084 "))

    assert (first.gid, first.minted, again.minted) == ("DEV-2026-000001", True, False)
    assert (again.gid, again.entity_id, again.crosswalk_id) == (first.gid, first.entity_id, first.crosswalk_id)
    with here.read() as conn:
        row = conn.execute(select(entity)).one()
    assert row.survivor_id == row.id == first.entity_id == first.home_id


def test_a_batch_of_a_thousand(here: Database) -> None:
    """A thousand wants with doubles, two types and two connectors are answered at once and consistently."""
    wants = [Want(1 + i % 2, ("device", "ticket")[i % 3 == 0], f"k{i % 700}") for i in range(1000)]
    with here.write() as conn:
        first = resolve_or_mint(conn, here, wants, PREFIXES, NOW)
    with here.write() as conn:
        again = resolve_or_mint(conn, here, wants, PREFIXES, NOW)
    keys = {(w.connector_id, w.etype, w.external_id) for w in wants}
    assert len({r.entity_id for r in first.values() if isinstance(r, Resolved)}) == len(keys)
    assert all(isinstance(r, Resolved) and r.minted for r in first.values())
    for want, answer in again.items():
        before = first[want]
        assert isinstance(answer, Resolved)
        assert isinstance(before, Resolved)
        assert (answer.gid, answer.minted) == (before.gid, False)
    with here.read() as conn:
        assert sum(conn.execute(select(id_sequence.c.next - 1)).scalars()) == len(keys)


def test_the_year_comes_from_now(here: Database) -> None:
    """The year in a master ID is the UTC year of the minting, and each year counts from one."""
    last_second = NOW - 1
    assert one(here, Want(1, "device", "a"), last_second).gid == "DEV-2025-000001"
    assert one(here, Want(1, "device", "b"), NOW).gid == "DEV-2026-000001"


def test_one_bad_id_does_not_spoil_the_batch(here: Database) -> None:
    """Refused ids and unknown entities are values in the answer; the others resolve."""
    bad, strange, good = Want(1, "device", "未知"), Want(1, "robot", "r2"), Want(1, "device", "7")
    with here.write() as conn:
        answers = resolve_or_mint(conn, here, [bad, strange, good, Want(1, "device", "a\x00b")], PREFIXES, NOW)
    assert isinstance(answers[bad], PlaceholderError)
    assert isinstance(answers[strange], DefinitionError)
    assert isinstance(answers[good], Resolved)
    assert isinstance(answers[Want(1, "device", "a\x00b")], InputError)
    with here.read() as conn:
        assert conn.execute(select(func.count()).select_from(crosswalk)).scalar_one() == 1


def test_a_hint_links_instead_of_minting(here: Database) -> None:
    """An id that carries a master ID which we wrote there belongs to that master ID."""
    with here.write() as conn:
        ticket, gid = mint(conn, here, "ticket", "TICK", NOW)
    answer = one(here, Want(2, "ticket", "15", hint=gid))
    assert (answer.entity_id, answer.gid, answer.minted, answer.hint) == (ticket, gid, False, Hint.LINKED)
    assert one(here, Want(2, "ticket", "15", hint=gid)).hint is Hint.KNOWN
    with here.read() as conn:
        assert external_ids(conn, [ticket], 2) == {ticket: "15"}


def test_a_hint_is_believed_only_where_it_can_be_true(here: Database) -> None:
    """A hint of nobody, of another entity type, or copied from another ticket mints, and the answer says so."""
    with here.write() as conn:
        _, ticket = mint(conn, here, "ticket", "TICK", NOW)
        _, device = mint(conn, here, "device", "DEV", NOW)
        wants = [
            Want(2, "ticket", "1", hint=ticket),
            Want(2, "ticket", "2", hint=ticket),
            Want(2, "ticket", "3", hint=device),
            Want(2, "ticket", "4", hint="TICK-2020-000009"),
        ]
        answers = resolve_or_mint(conn, here, wants, PREFIXES, NOW)
    told = [answers[want] for want in wants]
    assert [(r.hint, r.minted) for r in told if isinstance(r, Resolved)] == [
        (Hint.LINKED, False),
        (Hint.COPIED, True),
        (Hint.UNKNOWN, True),
        (Hint.UNKNOWN, True),
    ]


def test_a_hint_never_moves_a_known_id(here: Database) -> None:
    """The crosswalk never moves: an id that has a home keeps it, whatever the far side says later."""
    before = one(here, Want(2, "ticket", "9"))
    with here.write() as conn:
        _, other = mint(conn, here, "ticket", "TICK", NOW)
    after = one(here, Want(2, "ticket", "9", hint=other))
    assert (after.entity_id, after.hint) == (before.entity_id, Hint.KNOWN)


def test_link_after_a_push_that_was_faster(here: Database) -> None:
    """If the new ticket's push came before our answer, link joins both master IDs and both go on answering."""
    with here.write() as conn:
        ours, gid = mint(conn, here, "ticket", "TICK", NOW)
    theirs = one(here, Want(2, "ticket", "15"), NOW + 1)
    with here.write() as conn:
        linked = link(conn, here, 2, "ticket", "15", ours, NOW + 2, Origin.ACT)
        again = link(conn, here, 2, "ticket", "15", ours, NOW + 3, Origin.ACT)
    assert (linked.entity_id, linked.gid) == (ours, gid)
    assert linked.change is not None
    assert again.change is None
    with here.read() as conn:
        assert {one.gid for one in current(conn, [gid, theirs.gid]).values()} == {gid}
        assert current(conn, [theirs.gid])[theirs.gid].moved
        assert members(conn, [ours]) == {ours: [ours, theirs.entity_id]}
        assert external_ids(conn, [ours, theirs.entity_id], 2) == {ours: "15", theirs.entity_id: "15"}
    assert one(here, Want(2, "ticket", "15")).home_id == theirs.entity_id


def test_link_refuses_what_is_not_there(here: Database) -> None:
    """A link to an entity of another type or to none is refused, and a placeholder is no id."""
    with here.write() as conn:
        device, _ = mint(conn, here, "device", "DEV", NOW)
        for entity_id in (device, 99):
            with pytest.raises(NotFoundError):
                link(conn, here, 2, "ticket", "15", entity_id, NOW)
        with pytest.raises(PlaceholderError):
            link(conn, here, 2, "device", "N/A", device, NOW)


def test_resolve_only_looks(here: Database) -> None:
    """Reading mints nothing; an unknown id is an answer."""
    known = one(here, Want(1, "device", "5"))
    with here.read() as conn:
        answers = resolve(conn, [Want(1, "device", "5"), Want(1, "device", "6")])
    assert answers[Want(1, "device", "5")] == Resolved(
        known.entity_id, known.gid, known.home_id, known.crosswalk_id, False, None, None, None, known.gid
    )
    assert isinstance(answers[Want(1, "device", "6")], NotFoundError)


def test_a_source_may_use_its_id_again(here: Database) -> None:
    """After the id was closed its next sight mints; the old master ID answers for ever."""
    old = one(here, Want(1, "device", "5"))
    with here.write() as conn:
        assert close(conn, old.crosswalk_id, NOW + 1)
        assert not close(conn, old.crosswalk_id, NOW + 2)
    new = one(here, Want(1, "device", "5"), NOW + 3)
    assert (new.minted, new.gid != old.gid) == (True, True)
    with here.read() as conn:
        assert not current(conn, [old.gid])[old.gid].moved


def test_last_seen_moves_by_days(here: Database) -> None:
    """``last_seen`` is right to the day and is not written at every sight."""
    want = Want(1, "device", "5")
    day = 86_400_000_000
    for now, expected in ((NOW, NOW), (NOW + day, NOW), (NOW + 2 * day, NOW + 2 * day)):
        one(here, want, now)
        with here.read() as conn:
            assert conn.execute(select(crosswalk.c.last_seen)).scalar_one() == expected


def test_what_was_rolled_back_was_never_issued(here: Database) -> None:
    """A roll-back leaves no entity and no crosswalk; on SQLite not even a gap."""
    with here.write() as conn:
        resolve_or_mint(conn, here, [Want(1, "device", "5")], PREFIXES, NOW)
        conn.rollback()
    answer = one(here, Want(1, "device", "5"))
    assert answer.gid == ("DEV-2026-000001" if here.dialect == "sqlite" else "DEV-2026-000002")


def test_a_merged_id_resolves_to_the_survivor_in_one_hop(here: Database) -> None:
    """Resolving gives the survivor, and the home where the values of that id are kept."""
    first, second = one(here, Want(1, "device", "5")), one(here, Want(2, "device", "srv-5"), NOW + 1)
    with here.write() as conn:
        merge(conn, here, second.entity_id, first.entity_id, made_by="ann", now=NOW + 2)
    answer = one(here, Want(2, "device", "srv-5"))
    assert (answer.entity_id, answer.gid, answer.home_id) == (first.entity_id, first.gid, second.entity_id)


def test_look_ups_use_the_index(sqlite_db: Database) -> None:
    """Each key of a batch is found by the unique index; a scan of the crosswalk would be 2,000 ids a second."""
    with sqlite_db.read() as conn:
        plan = conn.execute(text("EXPLAIN QUERY PLAN " + str(_FIND["sqlite"])), {"keys": "[]"}).all()
    steps = " / ".join(row[3] for row in plan)
    assert "SEARCH x USING INDEX uq_crosswalk_open (connector_id=? AND etype=? AND external_norm=?)" in steps
    assert "SCAN x" not in steps
