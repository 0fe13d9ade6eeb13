"""Rows by key and by time, questions and writes: nothing is lost, nothing is written by a question, nothing hangs."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sql.connector import Sql
from connectors.sql.kind import SqlSettings
from connectors.sql.problems import ReadOnlyError, StatementError
from core.errors import InputError, NotFoundError, RefusedError, SetupError, TielineError, TransientError
from core.words import Delivery, Json, Record
from tests.conftest import POSTGRES
from tests.connectors.sql.warehouse import Warehouse

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000000) SELECT MAX(i) AS most FROM n"


class Shelf:
    """A SQLite file with parts, and a connector on it."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.file = folder / "shelf.db"
        self.run("CREATE TABLE parts (id INTEGER PRIMARY KEY, code TEXT, quantity NUMERIC, changed_at TEXT, at INTEGER)")
        given = {"url": f"sqlite:///{self.file}", "rows": "SELECT * FROM parts", "timeout_s": 1, **more}
        self.connector = Sql("shelf", SqlSettings.model_validate(given))

    def run(self, statement: str, *given: Any) -> list[Any]:
        connection = sqlite3.connect(self.file)
        try:
            with connection:
                return connection.execute(statement, given).fetchall()
        finally:
            connection.close()

    def put(self, number: int, at: int) -> None:
        self.run("INSERT OR REPLACE INTO parts VALUES (?, ?, 3, '2026-11-20 08:00:00', ?)", number, f"P-{number}", at)

    def read(self, cursor: Json, limit: int = 500) -> tuple[list[Record], Json]:
        """Read all pages; return what came and the cursor."""
        found: list[Record] = []
        while True:
            page = self.connector.poll("rows", cursor, limit)
            found += Sql.parse(Delivery("rcp_1", "shelf", page.body, {}, 0), None)
            assert page.count <= limit
            cursor = page.cursor
            if not page.more:
                return found, cursor


def ids(records: list[Record]) -> list[str]:
    return [one.external_id for one in records]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_rows_of_one_moment_are_all_read(tmp_path: Path, limit: int) -> None:
    """However small the pages, rows that carry the same time are read once each; a change comes again, alone."""
    shelf = Shelf(tmp_path, changed="at")
    for number in range(1, 8):
        shelf.put(number, 1000 if number < 6 else 1001)
    found, cursor = shelf.read(None, limit)
    assert sorted(ids(found)) == [str(number) for number in range(1, 8)]
    shelf.put(8, 1001)
    shelf.run("UPDATE parts SET quantity = 9 WHERE id = 7")
    again, cursor = shelf.read(cursor, limit)
    assert sorted(ids(again)) == ["7", "8"]
    assert shelf.read(cursor, limit)[0] == []


def test_who_commits_late_is_found_within_the_overlap() -> None:
    """A row whose time lies before the newest one seen is read when it appears, and nothing else comes twice."""
    with Warehouse(POSTGRES) as house:
        made = Sql("house", SqlSettings.model_validate(house.settings(rows="SELECT * FROM parts", overlap_s=3600)))
        first = made.poll("rows", None)
        house.run("INSERT INTO parts VALUES (3, 'LATE', 'Late', 1, timestamptz '2026-11-21 07:30:00' AT TIME ZONE 'UTC')")
        second = made.poll("rows", first.cursor)
        (late,) = Sql.parse(Delivery("rcp_1", "house", second.body, {}, 0), None)

        assert (first.count, late.data["row"]["code"]) == (2, "LATE")
        assert made.poll("rows", second.cursor).count == 0


def test_new_rows_by_a_growing_key(tmp_path: Path) -> None:
    """Without a time of change only new rows are seen; each once."""
    shelf = Shelf(tmp_path)
    for number in (1, 2, 5):
        shelf.put(number, 0)
    found, cursor = shelf.read(None, 2)
    shelf.put(6, 0)
    assert (ids(found), ids(shelf.read(cursor)[0])) == (["1", "2", "5"], ["6"])


def test_a_row_without_its_key_is_a_fault_of_the_question(tmp_path: Path) -> None:
    """A column that is not there is named with those that are."""
    shelf = Shelf(tmp_path, rows="SELECT code, quantity FROM parts", changed="quantity", key="code")
    shelf.run("INSERT INTO parts VALUES (1, NULL, 3, '', 0)")
    with pytest.raises(SetupError, match="A row has no code"):
        shelf.connector.poll("rows", None)


def test_a_question_never_writes(tmp_path: Path) -> None:
    """A question that hides a write is refused by the database's own read-only mode."""
    with pytest.raises(ValidationError, match="SELECT or WITH"):
        Shelf(tmp_path, questions={"bad": "DELETE FROM parts"})
    with pytest.raises(ValidationError, match="one statement"):
        SqlSettings(url="sqlite://", questions={"bad": "SELECT 1; DELETE FROM parts"})
    with Warehouse(POSTGRES) as house:
        hidden = "WITH gone AS (INSERT INTO bookings VALUES ('x', 'y', 1) RETURNING *) SELECT * FROM gone"
        made = Sql("house", SqlSettings.model_validate(house.settings(questions={"hidden": hidden})))
        with pytest.raises(ReadOnlyError):
            made.lookup("question", {"name": "hidden"}, timeout_s=5)
        assert not house.run("SELECT * FROM bookings")


def test_a_parameter_is_never_a_part_of_the_question(tmp_path: Path) -> None:
    """Whatever a value holds, it is compared and not run."""
    shelf = Shelf(tmp_path, questions={"stock": "SELECT quantity FROM parts WHERE code = :code"})
    shelf.put(1, 0)
    found = shelf.connector.lookup("question", {"name": "stock", "parameters": {"code": "P-1"}}, timeout_s=1)
    assert (found.values["first"], found.values["count"]) == ({"quantity": 3}, 1)
    sly = {"name": "stock", "parameters": {"code": "P-1' OR '1'='1"}}
    assert shelf.connector.lookup("question", sly, timeout_s=1).absent


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"name": "stck"}, NotFoundError),
        ({"name": "stock"}, InputError),
        ({"name": "stock", "parameters": {"code": ["P-1"]}}, InputError),
        ({"name": "broken"}, StatementError),
    ],
)
def test_a_wrong_question_is_named(tmp_path: Path, inputs: dict[str, Any], error: type[TielineError]) -> None:
    """An unknown name, a missing or unbindable parameter, a table that is not there: each is said."""
    questions = {"stock": "SELECT quantity FROM parts WHERE code = :code", "broken": "SELECT * FROM partz"}
    with pytest.raises(error):
        Shelf(tmp_path, questions=questions).connector.lookup("question", inputs, timeout_s=1)


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_a_slow_question_ends_in_time(tmp_path: Path, server: str) -> None:
    """The database is told to stop, and the caller is told that it was slow."""
    began = time.monotonic()
    if server == "sqlite":
        made = Shelf(tmp_path, questions={"slow": SLOW}).connector
        with pytest.raises(TransientError):
            made.lookup("question", {"name": "slow"}, timeout_s=0.3)
    else:
        with Warehouse(POSTGRES) as house:
            made = Sql("h", SqlSettings.model_validate(house.settings(questions={"slow": "SELECT pg_sleep(9)"})))
            with pytest.raises(TransientError):
                made.lookup("question", {"name": "slow"}, timeout_s=0.3)
    assert time.monotonic() - began < 3


def test_a_write_with_our_key_is_done_once_and_read_back() -> None:
    """A statement that names :tieline_key can refuse a second effect; without rights it is refused in the database's words."""
    with Warehouse(POSTGRES) as house:
        settings = house.settings()
        settings["writes"]["steal"] = "UPDATE parts SET quantity = 0 WHERE code = :code"
        made = Sql("house", SqlSettings.model_validate(settings))
        arguments = {"name": "book", "parameters": {"code": "SEAL-80", "quantity": 2}}
        first, second = (made.act("write", arguments, key="rule/evt/book") for _ in range(2))

        assert (first.repeated, second.repeated) == (False, True)
        assert made.verify("write", arguments, first).seen["code"] == "SEAL-80"
        assert [one.quantity for one in house.run("SELECT quantity FROM bookings")] == [2]
        house.run("DELETE FROM bookings")
        assert not made.verify("write", arguments, first).held
        with pytest.raises(SetupError, match="permission denied"):
            made.act("write", {"name": "steal", "parameters": {"code": "SEAL-80"}}, key="k")
        with pytest.raises(RefusedError, match="not-null"):
            made.act("write", {"name": "book", "parameters": {"code": None, "quantity": 2}}, key="k2")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+psycopg://reader:geheim@db/erp", "leave the password out"),
        ("db.example.com/erp", "is not a database URL"),
        ("sqlite:///x.db", None),
    ],
)
def test_a_password_has_no_place_in_a_url(url: str, says: str | None) -> None:
    """It would be shown wherever the URL is; and what is no URL is said at once, without showing it."""
    if says is None:
        assert SqlSettings(url=url).url == url
        return
    with pytest.raises(ValidationError, match=says) as caught:
        SqlSettings(url=url)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [("nosuch+driver://db/erp", "no driver"), ("sqlite:////nowhere/at/all.db", "There is no file")],
)
def test_what_cannot_be_opened_is_a_fault_of_the_settings(url: str, says: str) -> None:
    """A missing driver or file is said by check, with the fix, and nothing is made."""
    report = Sql("x", SqlSettings(url=url)).check()
    assert not report.ok
    assert says in report.steps[0].detail
