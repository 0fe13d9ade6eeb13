"""Where one value came from, down to the delivery, and whether a computed one can be computed again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from core.clock import FixedClock, to_rfc3339
from core.database import Database
from core.errors import NotFoundError
from core.tables import entity, observation
from lineage.provenance import of_observation, value
from tests.lineage.landscape import build, observe


def ask(db: Database, gid: str, field: str) -> dict[str, Any]:
    with db.read() as conn:
        return value(conn, gid, field)


def test_a_value_names_source_path_time_version_and_delivery(db: Database, clock: FixedClock) -> None:
    """Everything a steward needs to go and look."""
    build(db)

    (told,) = ask(db, "ALRT-2026-000001", "severity")["values"]

    assert told["source"] == {
        "connector": "zabbix-east",
        "kind": "zabbix",
        "stream": "problems",
        "external_id": "x1",
        "path": "$.severity",
        "raw": "4",
    }
    assert (told["value"], told["state"], told["observation_id"]) == (4, "present", "obs_1")
    assert told["definition"] == {"kind": "mapping", "name": "zabbix-problems", "version": 1}
    assert (told["receipt"], told["event_id"]) == ("rcp_1", "evt_1")
    assert (told["observed_at"], told["source_at"]) == (to_rfc3339(clock.now()), to_rfc3339(clock.now() - 1000))


def test_a_computed_value_names_its_operands_and_is_computed_again(db: Database) -> None:
    """Formula text, each operand with its own observation, and the check that the stored value comes out."""
    build(db)

    (told,) = ask(db, "ALRT-2026-000001", "alert.priority")["values"]

    assert told["formula"]["text"] == 'alert.severity >= 4 ? "P1" : "P2"'
    assert told["formula"]["recomputed"] == {"value": "P1", "agrees": True, "why": None}
    assert told["formula"]["operands"]["alert.severity"]["receipt"] == "rcp_1"
    assert told["formula"]["operands"]["alert.severity"]["source"]["raw"] == "4"


def test_a_value_that_its_operands_do_not_give_is_found(db: Database) -> None:
    """Whoever changes a row behind our back is seen."""
    build(db)
    with db.write() as conn:
        conn.execute(update(observation).where(observation.c.id == "obs_2").values(value="P9"))

    (told,) = ask(db, "ALRT-2026-000001", "priority")["values"]

    assert (told["formula"]["recomputed"]["agrees"], told["formula"]["recomputed"]["value"]) == (False, "P1")


@pytest.mark.parametrize(
    ("state", "operand", "agrees"), [("null", "null", True), ("present", "null", False), ("invalid", "null", False)]
)
def test_a_formula_without_a_value_agrees_with_null_only(db: Database, state: str, operand: str, agrees: bool) -> None:
    """An operand without a value gives no value."""
    ids = build(db)
    observe(db, "obs_8", 2, "severity", None, source=1, version=None, state=operand)
    given = {"alert.severity": "obs_8"}
    observe(db, "obs_9", 2, "priority", None, source=0, version=ids["alert-priority"], inputs=given, state=state)

    with db.read() as conn:
        told = of_observation(conn, "obs_9")

    assert told["formula"]["recomputed"]["agrees"] is agrees
    assert told["formula"]["recomputed"]["why"] == "alert.severity has no value (null)."


def test_every_member_of_a_merge_speaks_and_either_id_answers(db: Database) -> None:
    """The newest of each source comes first, whichever master ID is asked."""
    build(db)

    answer = ask(db, "ALRT-2026-000002", "title")

    assert (answer["current_id"], answer["moved"]) == ("ALRT-2026-000001", True)
    assert [(one["value"], one["source"]["connector"]) for one in answer["values"]] == [
        ("Fan 2", "roundup-desk"),
        ("Fan", "zabbix-east"),
    ]
    assert ask(db, "ALRT-2026-000001", "title")["values"] == answer["values"]


def test_a_withdrawn_merge_parts_the_values_again(db: Database) -> None:
    """Values never move: each of the two has its own again."""
    build(db)
    with db.write() as conn:
        conn.execute(update(entity).where(entity.c.id == 2).values(survivor_id=2))

    assert [one["value"] for one in ask(db, "ALRT-2026-000001", "title")["values"]] == ["Fan"]
    assert [one["value"] for one in ask(db, "ALRT-2026-000002", "title")["values"]] == ["Fan 2"]


def test_a_field_nobody_filled_says_what_could_fill_it(db: Database) -> None:
    """No value is an answer, with the definitions that write the field."""
    build(db)

    answer = ask(db, "ALRT-2026-000001", "score")
    title = ask(db, "ALRT-2026-000001", "title")

    assert (answer["values"], answer["could_come_from"]) == ([], [])
    assert [one["src"] for one in title["could_come_from"]] == ["source:zabbix/problems/$.name"]


def test_unknown_ids_and_fields_are_named(db: Database) -> None:
    """With the near name where there is one."""
    build(db)

    with pytest.raises(NotFoundError, match="never given"):
        ask(db, "ALRT-2026-999999", "title")
    with pytest.raises(NotFoundError, match="Did you mean 'title'"):
        ask(db, "ALRT-2026-000001", "tilte")
    with db.read() as conn, pytest.raises(NotFoundError):
        of_observation(conn, "obs_none")
