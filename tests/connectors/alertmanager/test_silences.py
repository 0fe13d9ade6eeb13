"""Alerts pushed and polled are the same things; silences are found again and ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from connectors.alertmanager.connector import Alertmanager
from connectors.alertmanager.kind import AlertmanagerSettings
from connectors.alertmanager.silences import AlertGoneError
from core.errors import InputError
from core.words import Delivery, Record
from lab.standins.alertmanager import Alertmanager as Standin
from tests.connectors.alertmanager.test_laws import ALERT, KNOWN, RECORDED


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin(RECORDED) as made:
        yield made


@pytest.fixture
def connector(standin: Standin) -> Iterator[Alertmanager]:
    made = Alertmanager("alerts", AlertmanagerSettings(url=standin.url))
    yield made
    made.close()


def parsed(body: bytes) -> list[Record]:
    return Alertmanager.parse(Delivery("rcp_1", "alerts", body, {}, 0), None)


def test_push_and_poll_name_the_same_thing(connector: Alertmanager) -> None:
    """What a real Alertmanager pushed and what its API showed then is one alert, with the same labels and beginning."""
    (pushed,) = parsed(orjson.dumps(KNOWN["pushed"][0]))
    (polled,) = parsed(connector.poll("alerts", None).body)

    assert pushed.external_id == polled.external_id == ALERT
    assert {**pushed.data, "silenced": False, "silenced_by": []} == polled.data


def test_a_resolved_push_says_when_it_ended() -> None:
    """0001-01-01 is no time; a resolved alert carries its end."""
    (firing,), (resolved,) = (parsed(orjson.dumps(one)) for one in KNOWN["pushed"])

    assert (firing.data["status"], firing.data["ends_at"]) == ("firing", None)
    assert resolved.data["status"] == "resolved"
    assert resolved.data["ends_at"] > resolved.data["starts_at"]
    assert resolved.external_id == firing.external_id


def test_each_alert_of_a_group_has_its_own_status() -> None:
    """A group that fires may hold an alert that has ended."""
    group: dict[str, Any] = KNOWN["pushed"][0]
    ended = {**group["alerts"][0], "status": "resolved", "fingerprint": "ffff", "endsAt": "2026-11-28T15:00:00Z"}

    found = parsed(orjson.dumps({**group, "alerts": [*group["alerts"], ended]}))

    assert [one.data["status"] for one in found] == ["firing", "resolved"]


def test_what_ended_while_nobody_listened_is_found_by_the_poll(standin: Standin, connector: Alertmanager) -> None:
    """The API shows only what holds: what is missing has ended, and is said once."""
    first = connector.poll("alerts", None)
    standin.alerts[0]["updatedAt"] = "2026-11-29T00:00:00Z"  # Prometheus sends again each minute
    assert connector.poll("alerts", first.cursor).count == 0
    standin.resolve("2059c467ea09fdba")
    second = connector.poll("alerts", first.cursor)

    (gone,) = parsed(second.body)
    assert (gone.external_id, gone.data["status"]) == (ALERT, "resolved")
    assert "ends_at" not in gone.data
    assert connector.poll("alerts", second.cursor).count == 0


def test_a_silence_hides_one_alert_until_it_is_ended(standin: Standin, connector: Alertmanager) -> None:
    """Every label is matched; the poll shows the alert silenced; ending it shows it again; other people's silences stay."""
    connector.act("silence", {"id": ALERT, "comment": "by hand"}, key="k")
    (ours,) = standin.silences.values()
    standin.silences["theirs"] = {**ours, "id": "theirs", "createdBy": "mia"}
    made = connector.act("silence", {"id": ALERT, "comment": "second work order"}, key="other")
    (seen,) = parsed(connector.poll("alerts", None).body)

    assert not made.repeated
    assert {one["name"]: one["value"] for one in ours["matchers"]} == seen.data["labels"]
    assert seen.data["silenced"]
    connector.act("unsilence", {"id": ALERT}, key="u")
    assert [one["createdBy"] for one in standin.silences.values() if one["status"]["state"] == "active"] == ["mia"]
    assert connector.act("unsilence", {"id": ALERT}, key="u2").repeated


def test_an_alert_that_is_gone_cannot_be_silenced(standin: Standin, connector: Alertmanager) -> None:
    """Nothing is left to silence, and that is said in those words."""
    standin.resolve("2059c467ea09fdba")
    with pytest.raises(AlertGoneError, match="2059c467ea09fdba"):
        connector.act("silence", {"id": ALERT, "comment": "x"}, key="k")


@pytest.mark.parametrize("more", [{"comment": " "}, {"comment": "x", "hours": 0}, {"comment": "x", "hours": 1000}])
def test_a_silence_needs_a_reason_and_an_end(standin: Standin, connector: Alertmanager, more: dict[str, Any]) -> None:
    """An empty comment and an endless silence are the caller's mistake and are not sent."""
    with pytest.raises(InputError):
        connector.act("silence", {"id": ALERT, **more}, key="k")
    assert standin.written == 0


def test_open_alerts_are_found_by_a_label_whatever_its_value(connector: Alertmanager) -> None:
    """A quote in a value stays within the filter."""
    found = connector.lookup("open_alerts", {"label": "asset", "value": "EQ-0007"}, timeout_s=5)
    assert (found.values["count"], found.values["alerts"][0]["id"]) == (1, ALERT)
    assert connector.lookup("open_alerts", {"label": "asset", "value": 'x"\\'}, timeout_s=5).absent
    with pytest.raises(InputError):
        connector.lookup("open_alerts", {"label": 'a="b', "value": "x"}, timeout_s=5)
