"""What Prometheus shows becomes records and answers: episodes, what is gone, figures that are no numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.kit.faults import FaultyRoute
from connectors.prometheus.connector import Prometheus
from connectors.prometheus.kind import PrometheusSettings
from connectors.prometheus.promql import selector
from core.errors import InputError, RefusedError, TransientError, UnknownVocabularyError
from core.words import Delivery, Page, Record
from lab.standins.prometheus import Prometheus as Standin
from tests.connectors.prometheus.test_laws import RECORDED


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin(RECORDED) as made:
        yield made


@pytest.fixture
def connector(standin: Standin) -> Iterator[Prometheus]:
    made = Prometheus("metrics", PrometheusSettings(url=standin.url))
    yield made
    made.close()


def records(page: Page, stream: str) -> list[Record]:
    return Prometheus.parse(Delivery("rcp_1", "metrics", page.body, {}, 0, stream=stream), None)


def test_a_recorded_alert_is_one_episode(connector: Prometheus) -> None:
    """Labels, value and times of an alert that a real Prometheus showed."""
    (one,) = records(connector.poll("alerts", None), "alerts")

    assert (one.data["alertname"], one.data["status"], one.data["severity"]) == ("OilTemperatureHigh", "firing", "critical")
    assert one.data["value"] == 91.5
    assert one.data["summary"] == "Oil temperature 91.5 on EQ-0007"
    assert one.external_id.endswith(f"@{one.data['active_at']}")


def test_an_alert_that_is_gone_comes_once_as_resolved(standin: Standin, connector: Prometheus) -> None:
    """Prometheus forgets what no longer holds; we say so once, with the labels, and the same alert later is another episode."""
    first = connector.poll("alerts", None)
    began = standin.alerts.pop()
    second = connector.poll("alerts", first.cursor)
    (gone,) = records(second, "alerts")
    standin.alerts.append({**began, "activeAt": "2026-11-29T00:00:00Z"})
    third = connector.poll("alerts", second.cursor)
    (again,) = records(third, "alerts")

    assert gone.external_id == records(first, "alerts")[0].external_id
    assert (gone.data["status"], gone.data["alertname"]) == ("resolved", "OilTemperatureHigh")
    assert again.external_id != gone.external_id
    assert connector.poll("alerts", third.cursor).count == 0


def test_a_moving_value_is_no_news(standin: Standin, connector: Prometheus) -> None:
    """The value moves at each evaluation; only a change of state, labels or annotations is a new state."""
    first = connector.poll("alerts", None)
    standin.alerts[0]["value"] = "9.9e+01"
    assert connector.poll("alerts", first.cursor).count == 0
    standin.alerts[0]["state"] = "pending"
    assert connector.poll("alerts", first.cursor).count == 1


def test_a_target_that_fails_says_why_and_one_that_is_gone_is_deleted(standin: Standin, connector: Prometheus) -> None:
    """Each scrape moves its times, which is no news; its health is."""
    first = connector.poll("targets", None)
    (target,) = standin.targets
    target["lastScrape"] = "2026-11-29T00:00:00Z"
    assert connector.poll("targets", first.cursor).count == 0
    target |= {"health": "down", "lastError": "connection refused"}
    second = connector.poll("targets", first.cursor)
    standin.targets.clear()
    third = connector.poll("targets", second.cursor)

    (down,), (gone,) = records(second, "targets"), records(third, "targets")
    assert (down.data["health"], down.data["last_error"]) == ("down", "connection refused")
    assert gone.deleted
    assert gone.external_id == down.external_id


@pytest.mark.parametrize(("said", "value"), [("87.4", 87.4), ("NaN", None), ("+Inf", None)])
def test_a_figure_is_a_number_or_no_value(standin: Standin, connector: Prometheus, said: str, value: float | None) -> None:
    """NaN and infinity are legal there and no number here."""
    standin.answers["cpu"] = [{"metric": {"instance": "db01"}, "value": [0, said]}]

    found = connector.lookup("value", {"query": "cpu"}, timeout_s=5)

    assert found.values == {"value": value, "count": 1, "series": [{"labels": {"instance": "db01"}, "value": value}]}
    assert not found.absent


def test_no_series_is_absent_and_not_zero(connector: Prometheus) -> None:
    """An empty answer means: nobody knows."""
    assert connector.lookup("value", {"query": "no_such_metric"}, timeout_s=5).absent
    assert connector.lookup("mean", {"metric": "no_such_metric"}, timeout_s=5).absent


def test_a_wrong_expression_is_refused_with_its_place(connector: Prometheus) -> None:
    """Prometheus says where an expression breaks; its words reach whoever wrote it."""
    with pytest.raises(RefusedError, match="unclosed left parenthesis"):
        connector.lookup("value", {"query": "avg(x"}, timeout_s=5)


@pytest.mark.parametrize(
    "given",
    [
        {"metric": 'up{job="x"} or vector(1)'},
        {"metric": ""},
        {"metric": "up", "hours": 0},
        {"metric": "up", "hours": "1e400"},
        {"metric": "up", "labels": {"a=b": "c"}},
        {"metric": "up", "labels": "instance"},
    ],
)
def test_a_mean_is_asked_of_one_metric_only(standin: Standin, connector: Prometheus, given: dict[str, Any]) -> None:
    """What is no metric name, label or span is the caller's mistake and is not sent."""
    with pytest.raises(InputError):
        connector.lookup("mean", given, timeout_s=5)
    assert not standin.asked


def test_a_label_value_never_becomes_an_expression() -> None:
    """Quotes, backslashes and line breaks of a value stay within it."""
    assert selector("up", {"instance": '"} or vector(1) #\n\\'}) == 'up{instance="\\"} or vector(1) #\\n\\\\"}'


@pytest.mark.parametrize(
    "body", [b"{}", b'{"status": "success", "data": {"alerts": [{}]}}', b'{"status": "error", "error": "x"}', b"[]"]
)
def test_an_answer_of_another_form_is_named(body: bytes) -> None:
    """Something else than a Prometheus at that address is said, and tried again."""
    with FaultyRoute(None) as route:
        made = Prometheus("metrics", PrometheusSettings(url=route.url))
        route.next(status=200, body=body)
        with pytest.raises(TransientError, match="form we do not know"):
            made.poll("alerts", None)
        made.close()


def test_an_unknown_state_is_an_error_that_lists_the_known_ones(standin: Standin, connector: Prometheus) -> None:
    """A state that a later Prometheus invents never becomes firing."""
    standin.alerts[0]["state"] = "smouldering"
    with pytest.raises(UnknownVocabularyError, match="pending, firing, resolved"):
        records(connector.poll("alerts", None), "alerts")
