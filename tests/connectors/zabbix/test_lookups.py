"""The mean CPU use: from the right table, over the right span, and never a zero where there is nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.zabbix.lookups import cpu_mean
from core.errors import InputError, TransientError
from core.words import Json
from tests.connectors.zabbix.plant import LATHE, PRESS, plant

NOW = 1_795_333_600
KEYS = ("system.cpu.util",)


def world(history: list[tuple[int, float]], trends: list[tuple[int, int, float]], value_type: str = "0") -> Any:
    """Return a ``call`` with one CPU item, that answers history only when asked for the item's own value type."""

    def call(method: str, params: dict[str, Any]) -> Any:
        if method == "item.get":
            return [{"itemid": "44523", "key_": "system.cpu.util", "value_type": value_type, "units": "%"}]
        since, till = params["time_from"], params["time_till"]
        if method == "history.get":
            rows = history if str(params["history"]) == value_type else []
            return [{"clock": str(clock), "value": f"{value}"} for clock, value in rows if since <= clock <= till]
        return [
            {"clock": str(clock), "num": str(num), "value_avg": f"{mean}"}
            for clock, num, mean in trends
            if since <= clock <= till
        ]

    return call


def ask(call: Any, hours: Json = 1) -> Any:
    """Ask for the mean of the last hours."""
    return cpu_mean(call, {"hostid": PRESS, "hours": hours}, KEYS, NOW * 1_000_000)


def test_history_of_the_last_hour_is_averaged() -> None:
    """The mean rests on the samples within the span and says from which table, how many, and how old the newest is."""
    found = ask(world([(NOW - 4000, 99.0), (NOW - 3000, 30.0), (NOW - 60, 50.0)], []))

    assert found.values == {"mean": 40.0, "samples": 2, "unit": "%", "method": "history"}
    assert found.at == (NOW - 60) * 1_000_000
    assert "history.get item 44523" in found.source


def test_history_is_asked_by_the_items_own_type() -> None:
    """history.get answers nothing for another value type, and no error: an unsigned item is asked as one."""
    assert ask(world([(NOW - 60, 50.0)], [], value_type="3")).values["mean"] == 50.0


def test_trends_are_weighed_by_their_samples() -> None:
    """Where no history is kept, an hour with 60 samples counts four times one with 15."""
    found = ask(world([], [(NOW - 7200 - NOW % 3600, 15, 10.0), (NOW - 3600 - NOW % 3600, 60, 20.0)]), hours=3)

    assert found.values == {"mean": 18.0, "samples": 75, "unit": "%", "method": "trends"}
    assert found.at is not None
    assert found.at <= NOW * 1_000_000


def test_a_recorded_hour_has_its_mean() -> None:
    """The hour that a real 6.0.14 recorded has the mean that was worked out beside it."""
    rows = [(NOW - 3594 + 60 * number, 34.5 + 1.5 * (number % 9)) for number in range(58)]
    expected = sum(value for _, value in rows) / len(rows)

    assert ask(world(rows, [])).values["mean"] == pytest.approx(expected, abs=0.001)


def test_nothing_is_absent_not_zero() -> None:
    """A host without the item, or an item without values, is absent: nobody is told that the CPU idles."""
    assert ask(world([], [])).absent
    assert ask(lambda method, params: []).absent


def test_the_first_key_that_a_host_has_is_used() -> None:
    """Several keys are tried in their order; text items are passed over."""
    items = [
        {"itemid": "1", "key_": "cpu.text", "value_type": "4", "units": ""},
        {"itemid": "2", "key_": "b", "value_type": "0", "units": "%"},
        {"itemid": "3", "key_": "a", "value_type": "0", "units": ""},
    ]

    def call(method: str, params: dict[str, Any]) -> Any:
        return items if method == "item.get" else [{"clock": str(NOW), "value": params["itemids"][0]}]

    found = cpu_mean(call, {"hostid": PRESS}, ("cpu.text", "a", "b"), NOW * 1_000_000)

    assert found.values["mean"] == 3.0
    assert found.values["unit"] == "%"


@pytest.mark.parametrize("hours", [0, 721, -1, 1.5, "many", True, [1]])
def test_hours_that_make_no_span_are_refused(hours: Json) -> None:
    """Hours are a whole number from 1 to 720."""
    with pytest.raises(InputError):
        ask(world([], []), hours=hours)


@pytest.mark.parametrize("hostid", [None, "", "press-07", "10561; DROP", 1.5, True, "１０５６１"])
def test_an_id_that_is_none_is_refused(hostid: Json) -> None:
    """Zabbix' ids are digits; a name in their place is the caller's mistake."""
    with plant() as (standin, made):
        with pytest.raises(InputError):
            made.lookup("cpu_mean", {"hostid": hostid}, timeout_s=5)
        assert "item.get" not in json.dumps(standin.rpc.calls)


def test_history_that_was_thrown_away_falls_back_to_trends() -> None:
    """On the stand-in as on the real one: no history left, then trends; nothing of either, then absent."""
    with plant() as (standin, made):
        standin.world.history_kept_from = 2**40
        trends = made.lookup("cpu_mean", {"hostid": PRESS, "hours": 3}, timeout_s=5)
        itemid = next(item["itemid"] for item in standin.world.items.values() if item["hostid"] == LATHE)
        standin.world.values[itemid] = []
        nothing = made.lookup("cpu_mean", {"hostid": LATHE, "hours": 3}, timeout_s=5)

    assert trends.values["method"] == "trends"
    assert nothing.absent


def test_a_lookup_ends_within_its_time() -> None:
    """All calls of one lookup share its time; when it is used up the rest is not sent."""
    with plant() as (_, made), pytest.raises(TransientError):
        made.lookup("cpu_mean", {"hostid": PRESS}, timeout_s=0)


def test_an_unknown_host_is_absent() -> None:
    """A host that Zabbix does not show is absent, with the place where it was looked for."""
    with plant() as (_, made):
        found = made.lookup("host", {"hostid": "1"}, timeout_s=5)

    assert found.absent
    assert found.source == "zabbix host.get 1"
