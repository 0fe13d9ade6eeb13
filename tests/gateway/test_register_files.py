"""Crosswalk files over HTTP and on the command line, and the register's other commands."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import orjson
import pytest

from core.database import Database
from gateway.cli import exits
from tests.bridges.plant import ENTITIES, publish_all
from tests.gateway.cli_fixture import Run, tieline
from tests.gateway.ground import Ground

__all__ = ["tieline"]  # a fixture

FILE = "connector,entity,external_id,master_id\nmes,device,M-1,\nmes,device,=1+1,\n"


@pytest.fixture
def plant(ground: Ground) -> Ground:
    publish_all(ground.db, ENTITIES)
    ground.register("mes")
    return ground


def send(ground: Ground, body: bytes, query: str = "", kind: str = "application/octet-stream") -> object:
    headers = {"Authorization": f"Bearer {ground.key}"}
    return ground.client().post(f"/api/v1/identity/import{query}", data=body, content_type=kind, headers=headers)


def test_a_file_over_http_and_back(plant: Ground) -> None:
    """A dry run counts, the import writes, the export gives it back without a formula."""
    tried = send(plant, FILE.encode(), "?dry_run=true").get_json()  # type: ignore[attr-defined]
    assert (tried["minted"], tried["written"]) == (2, False)
    done = send(plant, FILE.encode()).get_json()  # type: ignore[attr-defined]
    assert (done["minted"], done["written"], done["faults"]) == (2, True, [])

    taken = plant.call("GET", "/identity/export?connector=mes")

    rows = list(csv.DictReader(taken.get_data().decode("utf-8-sig").splitlines()))
    assert [(row["external_id"], row["master_id"]) for row in rows] == [
        ("'=1+1", "DEV-2026-000001"),
        ("M-1", "DEV-2026-000002"),
    ]
    assert taken.headers["Content-Disposition"] == 'attachment; filename="crosswalk.csv"'
    assert plant.call("GET", "/identity/export?connector=nobody").status_code == 404
    again = send(plant, taken.get_data()).get_json()  # type: ignore[attr-defined]
    assert (again["known"], again["minted"]) == (2, 0)


@pytest.mark.parametrize(
    ("body", "query", "kind", "status"),
    [
        (b"{}", "", "application/json", 415),
        (b"\xff\xfe", "", "application/octet-stream", 400),
        (b"connector,entity\n", "", "application/octet-stream", 400),
        (b"x", "?format=pdf", "application/octet-stream", 422),
        (b"x", "?format=xlsx", "application/octet-stream", 400),
    ],
)
def test_what_is_no_such_file(plant: Ground, body: bytes, query: str, kind: str, status: int) -> None:
    """Wrong types and files are refused by what they are."""
    assert send(plant, body, query, kind).status_code == status  # type: ignore[attr-defined]


def test_a_file_may_be_larger_than_a_body(plant: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some megabytes passes where a JSON body would not, and there is an end."""
    rows = "".join(f"mes,device,{'x' * 400}{n:06d},\n" for n in range(3000))
    body = f"connector,entity,external_id,master_id\n{rows}".encode()
    assert len(body) > 1 << 20
    assert send(plant, body, "?dry_run=true").get_json()["minted"] == 3000  # type: ignore[attr-defined]
    monkeypatch.setattr("gateway.operations.UPLOAD", 1 << 20)
    assert send(plant, body, "?dry_run=true").status_code == 413  # type: ignore[attr-defined]


@pytest.fixture
def shop(tieline: Run) -> Run:
    """Give the command line with two connectors and the entities of the small plant."""
    for name in ("mes", "erp"):
        added = tieline("connectors", "add", "memory", "--name", name, "--set", "world=cli")
        assert added.exit_code == 0, added.output
    store = Database(f"sqlite:///{os.environ['TIELINE_HOME']}/tieline.db")
    publish_all(store, ENTITIES)
    store.close()
    return tieline


def said(run: Run, *words: str, code: int = exits.OK) -> str:
    found = run(*words)
    assert found.exit_code == code, found.output
    return found.output


def test_import_and_export_on_the_command_line(shop: Run, tmp_path: Path) -> None:
    """Faulty lines go to a file of their own with number and reason; a mended file takes that file away."""
    file = tmp_path / "ids.csv"
    file.write_text(FILE + "mes,device,未知,\n", encoding="utf-8")
    output = said(shop, "ids", "import", str(file), code=exits.PROBLEM)
    assert "Nothing was written." in output
    errors = tmp_path / "ids.csv.errors.csv"
    assert list(csv.reader(errors.read_text("utf-8-sig").splitlines()))[1][0] == "4"
    assert said(shop, "ids", "resolve", "mes", "device", "M-1", code=exits.PROBLEM)

    file.write_text(FILE, encoding="utf-8")
    assert "new master IDs" in said(shop, "ids", "import", str(file))
    assert not errors.exists()
    for format_ in ("xlsx", "jsonl"):
        out = tmp_path / f"out.{format_}"
        assert orjson.loads(said(shop, "ids", "export", str(out), "--json")) == {"rows": 2, "file": str(out)}
        assert orjson.loads(said(shop, "ids", "import", str(out), "--json"))["known"] == 2
    assert not list(tmp_path.glob(".*.part"))


def test_the_register_on_the_command_line(shop: Run) -> None:
    """Write, merge with a dry run, unmerge, close, look up, shapes and placeholders: each says what it did."""
    said(shop, "ids", "write", "add", "mes", "device", "M-1", "M-2")
    assert "known already" in said(shop, "ids", "write", "add", "mes", "device", "M-1", code=exits.PROBLEM)
    year = said(shop, "ids", "resolve", "mes", "device", "M-1").split("DEV-")[1][:4]
    one, two = f"DEV-{year}-000001", f"DEV-{year}-000002"
    tried = said(shop, "ids", "merge", one, two, "--why", "same", "--dry-run")
    assert "dry run" in tried
    assert "M-2" in tried
    assert "edge 1" in said(shop, "ids", "merge", one, two, "--why", "same")
    assert one in said(shop, "ids", "show", two)
    said(shop, "ids", "write", "link", "erp", "device", "E-1", "--master-id", two)
    assert "1 keys" in said(shop, "ids", "unmerge", "1")
    said(shop, "ids", "assign", "erp", "device", "E-1", one)
    assert "Nothing is to be repaired." in said(shop, "repairs")
    said(shop, "ids", "distinct", one, two, "--why", "two machines")
    assert "the two are distinct" in said(shop, "ids", "merge", one, two, "--why", "x", code=exits.REFUSED)
    assert "identity.unmerged" in said(shop, "ids", "events")
    said(shop, "ids", "pin", one, "1")
    said(shop, "ids", "close", "mes", "device", "M-2")
    assert "M-[0-9]" in said(shop, "ids", "shapes")
    trap = said(shop, "ids", "shape", "mes", "device", "--pattern", ".+", "--normaliser", "digits", "--dry-run", code=1)
    assert "M-1 = K-1" in trap
    assert "declared" in said(shop, "ids", "shape", "mes", "device") + said(shop, "ids", "shapes")
    assert "lager" in said(shop, "ids", "placeholders", "--add", "Lager")
    assert "未知" in said(shop, "ids", "placeholders", "--remove", "LAGER")
