"""What an operator reads: nothing cut, nothing lost, no fault of ours where it is his, and a fix that can be followed."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from core.settings import Settings
from gateway.cli import exits
from gateway.cli.desk import Desk
from gateway.cli.tables import show_table
from gateway.serve import RunningAlreadyError, take_home
from tests.gateway.cli_fixture import Run, tieline

__all__ = ["tieline"]  # a fixture

EVENT = "evt_01a207d0ef3e7637aacdee43200c748d"
HEADS = ("Id", "At", "Type", "Connector", "Master ID", "State", "Reason")
ROW = (EVENT, "2026-11-23 17:52:18", "device.created", "monitoring", "DEV-2026-000006", "done", "stale 状态 :secret:")


@pytest.mark.parametrize("width", [40, 80, 100, 120, 180])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_width_cuts_an_id_or_loses_a_column(width: int, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are copied, so they stand whole on one line; where a table does not fit, each row is told line by line."""
    monkeypatch.setenv("TIELINE_LANGUAGE", language)
    console = Console(width=width, record=True, emoji=False, file=io.StringIO())
    show_table(console, HEADS, [ROW, ROW])
    lines = console.export_text().splitlines()
    for whole in (EVENT, "2026-11-23 17:52:18", "DEV-2026-000006", "done"):
        assert sum(whole in line for line in lines) == 2, "\n".join(lines)
    flat = "".join("".join(lines).split())
    if width < 100:
        assert "device.created" in flat
        assert "monitoring" in flat


def test_a_name_between_colons_is_no_picture() -> None:
    """A check called "setting:secret:" is not drawn as an emoji."""
    desk = Desk(as_json=False, language="en")
    with desk.console.capture() as said:
        desk.console.print("setting:secret: missing")
    assert said.get().strip() == "setting:secret: missing"


def test_a_name_that_cannot_be_is_the_users_matter(tieline: Run) -> None:
    """A connector's name with a space ends with 2 and says which form it must have; it is no fault of Tieline."""
    said = tieline("connectors", "add", "memory", "--name", "W 9", "--set", "world=cli")
    assert said.exit_code == exits.USAGE, said.output
    assert "name: string should match" in said.stderr
    assert "Traceback" not in said.output + said.stderr


def test_a_key_without_a_name_is_the_users_matter(tieline: Run) -> None:
    """The form of the API holds for the command line too."""
    assert tieline("keys", "add", "").exit_code == exits.USAGE


def test_a_misspelt_setting_names_the_near_one(tieline: Run) -> None:
    """Who writes urll is told url, and where the settings of a kind are listed."""
    said = tieline("connectors", "add", "zabbix", "--name", "east", "--set", "urll=http://127.0.0.1:1")
    assert said.exit_code == exits.USAGE
    assert "Did you mean 'url'?" in said.stderr
    assert "tieline connectors kinds" in said.stderr


@contextmanager
def _plain_port() -> Iterator[int]:
    """Listen and answer anything with a line of plain HTTP, as a web server without TLS does."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


def _added(tieline: Run, url: str) -> str:
    given = ("--set", f"url={url}", "--set", "username=gateway", "--secret-env", "password=WORD")
    said = tieline("connectors", "add", "zabbix", "--name", "east", *given, env={"WORD": "secret-word"})
    assert said.exit_code == exits.SETUP, said.stderr
    return str(said.stderr)


def test_who_registers_is_told_what_to_change(tieline: Run) -> None:
    """An address that does not answer is not "tried again" by somebody who only registers: the fix names the address."""
    with _plain_port() as port:
        assert "http://" in _added(tieline, f"https://127.0.0.1:{port}").split("fix:")[1]
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        refused = _added(tieline, f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert "host and port" in refused.split("fix:")[1]
    assert "Connection(" not in refused
    assert "host name" in _added(tieline, "http://no.such.host.invalid").split("fix:")[1]


def test_doctor_says_once_that_there_is_nothing(tieline: Run) -> None:
    """Before the first start there is one cross, not one for everything that cannot be looked at."""
    said = tieline("doctor")
    assert said.exit_code == exits.PROBLEM
    assert said.stdout.count("✗") == 1


def test_a_home_has_one_serve(tmp_path: Path) -> None:
    """A second `serve` on a home is refused with who is there; when the first ends, however that is, the home is free."""
    settings = Settings.from_env({"TIELINE_HOME": str(tmp_path / "home")})
    with take_home(settings):
        with pytest.raises(RunningAlreadyError) as refused:
            take_home(settings)
        assert f"port {settings.port}" in refused.value.why
    take_home(settings).close()


def test_doctor_says_what_ends_each_state(tieline: Run) -> None:
    """A person's hold ends by release, not by a check; who is held is said with the command."""
    assert tieline("connectors", "add", "memory", "--name", "plant", "--set", "world=cli").exit_code == exits.OK
    tieline("connectors", "hold", "plant")
    said = tieline("doctor")
    assert said.exit_code == exits.PROBLEM
    assert "tieline connectors release plant" in said.stdout
