"""Registers become readings: types, scales, word orders, stretches; what fails alone is bad and blinds nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.modbus.connector import Modbus
from connectors.modbus.kind import ModbusSettings
from core.errors import InputError, NotFoundError, PermissionDeniedError, TielineError
from core.words import Delivery, Json, Page
from tests.connectors.modbus.press import POINTS, Press


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press() as made:
        yield made


def connector(press: Press, **more: Any) -> Modbus:
    return Modbus("press", ModbusSettings.model_validate(press.settings(**more)))


def read(page: Page) -> dict[str, dict[str, Json]]:
    return {one.external_id: one.data for one in Modbus.parse(Delivery("r", "press", page.body, {}, 0), None)}


def test_every_type_is_read_as_the_manual_means_it(press: Press) -> None:
    """Floats over two registers, little word order, a signed number with a scale, coils and inputs."""
    found = read(connector(press).poll("readings", None))
    values = {name: one["value"] if one["on"] is None else one["on"] for name, one in found.items()}

    assert values["oil_temperature"] == 61.5
    assert values["vibration"] == 2.5
    assert values["pieces"] == 4711
    assert values["ambient"] == 21.4
    assert (values["running"], values["door_open"]) == (True, False)
    assert found["oil_temperature"]["unit"] == "°C"


def test_only_what_changed_beyond_its_deadband_is_news(press: Press) -> None:
    """A tenth of a degree is none; a degree is; so is a coil that falls."""
    points = {**POINTS, "oil_temperature": {**POINTS["oil_temperature"], "writable": True}}
    made = connector(press, points=points)
    first = made.poll("readings", None)
    assert made.poll("readings", first.cursor).count == 0
    for value, news in ((61.6, []), (63.0, ["oil_temperature"])):
        made.act("write", {"point": "oil_temperature", "value": value}, key="k")
        second = made.poll("readings", first.cursor)
        assert list(read(second)) == news
    made.act("write", {"point": "running", "value": 0}, key="k")
    assert read(made.poll("readings", second.cursor))["running"]["on"] is False
    made.act("write", {"point": "running", "value": 1}, key="k")
    made.act("write", {"point": "oil_temperature", "value": 61.5}, key="k")


def test_a_wrong_address_is_bad_alone(press: Press) -> None:
    """One point that the machine does not have is bad with its reason; the others are read; check names it."""
    made = connector(press, points={**POINTS, "ghost": {"address": 11, "type": "uint16"}})
    found = read(made.poll("readings", None))
    failed = [step for step in made.check().steps if not step.ok]

    assert (found["ghost"]["quality"], found["ghost"]["value"]) == ("bad", None)
    assert "no such address" in str(found["ghost"]["reason"])
    assert found["oil_temperature"]["value"] == 61.5
    assert [step.name for step in failed] == ["sample:readings"]
    assert "ghost" in failed[0].detail


def test_what_is_written_is_read_back_as_it_rounds(press: Press) -> None:
    """A float32 holds 2.3 as 2.2999999; that is what was written, and a change by somebody else is seen."""
    made = connector(press)
    arguments = {"point": "wanted_temperature", "value": 2.3}
    outcome = made.act("write", arguments, key="k")
    assert made.verify("write", arguments, outcome).held
    made.act("write", {**arguments, "value": 2.4}, key="k2")
    assert not made.verify("write", arguments, outcome).held


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"point": "vibration", "value": 1}, PermissionDeniedError),
        ({"point": "vibratoin", "value": 1}, NotFoundError),
        ({"point": "speed", "value": 99999}, InputError),
        ({"point": "speed", "value": None}, InputError),
    ],
)
def test_what_must_not_be_written_is_not(press: Press, arguments: dict[str, Any], error: type[TielineError]) -> None:
    """Only writable points, known ones, and values that fit."""
    with pytest.raises(error):
        connector(press).act("write", arguments, key="k")


@pytest.mark.parametrize(
    "point", [{"address": 1, "scale": 0}, {"address": 1, "table": "input", "writable": True}, {"address": 70000}, {"adress": 1}]
)
def test_impossible_points_are_refused_when_they_are_set(press: Press, point: dict[str, Any]) -> None:
    """Before anything is saved."""
    with pytest.raises(ValidationError):
        connector(press, points={"x": point})


def test_a_device_that_is_not_there_is_said(press: Press) -> None:
    """Behind a gateway a wrong number is an error and not a value."""
    report = connector(press, device=9).check()
    assert not report.ok
