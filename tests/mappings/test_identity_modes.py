"""ADD, LINK, UPDATE and time: what must be there before is said, anything else is an error that leaves nothing behind."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core.database import Database
from core.errors import InputError, NotFoundError, TielineError
from core.repairs import open_keys
from core.tables import connector, crosswalk, entity
from mappings.identity import (
    CrosswalkStateError,
    Entry,
    Mode,
    PlaceholderError,
    Resolved,
    Want,
    close,
    current,
    entered,
    link,
    merge,
    mint,
    resolve,
    resolve_or_mint,
    unmerge,
    write,
)
from mappings.identity.check_digits import spoken
from mappings.identity.history import read
from mappings.identity.reviews import assign

NOW = 1_767_225_600_000_000
PREFIXES = {"asset": "AST"}


@pytest.fixture
def here(db: Database) -> Database:
    with db.write() as conn:
        for number, name in enumerate(("crm", "erp"), start=1):
            row = {
                "id": number,
                "name": name,
                "kind": "memory",
                "settings": {},
                "state": "ok",
                "created_at": 1,
                "updated_at": 1,
            }
            conn.execute(connector.insert().values(row))
    return db


def put(db: Database, mode: Mode, *entries: Entry, now: int = NOW) -> list[Resolved | TielineError]:
    with db.write() as conn:
        return write(conn, db, mode, entries, PREFIXES, now)


def good(answer: Resolved | TielineError) -> Resolved:
    assert isinstance(answer, Resolved), answer
    return answer


def counts(db: Database) -> tuple[int, int]:
    with db.read() as conn:
        tables = (entity, crosswalk)
        return tuple(conn.execute(select(func.count()).select_from(one)).scalar_one() for one in tables)  # type: ignore[return-value]


def test_add_is_for_what_is_new(here: Database) -> None:
    """ADD mints once; the same id again, twice in one call, or with a master ID is refused and mints nothing."""
    first = good(put(here, Mode.ADD, Entry(1, "asset", "T-1"))[0])
    assert (first.minted, first.moved, first.home_gid) == (True, False, first.gid)

    again, twice, once, told = put(
        here,
        Mode.ADD,
        Entry(1, "asset", " T-1 "),
        Entry(1, "asset", "T-2"),
        Entry(1, "asset", "T-2"),
        Entry(1, "asset", "T-3", gid=first.gid),
    )
    assert isinstance(again, CrosswalkStateError)
    assert again.facts["master_id"] == first.gid
    assert good(twice).minted
    assert isinstance(once, CrosswalkStateError)
    assert isinstance(told, InputError)
    assert counts(here) == (2, 2)


def test_link_is_for_a_new_id_of_a_known_thing(here: Database) -> None:
    """LINK needs an id that is new and a master ID of that type; whatever else is refused, and the rest of the call goes on."""
    home = good(put(here, Mode.ADD, Entry(1, "asset", "T-1"))[0])
    linked, stranger, nobody, known = put(
        here,
        Mode.LINK,
        Entry(2, "asset", "9-1", gid=home.gid),
        Entry(2, "asset", "9-2", gid="AST-2020-000009"),
        Entry(2, "asset", "9-3"),
        Entry(1, "asset", "T-1", gid=home.gid),
    )
    assert (good(linked).gid, good(linked).minted) == (home.gid, False)
    assert isinstance(stranger, NotFoundError)
    assert isinstance(nobody, InputError)
    assert isinstance(known, CrosswalkStateError)
    assert counts(here) == (1, 2)


def test_update_takes_the_place_of_an_id(here: Database) -> None:
    """UPDATE closes the old id and opens the new one at the same home, by the old id or by the one id of a master ID."""
    home = good(put(here, Mode.ADD, Entry(1, "asset", "T-1"))[0])
    renamed = good(put(here, Mode.UPDATE, Entry(1, "asset", "T-100", replaces="T-1"), now=NOW + 1)[0])
    again = good(put(here, Mode.UPDATE, Entry(1, "asset", "T-200", gid=home.gid), now=NOW + 2)[0])
    assert {renamed.gid, again.gid} == {home.gid}
    refused = put(
        here,
        Mode.UPDATE,
        Entry(1, "asset", "T-300", replaces="T-1"),
        Entry(2, "asset", "9-1", gid=home.gid),
        Entry(1, "asset", "T-400"),
        Entry(1, "asset", "0", replaces="T-200"),
    )
    assert [type(one) for one in refused] == [CrosswalkStateError, CrosswalkStateError, InputError, PlaceholderError]
    with here.read() as conn:
        open_ones = select(crosswalk.c.external_raw).where(crosswalk.c.valid_to.is_(None))
        assert conn.execute(open_ones).scalars().all() == ["T-200"]
        assert good(resolve(conn, [Want(1, "asset", "T-1")], NOW)[Want(1, "asset", "T-1")]).gid == home.gid


def test_a_reused_tag_is_looked_up_as_of_a_time(here: Database) -> None:
    """A re-used asset tag gets a new row; each time names the thing that carried it then, and before the first nobody."""
    old = good(put(here, Mode.ADD, Entry(1, "asset", "TAG-7"))[0])
    with here.write() as conn:
        close(conn, old.crosswalk_id, NOW + 10)
    new = good(put(here, Mode.RESOLVE_OR_MINT, Entry(1, "asset", "TAG-7"), now=NOW + 20)[0])
    want = Want(1, "asset", "TAG-7")
    with here.read() as conn:
        told = {at: resolve(conn, [want], NOW + at)[want] for at in (-1, 0, 9, 10, 19, 20, 99)}
        today = resolve(conn, [want])[want]
    assert {at: one.gid if isinstance(one, Resolved) else None for at, one in told.items()} == {
        -1: None, 0: old.gid, 9: old.gid, 10: None, 19: None, 20: new.gid, 99: new.gid,
    }  # fmt: skip
    assert good(today).gid == new.gid != old.gid


def test_a_thousand_in_one_call(here: Database) -> None:
    """A full call of each mode is answered in order."""
    added = put(here, Mode.ADD, *(Entry(1, "asset", f"N-{n}") for n in range(1000)))
    linked = put(here, Mode.LINK, *(Entry(2, "asset", f"M-{n}", gid=good(one).gid) for n, one in enumerate(added)))
    assert [good(one).gid for one in linked] == [good(one).gid for one in added]
    assert counts(here) == (1000, 2000)


@pytest.mark.parametrize(
    "text", ["AST-2026-000001", " ast-2026-000001 ", "ＡＳＴ－２０２６－０００００１", spoken("AST-2026-000001").lower()]
)
def test_a_master_id_may_be_entered_as_people_write_it(text: str) -> None:
    """Case, width, spaces and the check character are accepted on entry."""
    assert entered(text) == "AST-2026-000001"


def test_a_wrong_check_character_is_refused() -> None:
    """A check character is checked where it is given."""
    right = spoken("AST-2026-000001")[-1]
    with pytest.raises(InputError, match="check character"):
        entered(f"AST-2026-000001-{'A' if right != 'A' else 'B'}")


def test_merges_are_a_stream(here: Database) -> None:
    """Each merge and unmerge that moves anybody is one entry, old and new, readable from any place."""
    with here.write() as conn:
        a, b, c = (mint(conn, here, "asset", "AST", NOW + n) for n in range(3))
        first = merge(conn, here, a[0], b[0], made_by="ann", now=NOW)
        merge(conn, here, b[0], c[0], made_by="ann", now=NOW + 1)
        merge(conn, here, a[0], c[0], made_by="ann", now=NOW + 2)  # moves nobody
        unmerge(conn, here, first.edge_id, ended_by="bob", now=NOW + 3)  # nor does this: a-c-b
        stream = read(conn)
        assert [(one.type, one.etype, one.moved) for one in stream] == [
            ("identity.merged", "asset", [{"master_id": b[1], "before": b[1], "after": a[1]}]),
            ("identity.merged", "asset", [{"master_id": c[1], "before": c[1], "after": a[1]}]),
        ]
        assert read(conn, stream[0].id) == stream[1:]
        assert read(conn, etype="device") == []
        assert current(conn, [b[1]])[b[1]].gid == a[1]


def test_keys_of_a_merged_time_are_asked_about(here: Database) -> None:
    """What was linked while two were one stays after the unmerge and is asked about; the answer holds since the first sight."""
    one, two = (good(put(here, Mode.ADD, Entry(1, "asset", name))[0]) for name in ("A", "B"))
    with here.write() as conn:
        edge = merge(conn, here, one.entity_id, two.entity_id, made_by="ann", now=NOW + 1).edge_id
    put(here, Mode.LINK, Entry(2, "asset", "before", gid=one.gid), now=NOW)
    new = good(put(here, Mode.LINK, Entry(2, "asset", "meanwhile", gid=one.gid), now=NOW + 5)[0])
    with here.write() as conn:
        resolve_or_mint(conn, here, [Want(2, "asset", "own-thing")], PREFIXES, NOW + 6)
        done = unmerge(conn, here, edge, ended_by="ann", now=NOW + 9)
        assert done.asked == 1
        assert open_keys(conn, "key-of-whom:") == {f"key-of-whom:{new.crosswalk_id}"}
    want = Want(2, "asset", "meanwhile")
    with here.write() as conn:
        assign(conn, here, new.crosswalk_id, two.entity_id, now=NOW + 12)
        assert open_keys(conn, "key-of-whom:") == set()
        assert good(resolve(conn, [want])[want]).gid == two.gid
        assert good(resolve(conn, [want], NOW + 6)[want]).gid == two.gid
        with pytest.raises(NotFoundError):
            assign(conn, here, new.crosswalk_id, one.entity_id, now=NOW + 13)


def test_whoever_is_linked_by_an_edge_of_link_is_in_the_stream(here: Database) -> None:
    """A merge that `link` needed is told like any other."""
    one, two = (good(put(here, Mode.ADD, Entry(1, "asset", name))[0]) for name in ("A", "B"))
    with here.write() as conn:
        link(conn, here, 1, "asset", "B", one.entity_id, NOW)
        assert [each["master_id"] for each in read(conn)[0].moved] == [two.gid]
