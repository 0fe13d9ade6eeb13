"""`make run` as somebody sees it: the story comes true, Ctrl-C leaves nothing behind, and the next run goes on."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.demo.texts import TEXTS, Speaker, language
from tests.house.imports import ROOT

PATIENCE_S = 90


def four_free_ports() -> int:
    """Return a port that is free together with the three after it."""
    for first in range(18370 + os.getpid() % 1000, 60000, 7):
        try:
            for port in range(first, first + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no four free ports")


@contextmanager
def demo(home: Path, port: int, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo as `make run` does; whatever happens, end it."""
    settings = {"TIELINE_HOME": str(home), "TIELINE_PORT": str(port), "PYTHONUNBUFFERED": "1", **env}
    child = subprocess.Popen(
        [sys.executable, "-m", "lab.demo"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def until(child: subprocess.Popen[str], sign: str) -> str:
    """Read its lines until one holds the sign."""
    assert child.stdout is not None
    ends, said = time.monotonic() + PATIENCE_S, ""
    for line in child.stdout:
        said += line
        if sign in line:
            return said
        assert time.monotonic() < ends, said
    raise AssertionError(f"it ended before it said {sign!r}:\n{said}")


def stop(child: subprocess.Popen[str]) -> str:
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=60)
    assert child.returncode == 0, rest
    return rest


def still_running(home: Path) -> list[str]:
    """Return the processes whose environment names this home."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TIELINE_HOME={home}".encode() in place.read_bytes() and place.parent.name != str(os.getpid()):
                found.append((place.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_story_comes_true_twice(tmp_path: Path) -> None:
    """An alert becomes a ticket with a snapshot and is closed again, and a second run goes on with the same data."""
    port = four_free_ports()
    with demo(tmp_path, port, TIELINE_LANGUAGE="en") as child:
        first = until(child, "Ctrl-C stops it")
        assert first.splitlines()[0].startswith(f"Tieline: http://127.0.0.1:{port}   key: tl_")
        assert "bridge alert-to-ticket fired" in first
        assert "create_ticket in tickets: done and read back" in first
        assert len(re.findall(r"snapshot, .*: (?:ok|absent) ", first)) == 3
        assert "Zabbix says the problem is closed" in first
        assert "waiting 0 + held 0 + dead 0" in first
        assert "Stopped." in stop(child)
    assert still_running(tmp_path) == []

    with demo(tmp_path, port, TIELINE_LANGUAGE="zh") as child:
        second = until(child, "Ctrl-C")
        assert "连接器 monitoring 已存在" in second
        assert "ALRT-2026-" in second or "ALRT-" in second
        assert "Zabbix 显示问题已关闭" in second
        alerts = [set(re.findall(r"ALRT-\d{4}-\d{6}", said)) for said in (first, second)]
        assert not alerts[0] & alerts[1], "a new problem is a new alert"
        assert stop(child)
    assert still_running(tmp_path) == []


@pytest.mark.slow
def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """Whoever starts it twice is told which port is taken and how to choose another; nothing is started."""
    port = four_free_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 2))
        other.listen()
        with demo(tmp_path, port, TIELINE_LANGUAGE="en") as child:
            said, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert f"Port {port + 2} is in use." in said
    assert "TIELINE_PORT=" in said
    assert still_running(tmp_path) == []


def test_every_line_is_in_both_languages() -> None:
    """Both texts of a line take the same values; the Chinese one is Chinese."""
    for name, (en, zh) in TEXTS.items():
        assert sorted(re.findall(r"\{(\w+)\}", en)) == sorted(re.findall(r"\{(\w+)\}", zh)), name
        assert re.search(r"[\u4e00-\u9fff]", zh), name


@pytest.mark.parametrize(("env", "chosen"), [({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "de_DE.UTF-8"}, "en"), ({}, "en")])
def test_the_language_is_the_terminals(env: dict[str, str], chosen: str) -> None:
    """Without TIELINE_LANGUAGE the terminal's language decides; what is not Chinese is English."""
    assert language(env) == chosen
    assert language({**env, "TIELINE_LANGUAGE": "zh"}) == "zh"
    assert Speaker(chosen).text("story") == TEXTS["story"][chosen == "zh"]
