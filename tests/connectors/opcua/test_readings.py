"""Nodes become readings: the machine's own time and quality; a broken sensor's last value is no number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from pydantic import ValidationError

from connectors.opcua.connector import OpcUa
from connectors.opcua.kind import OpcUaSettings
from core.clock import FixedClock
from core.errors import InputError, NotFoundError, PermissionDeniedError, TielineError
from core.words import Delivery, Json, Page
from tests.connectors.opcua.press import NODES, URI, Press
from tests.connectors.opcua.test_laws import press as press


@pytest.fixture
def connector(press: Press) -> Iterator[OpcUa]:
    made = OpcUa("press", OpcUaSettings.model_validate(press.settings()), clock=FixedClock())
    yield made
    press.say("Temperature", 61.5)


def read(page: Page) -> dict[str, dict[str, Json]]:
    return {one.external_id: one.data for one in OpcUa.parse(Delivery("r", "press", page.body, {}, 0), None)}


def test_values_carry_the_machines_own_time(press: Press, connector: OpcUa) -> None:
    """A number, a claim and a text, each in its place; the time is the server's and not our clock's."""
    press.say("Temperature", 61.5)
    found = read(connector.poll("readings", None))

    assert (found["temperature"]["value"], found["temperature"]["unit"]) == (61.5, "°C")
    assert (found["running"]["on"], found["serial"]["text"]) == (True, "SN-7781")
    assert found["temperature"]["at"] > "2026-01-01T00:00:01"  # our clock stands still at the beginning of 2026


def test_a_broken_sensor_gives_no_number(press: Press, connector: OpcUa) -> None:
    """Its last value must not look like a measured one; its recovery is news again."""
    first = connector.poll("readings", None)
    press.say("Temperature", 92.7, status=ua.StatusCodes.BadSensorFailure)
    second = connector.poll("readings", first.cursor)
    press.say("Temperature", 61.4)
    third = connector.poll("readings", second.cursor)

    broken = read(second)["temperature"]
    assert (broken["quality"], broken["value"], broken["reason"]) == ("bad", None, "BadSensorFailure")
    assert read(third)["temperature"]["quality"] == "good"


def test_small_changes_are_no_news(press: Press, connector: OpcUa) -> None:
    """Within the deadband nothing is handed out."""
    first = connector.poll("readings", None)
    press.say("Temperature", 61.6)
    assert connector.poll("readings", first.cursor).count == 0
    press.say("Temperature", 63.0)
    assert list(read(connector.poll("readings", first.cursor))) == ["temperature"]


def test_nodes_and_namespaces_that_are_not_there_are_named(press: Press) -> None:
    """Each alone; the others are read."""
    nodes = {**NODES, "ghost": {"node": f"nsu={URI};s=nope"}, "lost": {"node": "nsu=http://elsewhere;s=x"}}
    made = OpcUa("press", OpcUaSettings.model_validate(press.settings(nodes=nodes)))
    report = made.check()
    found = read(made.poll("readings", None))

    assert not report.ok
    assert "ghost, lost" in report.steps[-1].detail
    assert {name for name, one in found.items() if one["quality"] == "bad"} == {"ghost", "lost"}
    assert found["temperature"]["value"] == 61.5


def test_a_write_keeps_the_nodes_type_and_is_read_back(connector: OpcUa) -> None:
    """A whole number stays one; a claim stays one."""
    for arguments in ({"point": "pieces", "value": 12}, {"point": "running", "on": False}, {"point": "running", "on": True}):
        outcome = connector.act("write", arguments, key="k")
        assert connector.verify("write", arguments, outcome).held
    assert not connector.verify("write", {"point": "pieces", "value": 13}, outcome).held


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"point": "pieces", "value": 1.5}, InputError),
        ({"point": "pieces", "text": "many"}, InputError),
        ({"point": "temperature"}, InputError),
        ({"point": "temperature", "value": 1, "on": True}, InputError),
        ({"point": "temprature", "value": 1}, NotFoundError),
        ({"point": "serial", "text": "SN-1"}, PermissionDeniedError),
    ],
)
def test_what_cannot_be_written_is_said(connector: OpcUa, arguments: dict[str, Any], error: type[TielineError]) -> None:
    """A wrong type, nothing, two values, an unknown node, a node that the server keeps for itself."""
    with pytest.raises(error):
        connector.act("write", arguments, key="k")


@pytest.mark.parametrize(
    "wrong", [{"security": "Basic256Sha256"}, {"username": None}, {"url": "http://x"}, {"nodes": {"x": {"node": "press-07"}}}]
)
def test_settings_that_cannot_work_are_refused(press: Press, wrong: dict[str, Any]) -> None:
    """A policy without a certificate, half a sign-in, another protocol, no node."""
    with pytest.raises(ValidationError):
        OpcUaSettings.model_validate(press.settings(**wrong))


def test_a_key_that_cannot_be_read_is_a_fault_of_the_settings(press: Press, tmp_path: Path) -> None:
    """Check says which files, before anything is saved."""
    files: dict[str, Any] = {"certificate_file": str(tmp_path / "no.pem"), "key_file": str(tmp_path / "no.key")}
    report = OpcUa("p", OpcUaSettings.model_validate(press.settings(security="Basic256Sha256", **files))).check()
    assert "certificate or key" in report.steps[0].detail
