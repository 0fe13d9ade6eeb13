"""Server processes of the lab are found again, never confused, and gone when they are stopped."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from core.errors import SettingsError, SetupError
from lab.real.daemon import Daemon, is_open
from lab.real.places import PORTS, Places

SERVER = "import socket,time;s=socket.create_server(('127.0.0.1',{port}));time.sleep(60)"


def free_port() -> int:
    """Return a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def daemon(folder: Path, code: str = SERVER) -> Daemon:
    """Return a server that listens and sleeps."""
    port = free_port()
    return Daemon("sleeper", (sys.executable, "-c", code.format(port=port)), port, "LAB_SLEEPER_PORT", folder)


def test_it_starts_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """A second start finds the first; after stop neither the process nor the port is there."""
    sleeper = daemon(tmp_path)
    assert sleeper.start()
    sleeper.wait(lambda: is_open(sleeper.port))
    assert not sleeper.start()
    assert sleeper.stop()

    assert sleeper.pid() is None
    assert not is_open(sleeper.port)
    assert not sleeper.stop()


def test_children_of_it_are_stopped_with_it(tmp_path: Path) -> None:
    """The whole group ends, also children that do not listen to anybody."""
    child = "import signal,time;signal.signal(signal.SIGTERM,signal.SIG_IGN);open({mark!r},'w').close();time.sleep(60)"
    mark = str(tmp_path / "child")
    code = f"import subprocess,sys;subprocess.Popen([sys.executable,'-c',{child.format(mark=mark)!r}]);" + SERVER
    sleeper = daemon(tmp_path, code)
    sleeper.start()
    sleeper.wait(lambda: is_open(sleeper.port) and Path(mark).exists())
    pid = sleeper.pid()
    sleeper.stop(seconds=0.5)

    groups = [stat.read_text().rpartition(")")[2].split() for stat in Path("/proc").glob("[0-9]*/stat") if stat.exists()]
    assert not [one for one in groups if one[2] == str(pid) and one[0] != "Z"]


def test_a_number_that_was_given_to_another_process_is_not_ours(tmp_path: Path) -> None:
    """The start time in the pid file decides, so that no stranger is stopped."""
    sleeper = daemon(tmp_path)
    sleeper.pid_file.write_text(json.dumps({"pid": 1, "started": "0"}))

    assert sleeper.pid() is None
    assert not sleeper.stop()


def test_a_port_that_is_taken_names_the_variable_that_moves_it(tmp_path: Path) -> None:
    """Nothing is started over somebody else's server."""
    sleeper = daemon(tmp_path)
    with socket.create_server(("127.0.0.1", sleeper.port)), pytest.raises(SetupError) as caught:
        sleeper.start()

    assert "LAB_SLEEPER_PORT" in caught.value.fix


def test_one_that_ends_at_once_is_reported_with_its_own_words(tmp_path: Path) -> None:
    """The end of its log is the reason."""
    sleeper = daemon(tmp_path, "raise SystemExit('no such database {port}')")
    sleeper.start()
    with pytest.raises(SetupError) as caught:
        sleeper.wait(lambda: is_open(sleeper.port))

    assert "no such database" in caught.value.why


def test_landscapes_can_stand_side_by_side() -> None:
    """An offset moves every port, a variable one; what is no number is named."""
    moved = Places.from_env({"LAB_OFFSET": "100", "LAB_TRYTON_PORT": "9000", "LAB_STATE": "/tmp/other"})

    assert moved.ports["TRYTON"] == 9000
    assert all(moved.ports[name] == port + 100 for name, port in PORTS.items() if name != "TRYTON")
    assert moved.state == Path("/tmp/other")
    with pytest.raises(SettingsError):
        Places.from_env({"LAB_ROUNDUP_PORT": "many"})
