from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert, select, update

from core.database import Database
from core.tables import connector, entity, observation, value
from core.words import FieldState, Json
from mappings.translate import Translated
from mappings.values import OWN, Current, Differences, Stamp, current_values, differences, elect, explain, own_value, seen
from tests.mappings.definitions import world

CATALOGUE = world()
EAST, WEST = 1, 2
NAMES = {EAST: "east", WEST: "west", OWN: "tieline"}


def said(value: Json, state: FieldState = FieldState.PRESENT) -> Translated:
    return Translated(state, value, value, "$.x")


NULL = said(None, FieldState.NULL)
INVALID = Translated(FieldState.INVALID, None, "??", "$.x")


def stamp(source: int, at: int, home: int = 7) -> Stamp:
    return Stamp(source, NAMES[source], "alert", home, observed_at=1000 + at, source_at=at)


def tell(known: dict[str, Current], source: int, at: int, home: int = 7, **fields: Translated) -> Differences:
    return differences(known, fields, stamp(source, at, home), CATALOGUE)


def test_what_is_new_is_stored_and_what_is_the_same_is_not() -> None:
    """The first word is a change; the same word again stores nothing, at any time."""
    first = tell({}, EAST, 1, severity=said(4), priority=NULL)
    assert first.changes == {"severity": [None, 4]}
    assert [row["field"] for row in first.observations] == ["severity", "priority"]
    again = tell(first.after, EAST, 2, severity=said(4), priority=NULL)
    assert (again.changes, again.observations, again.values) == ({}, [], [])
    assert again.after == first.after


def test_rows_say_everything_that_provenance_needs() -> None:
    """An observation carries raw, path, times, mapping version, event and delivery; the value row points to it."""
    full = Stamp(EAST, "east", "alert", 7, observed_at=9, source_at=5, version_id=3, event_id="evt_1", delivery_id=8)
    found = differences({}, {"severity": Translated(FieldState.PRESENT, 4, "4", "$.severity")}, full, CATALOGUE)
    (row,), (kept,) = found.observations, found.values
    assert row.pop("id") == kept.pop("observation_id") == found.after["severity"].observation_id
    assert row == {
        "entity_id": 7, "field": "severity", "connector_id": EAST, "state": "present", "value": 4, "raw": "4",
        "path": "$.severity",
        "source_at": 5, "observed_at": 9, "version_id": 3, "event_id": "evt_1", "delivery_id": 8, "inputs": None,
    }  # fmt: skip
    assert kept == {
        "entity_id": 7, "field": "severity", "connector_id": EAST, "state": "present", "value": 4,
        "source_at": 5, "observed_at": 9,
    }  # fmt: skip


def test_the_newest_source_time_wins_where_no_order_is_given() -> None:
    """An older word from another source is stored, and does not win."""
    known = tell({}, EAST, 5, severity=said(4)).after
    older = tell(known, WEST, 3, severity=said(2))
    assert older.changes == {}
    assert len(older.observations) == 1
    newer = tell(older.after, WEST, 6, severity=said(3))
    assert newer.changes == {"severity": [4, 3]}
    assert [one.value for one in newer.after["severity"].losers] == [4]


def test_a_source_that_says_the_same_again_wins_back_by_its_newer_time() -> None:
    """A repeated word is stored exactly when its newer time changes who wins."""
    known = tell(tell({}, EAST, 1, severity=said(4)).after, WEST, 2, severity=said(2)).after
    back = tell(known, EAST, 3, severity=said(4))
    assert back.changes == {"severity": [2, 4]}
    assert len(back.observations) == 1


def test_the_order_of_sources_beats_time() -> None:
    """Title trusts east before west; a newer west does not win, a first east does."""
    west = tell({}, WEST, 9, title=said("w"))
    east = tell(west.after, EAST, 1, title=said("e"))
    assert east.changes == {"title": ["w", "e"]}
    assert tell(east.after, WEST, 10, title=said("w2")).changes == {}


def test_a_source_that_knows_nothing_erases_nothing() -> None:
    """Another source's null or invalid value never beats a present one; a source's own null does replace its value."""
    known = tell({}, EAST, 1, severity=said(4)).after
    assert tell(known, WEST, 2, severity=NULL).changes == {}
    assert tell(known, WEST, 2, severity=INVALID).changes == {}
    trusted = tell(tell({}, WEST, 1, title=said("w")).after, EAST, 2, title=NULL)
    assert trusted.changes == {}, "not even the source that is trusted most"
    cleared = tell(known, EAST, 2, severity=NULL)
    assert cleared.changes == {"severity": [4, None]}
    assert cleared.after["severity"].state is FieldState.NULL


def test_a_quarantined_value_is_kept_and_never_seen() -> None:
    """An invalid observation holds the raw text for a steward; readers see no value."""
    found = tell({}, EAST, 1, severity=INVALID)
    assert found.changes == {}
    assert (found.observations[0]["state"], found.observations[0]["raw"], found.observations[0]["value"]) == (
        "invalid",
        "??",
        None,
    )
    assert seen(found.after["severity"]) is None


def test_what_tieline_sets_itself_has_no_connector() -> None:
    """A bridge's value is an observation without a connector and a value row of connector 0."""
    found = tell({}, OWN, 1, device=own_value("DEV-2026-000001", "bridge:x"))
    assert found.observations[0]["connector_id"] is None
    assert found.values[0]["connector_id"] == OWN


def test_why_lists_the_losers() -> None:
    """The page that asks why gets every claim, the winner first."""
    known = tell(tell({}, WEST, 9, title=said("w")).after, EAST, 1, title=said("e")).after
    assert [(one["value"], one["rank"], one["wins"]) for one in explain(known["title"])] == [("e", 0, True), ("w", 1, False)]


claims = st.lists(
    st.tuples(
        st.sampled_from((EAST, WEST)),
        st.sampled_from((7, 8)),
        st.integers(1, 4),
        st.sampled_from((said("a"), said("b"), NULL, INVALID)),
    ),
    max_size=8,
)


@given(claims)
def test_the_winner_is_a_pure_function_of_the_claims(history: list[tuple[int, int, int, Translated]]) -> None:
    """After any history the winner is what an election among the latest rows gives, and changes add up to it."""
    known: dict[str, Current] = {}
    shown: Json = None
    rows: dict[tuple[int, int], Current] = {}
    for source, home, at, word in history:
        found = tell(known, source, at, home, title=word)
        if found.changes:
            assert found.changes["title"][0] == shown
            shown = found.changes["title"][1]
        known = found.after
        for row in found.values:
            rows[row["entity_id"], row["connector_id"]] = Current(
                row["value"], FieldState(row["state"]), row["observation_id"], row["connector_id"],
                row["source_at"], row["observed_at"], row["entity_id"], CATALOGUE.rank("alert", "title", NAMES[source]),
            )  # fmt: skip
    if rows:
        assert seen(known["title"]) == seen(elect(rows.values())) == shown
        assert elect(reversed(list(rows.values()))) == elect(rows.values())


def fill(conn: Connection, rows: Sequence[tuple[int, int, str, Json, int]]) -> None:
    """Write claims (entity, connector, field, value, time) as the handler does."""
    now: dict[str, Any] = {"created_at": 1, "updated_at": 1, "settings": {}, "state": "ok", "kind": "memory"}
    conn.execute(insert(connector), [{"id": EAST, "name": "east", **now}, {"id": WEST, "name": "west", **now}])
    ids = sorted({row[0] for row in rows})
    conn.execute(
        insert(entity), [{"id": one, "gid": f"ALRT-{one}", "etype": "alert", "minted_at": 1, "survivor_id": one} for one in ids]
    )
    for home, source, name, word, at in rows:
        found = differences({}, {name: said(word)}, stamp(source, at, home), CATALOGUE)
        conn.execute(insert(observation), found.observations)
        conn.execute(insert(value), found.values)


def test_values_are_read_over_the_whole_component(db: Database) -> None:
    """A merge moves no value: the survivor answers with the best claim of every member, and unmerging takes it back."""
    with db.write() as conn:
        fill(
            conn,
            [(1, EAST, "severity", 4, 1), (2, EAST, "severity", 5, 2), (2, WEST, "title", "b", 2), (3, EAST, "severity", 1, 1)],
        )
        apart = current_values(conn, [1, 2, 3], CATALOGUE)
        conn.execute(update(entity).where(entity.c.id == 2).values(survivor_id=1))
        merged = current_values(conn, [1, 3, 99], CATALOGUE)
        conn.execute(update(entity).where(entity.c.id == 2).values(survivor_id=2))
        assert current_values(conn, [1, 2, 3], CATALOGUE) == apart
    assert seen(apart[1]["severity"]) == 4
    assert {name: seen(one) for name, one in merged[1].items()} == {"severity": 5, "title": "b"}
    assert [one.entity_id for one in merged[1]["severity"].losers] == [1]
    assert merged[99] == {}


@pytest.mark.parametrize("count", [1, 1200])
def test_reading_is_batched(sqlite_db: Database, count: int) -> None:
    """The number of queries grows with blocks of 500, not with entities."""
    with sqlite_db.write() as conn:
        conn.execute(
            insert(entity),
            [{"id": n, "gid": f"ALRT-{n}", "etype": "alert", "minted_at": 1, "survivor_id": n} for n in range(1, count + 1)],
        )
    asked: list[str] = []
    event.listen(sqlite_db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    with sqlite_db.read() as conn:
        found = current_values(conn, range(1, count + 1), CATALOGUE)
    assert len(found) == count
    assert len([one for one in asked if one.startswith("SELECT")]) == (1 if count == 1 else 3)


def test_what_is_written_is_read_back(db: Database) -> None:
    """Every JSON value comes back as it went in, on both engines."""
    words: list[Json] = ["中文", "", 1, 1.0, True, False, [1, {"a": None}], {"键": "值"}]
    with db.write() as conn:
        fill(conn, [(n + 1, EAST, "title", word, 1) for n, word in enumerate(words)])
        read = current_values(conn, range(1, len(words) + 1), CATALOGUE)
        assert conn.execute(select(value.c.state).distinct()).scalars().all() == ["present"]
    for n, word in enumerate(words):
        got = seen(read[n + 1]["title"])
        assert got == word
        assert got.__class__ is word.__class__
