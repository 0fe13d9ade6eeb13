"""Trying a connector: everything is shown, nothing stored, nothing sent unless confirmed, no secret seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from connectors.kit.faults import FaultyRoute
from connectors.registry import add_folder, connector_class, forget_folders, kind_names, sheet_of
from core.tables import delivery
from gateway.cli import main
from tests.connectors.declared.small import SMALL
from tests.gateway.ground import Ground

TOKEN = "t0ken-of-the-small-system"
MANIFEST = (
    SMALL.replace("{scheme: none}", "{scheme: keys, headers: {authorization: 'Bearer {password}'}}")
    + """
acts:
  close:
    help: close a thing
    arguments: {id: {type: integer, required: true}}
    repeat: idempotent
    request: {method: PATCH, path: "things/{arg.id}", json: {status: closed}}
    id: "{arg.id}"
    unverifiable: this one cannot be read back
"""
)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a folder of one's own kinds that holds the kind small."""
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "small.yaml").write_text(MANIFEST)
    add_folder(tmp_path / "kinds")
    yield tmp_path / "kinds"
    forget_folders()


@pytest.fixture
def far() -> Iterator[FaultyRoute]:
    """Give a far side that answers what it is told."""
    with FaultyRoute() as route:
        yield route


def register(ground: Ground, far: FaultyRoute) -> None:
    settings = {"url": far.url, "password": TOKEN, "allowed_networks": ["127.0.0.0/8"]}
    ground.ok("POST", "/connectors", {"name": "small", "kind": "small", "settings": settings})


def test_a_manifest_in_a_folder_is_a_kind(small: Path, ground: Ground, far: FaultyRoute) -> None:
    """Without touching the checkout it is listed, described, checked and registered, and claims no evidence."""
    assert "small" in kind_names()
    assert connector_class("small").kind.title.zh == "小系统"
    assert sheet_of("small").level == "declared"
    register(ground, far)
    shown = ground.ok("GET", "/kinds/small")
    assert (shown["level"], shown["secrets"]) == ("declared", ["password"])


def test_a_read_shows_everything_and_stores_nothing(small: Path, ground: Ground, far: FaultyRoute) -> None:
    """Request, answer, records, cursors and what the fields hold; the stream's own cursor does not move."""
    register(ground, far)
    far.next(status=200, body=b'{"things": [{"id": 7, "at": 1767225600000, "access_token": "fresh-from-the-oven"}]}')
    seen = ground.ok("POST", "/connectors/small/try-read", {"what": "things", "limit": 3})
    assert [(one["method"], one["status"]) for one in seen["requests"]] == [("GET", 200)]
    assert seen["requests"][0]["headers"]["authorization"] == "***"
    assert "fresh-from-the-oven" not in str(seen)
    assert TOKEN not in str(seen)
    assert [one["external_id"] for one in seen["records"]] == ["7"]
    assert (seen["cursor_before"], seen["cursor_after"]) == (None, {"mark": 1767225600000000})
    assert {"name": "at", "declared": "integer", "seen": ["int"], "present": 1, "of": 1} in seen["fields"]
    with ground.parts.db.read() as conn:
        assert conn.execute(select(func.count()).select_from(delivery)).scalar_one() == 0
    assert ground.ok("GET", "/connectors/small")["streams"][0]["cursor"] is None


def test_a_failed_read_is_shown_too(small: Path, ground: Ground, far: FaultyRoute) -> None:
    """What the far side said, and the error it becomes, with the request that it was."""
    register(ground, far)
    far.next(status=400, body=b'{"message": "no such page"}')
    seen = ground.ok("POST", "/connectors/small/try-read", {"what": "things"})
    assert (seen["error"]["code"], seen["requests"][0]["status"]) == ("refused", 400)
    assert "no such page" in seen["error"]["why"]


def test_an_act_sends_nothing_unless_confirmed(small: Path, ground: Ground, far: FaultyRoute) -> None:
    """Without confirm the request is shown and not sent; with it, it is done once."""
    register(ground, far)
    before = len(far.seen)
    shown = ground.ok("POST", "/connectors/small/try-act", {"act": "close", "arguments": {"id": 7}})
    assert (shown["sent"], len(far.seen)) == (False, before)
    assert shown["requests"][0]["url"].endswith("/api/things/7")
    assert shown["requests"][0]["body"] == '{"status":"closed"}'
    done = ground.ok("POST", "/connectors/small/try-act", {"act": "close", "arguments": {"id": 7}, "confirm": True})
    assert (done["sent"], done["outcome"]["external_id"], len(far.seen)) == (True, "7", before + 1)
    assert ground.call("POST", "/connectors/small/try-act", {"act": "close", "arguments": {}}).status_code == 422


def test_inner_networks_are_for_admins(small: Path, ground: Ground, far: FaultyRoute) -> None:
    """Who may only register connectors cannot open the inner network to one."""
    key = ground.make_key("connectors:write", "read")
    body = {"name": "s2", "kind": "small", "settings": {"url": far.url, "password": TOKEN, "allowed_networks": ["127.0.0.0/8"]}}
    refused = ground.call("POST", "/connectors", body, key=key)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "scope-missing")


def test_a_new_kind_passes_before_it_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`tieline kinds new` writes files that `tieline kinds check` accepts; a second time it overwrites nothing."""

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main([*words], standalone_mode=False)
        return int(ended.value.code or 0)

    assert run("kinds", "new", "shift_book", "--folder", str(tmp_path)) == 0
    assert run("kinds", "check", str(tmp_path / "shift_book")) == 0
    assert "documented" in capsys.readouterr().out
    assert run("kinds", "new", "shift_book", "--folder", str(tmp_path)) != 0
    page = tmp_path / "shift_book" / "exchanges" / "manual.yaml"
    page.write_text(page.read_text().replace("path: /api/me,", "path: /api/you,"))
    assert run("kinds", "check", str(tmp_path / "shift_book")) != 0
    assert "path is '/api/me', not '/api/you'" in capsys.readouterr().out
