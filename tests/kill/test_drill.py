"""The drill: a backup under load, then everything is lost, and the restored Tieline finishes what was promised before it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bridges.accounting import balance
from core.database import Database
from core.ids import new_id
from lab.gateway import Gateway
from lab.real.waiting import until
from tests.conftest import POSTGRES
from tests.kill.far_side import FarSide
from tests.kill.ground import tieline
from tests.kill.load import all_senders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _drill(gateway: Gateway, far_side: FarSide, tmp_path: Path, fresh: Callable[[Path], Gateway], url: str) -> None:
    """Back up in the middle of a load, lose everything, restore elsewhere: the books are those of the backup."""
    senders = all_senders(gateway)
    for one in senders:
        one.start()
    until(lambda: sum(len(one.promised) for one in senders) >= 60, "some events to be promised", 60)
    promised = {pair for one in senders for pair in list(one.promised)}
    made = gateway.ask("backup", str(tmp_path / "backup"))
    for one in senders:
        one.join(120)
    gateway.kill()

    second = fresh(tmp_path / "second")
    said = second.ask("restore", str(tmp_path / "backup"))
    assert {name: said["books"][name] for name in made["books"]} == made["books"]
    second.api.key = gateway.api.key
    second.start()
    db = Database(url or f"sqlite:///{second.home}/tieline.db")
    until(
        lambda: balance(db).deliveries["waiting"] + balance(db).actions["waiting"] == 0,
        "the restored rows to be worked off",
        60,
    )
    books = balance(db)
    db.close()
    second.stop()

    effects = [(one["thing"], one["step"]) for one in (json.loads(body)["data"] for body in far_side.order)]
    assert len(effects) == len(set(effects))
    assert promised <= set(effects)
    assert books.holds
    assert len(promised) <= books.accepted == made["books"]["accepted"]
    assert books.deliveries["done"] == books.accepted


def test_the_drill_on_sqlite(tmp_path: Path, far_side: FarSide) -> None:
    """SQLite: its online backup, into a new home."""
    with tieline(tmp_path / "first", far_side, {}) as gateway:
        _drill(gateway, far_side, tmp_path, lambda home: Gateway(home), "")


def test_the_drill_on_postgres(tmp_path: Path, far_side: FarSide, postgres_url: str) -> None:
    """PostgreSQL: its own dump, into a new database."""
    name = new_id("tieline_drill")
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f'CREATE DATABASE "{name}"'))
    url = POSTGRES.rsplit("/", 1)[0] + "/" + name
    try:
        with tieline(tmp_path / "first", far_side, {"TIELINE_DATABASE_URL": postgres_url}) as gateway:
            _drill(gateway, far_side, tmp_path, lambda home: Gateway(home, {"TIELINE_DATABASE_URL": url}), url)
    finally:
        with admin.connect() as conn:
            conn.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()
