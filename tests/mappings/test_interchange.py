"""Crosswalks as files: what goes out comes back in, every line is checked before any is written, and no cell is a formula."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from core.database import Database
from core.errors import InputError, MalformedError
from core.tables import connector, crosswalk, entity
from mappings.identity import Resolved, Shape, Want, close, current, declare, merge, mint, resolve, resolve_or_mint
from mappings.interchange import Fault, Line, Report, Terms, bring, format_of, open_lines, open_writer, take_out
from mappings.interchange.lines import guarded, unguarded

NOW = 1_767_225_600_000_000
PREFIXES = {"customer": "CUST", "device": "DEV"}


@pytest.fixture
def here(db: Database) -> Database:
    register(db)
    return db


def register(db: Database) -> None:
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


def lines(*rows: str, head: str = "connector,entity,external_id,master_id") -> bytes:
    return "\n".join([head, *rows, ""]).encode()


def read(tmp_path: Path, body: bytes, format_: str = "csv", **more: Any) -> list[Line | Fault]:
    file = tmp_path / f"ids.{format_}"
    file.write_bytes(body)
    return list(open_lines(file, format_, **more))


def take(db: Database, tmp_path: Path, body: bytes, format_: str = "csv", **terms: bool) -> Report:
    return bring(db, read(tmp_path, body, format_), PREFIXES, Terms(**terms))


def counts(db: Database) -> dict[str, int]:
    with db.read() as conn:
        return {one.name: conn.execute(select(func.count()).select_from(one)).scalar_one() for one in (entity, crosswalk)}


def written(rows: Iterable[dict[str, str | None]], format_: str) -> bytes:
    out = io.BytesIO()
    with open_writer(out, format_) as writer:
        for one in rows:
            writer.write(one)
    return out.getvalue()


def test_a_file_is_checked_then_written_and_the_same_again_changes_nothing(here: Database, tmp_path: Path) -> None:
    """New ids are minted or linked, known ones left; the dry run says the same and writes nothing."""
    with here.write() as conn:
        _, gid = mint(conn, here, "customer", "CUST", NOW)
    body = lines("crm,customer,张三,", f"erp,customer,zhangsan,{gid.lower()}", "erp,device,D-1,", "crm,customer,张三,")

    tried = take(here, tmp_path, body, dry_run=True)
    assert (tried.lines, tried.minted, tried.linked, tried.repeated, tried.written) == (4, 2, 1, 1, False)
    assert counts(here) == {"entity": 1, "crosswalk": 0}

    done = take(here, tmp_path, body)
    assert (done.minted, done.linked, done.repeated, done.fault_count, done.written) == (2, 1, 1, 0, True)
    assert counts(here) == {"entity": 3, "crosswalk": 3}
    again = take(here, tmp_path, body)
    assert (again.known, again.minted, again.linked, again.repeated) == (3, 0, 0, 1)
    assert counts(here) == {"entity": 3, "crosswalk": 3}
    with here.read() as conn:
        found = resolve(conn, [Want(2, "customer", "zhangsan")])[Want(2, "customer", "zhangsan")]
    assert isinstance(found, Resolved)
    assert found.gid == gid


FAULTY = [
    ("crm,customer,0,", "placeholder|stands for no id"),
    ("crm,customer,a\x00b,", "control characters"),
    (f"crm,customer,{'x' * 10_240},", "at most 512"),
    ("crm,customr,1,", "Did you mean 'customer'"),
    ("cmr,customer,1,", "Did you mean 'crm'"),
    ("crm,customer,,", "'external_id' is empty"),
    ("crm,customer,1,CUST-2020-000077", "never given out"),
    ("crm,customer,1,hello", "not a master ID"),
    ("crm,customer,1,CUST-2026-000001-B", "check character"),
    ("crm,customer,1,,,,", "has 7 cells"),
    ('crm,customer,"1"x,', "not CSV"),
    ("crm,device,1,CUST-2026-000001", "is a customer, not a device"),
    ("crm,customer,KNOWN,CUST-2026-000002", "belongs to CUST-2026-000001"),
]


@pytest.mark.parametrize(("row", "why"), FAULTY, ids=lambda one: one[:30].replace("\x00", "NUL"))
def test_one_faulty_line_and_nothing_is_written(sqlite_db: Database, tmp_path: Path, row: str, why: str) -> None:
    """A faulty line has its number and reason; the good ones are not written either, unless that is asked for."""
    register(sqlite_db)
    with sqlite_db.write() as conn:
        resolve_or_mint(conn, sqlite_db, [Want(1, "customer", "KNOWN")], PREFIXES, NOW)
        mint(conn, sqlite_db, "customer", "CUST", NOW)
    before = counts(sqlite_db)
    body = lines("crm,customer,good-1,", row, "crm,customer,good-2,")

    report = take(sqlite_db, tmp_path, body)

    assert (report.fault_count, report.faults[0].number, report.written) == (1, 3, False)
    assert any(one in report.faults[0].why for one in why.split("|")), report.faults[0].why
    assert counts(sqlite_db) == before
    skipped = take(sqlite_db, tmp_path, body, skip_faulty=True)
    assert (skipped.minted, skipped.fault_count, skipped.written) == (2, 1, True)


REFUSED = [
    (b"", "missing"),
    (b"connector,entity\ncrm,customer\n", "'external_id' is missing"),
    (b"connector,entity,external_id,external_id\n", "stands twice"),
    (b"conector,entity,external_id\n", "no column 'conector'"),
    (b"\xff\xfec\x00o\x00", "UTF-16"),
    (b"PK\x03\x04xxxx", "workbook"),
    (b"connector,entity,external_id\ncrm,customer,\xb5\xc4\n", "Line 2 is not UTF-8"),
    (b"connector,entity,external_id\n" + b"x" * (1 << 21), "longer than"),
    (b"\x00\x01\x02\x03", "no column"),
]


@pytest.mark.parametrize(("body", "why"), REFUSED, ids=lambda one: str(one)[:25].encode("ascii", "replace").decode())
def test_what_is_no_such_file_is_refused_as_a_whole(tmp_path: Path, body: bytes, why: str) -> None:
    """Headings, encodings and binary files are told by name and place."""
    with pytest.raises(MalformedError, match=why):
        read(tmp_path, body)


def test_chinese_headings_semicolons_marks_and_gb18030(tmp_path: Path) -> None:
    """What spreadsheets in China write is read: headings in Chinese, a byte order mark, semicolons, GB18030."""
    body = "连接器;实体;外部编号\r\ncrm;customer;客户008921\r\n"
    expected = [Line(2, {"connector": "crm", "entity": "customer", "external_id": "客户008921"})]
    assert read(tmp_path, b"\xef\xbb\xbf" + body.encode()) == expected
    assert read(tmp_path, body.encode("gb18030"), encoding="gb18030") == expected
    with pytest.raises(InputError, match="latin-1"):
        read(tmp_path, b"", encoding="latin-1")


def test_json_lines(tmp_path: Path) -> None:
    """A line that is not a JSON object of known, textual members is a fault of its own."""
    good = {"connector": "crm", "entity": "customer", "external_id": "=x", "master_id": None}
    bad = ["[1]", "{", '{"a": 1, "a": 2}', '{"conector": "x"}', '{"entity": true}', '{"entity": "\\ud800"}']
    found = read(tmp_path, "\n".join([json.dumps(good), "", *bad]).encode(), "jsonl")
    assert found[0] == Line(1, {name: value for name, value in good.items() if value})
    assert [type(one) for one in found[1:]] == [Fault] * len(bad)
    assert [one.number for one in found] == [1, 3, 4, 5, 6, 7, 8]


def book(*rows: tuple[Any, ...]) -> bytes:
    made = openpyxl.Workbook()
    assert made.active is not None
    for row in (("connector", "entity", "external_id", "master_id"), *rows):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_a_workbook_that_has_changed_ids_is_told(tmp_path: Path) -> None:
    """Whole numbers are ids; dates, truths, fractions and numbers that have lost digits are faults that say what to do."""
    odd = [datetime(2026, 2, 15), True, 1.5, 1234567890123456789]  # noqa: DTZ001 - a sheet knows no zones
    found = read(tmp_path, book(("crm", "customer", 8921), *(("crm", "customer", one) for one in odd)), "xlsx")
    assert found[0] == Line(2, {"connector": "crm", "entity": "customer", "external_id": "8921"})
    assert [type(one) for one in found[1:]] == [Fault] * 4
    assert all("text" in one.why for one in found[1:] if isinstance(one, Fault))


def test_a_zip_that_is_no_workbook_or_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is unpacked."""
    for body in (b"not a zip", b""):
        with pytest.raises(MalformedError, match="not a workbook"):
            read(tmp_path, body, "xlsx")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", b"0" * 3_000_000)
    monkeypatch.setattr("mappings.interchange.reading.LARGEST_TEXTS", 1_000_000)
    with pytest.raises(MalformedError, match="unpacks to more"):
        read(tmp_path, out.getvalue(), "xlsx")


FORMULAS = ["=1+1", "+1", "-1+2", "@SUM(A1)", "=cmd|'/c calc'!A1", "＝1", "'=x", "''=x", "'plain", '=HYPERLINK("x")']


@pytest.mark.parametrize("format_", ["csv", "xlsx", "jsonl"])
def test_no_cell_is_a_formula_and_every_id_comes_back(here: Database, tmp_path: Path, format_: str) -> None:
    """An export with hostile ids holds only text; brought into an empty register it gives the same crosswalk."""
    with here.write() as conn:
        answers = resolve_or_mint(conn, here, [Want(1, "customer", one) for one in FORMULAS], PREFIXES, NOW - 9)
        first = answers[Want(1, "customer", "=1+1")]
        assert isinstance(first, Resolved)
        close(conn, first.crosswalk_id, NOW - 5)
    with here.write() as conn:
        resolve_or_mint(conn, here, [Want(1, "customer", "=1+1")], PREFIXES, NOW - 1)
    body = written(take_out(here), format_)
    if format_ == "csv":
        cells = [cell for row in csv.reader(body.decode("utf-8-sig").splitlines()) for cell in row]
        assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r＝＋－＠")]
    if format_ == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0]
        assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    exported = list(take_out(here))
    with here.write() as conn:
        for table in ("crosswalk", "entity", "id_sequence"):
            conn.execute(text(f"DELETE FROM {table}"))

    report = take(here, tmp_path, body, format_, adopt=True)

    assert (report.adopted, report.closed, report.fault_count) == (len(FORMULAS), 1, 0), report.faults
    shown = ("connector", "entity", "external_id", "master_id", "valid_from", "valid_to", "first_seen")
    assert sorted([[one[name] for name in shown] for one in take_out(here)], key=str) == sorted(
        [[one[name] for name in shown] for one in exported], key=str
    )
    with here.write() as conn:
        assert mint(conn, here, "customer", "CUST", NOW - 1)[1] == f"CUST-2025-{len(FORMULAS) + 2:06d}"


@given(st.text(max_size=12))
def test_guarding_loses_nothing(text_: str) -> None:
    """Whatever a cell holds, the guarded one begins no formula and reads back as it was."""
    cell = guarded(text_)
    assert cell[:1] not in set("=+-@\t\r＝＋－＠") or cell == ""
    assert unguarded(cell) == text_


def test_times_of_ids(here: Database, tmp_path: Path) -> None:
    """An id may come with the times at which it was used; what overlaps, ends before it begins or lies ahead is a fault."""
    with here.write() as conn:
        gids = [mint(conn, here, "customer", "CUST", NOW)[1] for _ in range(2)]
    head = "connector,entity,external_id,master_id,valid_from,valid_to"
    body = lines(
        f"crm,customer,TAG,{gids[0]},2024-01-01,2024-06-01",
        f"crm,customer,TAG,{gids[1]},2024-06-01T00:00:00+08:00,2025-01-01T00:00:00Z",
        f"crm,customer,TAG,{gids[0]},2025-01-01,",
        head=head,
    )
    faulty = take(here, tmp_path, body)
    assert [(one.number, "before line 2 ends" in one.why) for one in faulty.faults] == [(3, True)]
    body = body.replace(b"2024-06-01T00:00:00+08:00", b"2024-06-01T08:00:00+08:00")
    report = take(here, tmp_path, body)
    assert (report.closed, report.linked, report.faults) == (2, 1, [])
    assert take(here, tmp_path, body).known == 3
    bad = lines(
        f"crm,customer,TAG,{gids[1]},2024-02-01,2024-03-01",
        f"crm,customer,NEW,{gids[1]},2024-03-01,2024-02-01",
        f"crm,customer,NEW,{gids[1]},2999-01-01,",
        "crm,customer,NEW,,2024-02-01,2024-03-01",
        f"crm,customer,NEW,{gids[1]},yesterday,",
        head=head,
    )
    told = [one.why for one in take(here, tmp_path, bad).faults]
    assert len(told) == 5
    want = Want(1, "customer", "TAG")
    with here.read() as conn:
        then = [resolve(conn, [want], at)[want] for at in (1_710_000_000_000_000, 1_720_000_000_000_000, None)]
    assert [one.gid for one in then if isinstance(one, Resolved)] == [gids[0], gids[1], gids[0]]


def test_shapes_guard_files_too(here: Database, tmp_path: Path) -> None:
    """An id of unknown shape is a fault, and one that folds to a known id is that id."""
    with here.write() as conn:
        declare(conn, here, 1, "customer", Shape("EC-[0-9]{4}", "trim+upper"), "ann", NOW)
    report = take(here, tmp_path, lines("crm,customer,ec-0001,", "crm,customer,EC-0001,", "crm,customer,12,"))
    assert (report.minted, report.repeated, report.fault_count) == (1, 1, 1)
    assert "does not look like" in report.faults[0].why


def test_a_merged_home_is_the_same_thing(here: Database, tmp_path: Path) -> None:
    """A file that was made before a merge still fits: both master IDs are one thing now."""
    with here.write() as conn:
        found = resolve_or_mint(conn, here, [Want(1, "customer", "A"), Want(1, "customer", "B")], PREFIXES, NOW)
        a, b = (found[Want(1, "customer", name)] for name in "AB")
        assert isinstance(a, Resolved)
        assert isinstance(b, Resolved)
        merge(conn, here, a.entity_id, b.entity_id, made_by="ann", now=NOW)
    report = take(here, tmp_path, lines(f"crm,customer,A,{b.gid}", f"erp,customer,9,{b.gid}"))
    assert (report.known, report.linked, report.faults) == (1, 1, [])
    with here.read() as conn:
        assert current(conn, [b.gid])[b.gid].gid == a.gid


def test_two_lines_that_disagree(here: Database, tmp_path: Path) -> None:
    """The second of two lines about one id names the first, however far apart they are."""
    with here.write() as conn:
        gids = [mint(conn, here, "customer", "CUST", NOW)[1] for _ in range(2)]
    rows = [f"crm,customer,A,{gids[0]}", *(f"crm,customer,x{n}," for n in range(1500)), f"crm,customer,A,{gids[1]}"]
    report = take(here, tmp_path, lines(*rows))
    assert [one.number for one in report.faults] == [1503]
    assert "Line 2 has the same id" in report.faults[0].why
    assert counts(here)["crosswalk"] == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300)
    | st.text(max_size=200).map(lambda one: f"connector,entity,external_id\n{one}".encode("utf-8", "replace"))
)
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_whatever_a_file_holds(sqlite_db: Database, tmp_path: Path, format_: str, body: bytes) -> None:
    """Any bytes are read or refused in our words; nothing else comes out, and nothing is half-written."""
    found: list[Line | Fault] = []
    with suppress(MalformedError):
        found = read(tmp_path, body, format_)
    report = bring(sqlite_db, found, PREFIXES, Terms())
    assert report.fault_count == report.lines - report.repeated
    assert counts(sqlite_db) == {"entity": 0, "crosswalk": 0}


def test_the_format_is_told_by_name_or_said() -> None:
    """A name that says nothing needs the format."""
    with pytest.raises(InputError, match=r"ids\.txt"):
        format_of(Path("ids.txt"), None)
