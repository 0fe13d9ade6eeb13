"""Prometheus and Alertmanager themselves: the laws once more, and one alert from the oil to its end."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from connectors.alertmanager.connector import Alertmanager
from connectors.alertmanager.kind import AlertmanagerSettings
from connectors.kit import webhooks
from connectors.kit.faults import FaultyRoute, Seen
from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.prometheus.connector import Prometheus
from connectors.prometheus.kind import PrometheusSettings
from core.clock import SystemClock
from core.words import Delivery, Record
from lab.real.prometheus.system import Prometheus as Pair
from lab.real.waiting import until
from tests.connectors.alertmanager.test_laws import TestAlertmanager as _AlertmanagerLaws
from tests.connectors.prometheus.test_laws import TestPrometheus as _PrometheusLaws
from tests.real.own import own

HOT, COOL = 91.5, 55.0
TOKEN = "a-bearer-of-the-door"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both, with a press that they watch."""
    with own(Pair, tmp_path_factory.mktemp("metrics")) as made:
        yield made


def overheat(pair: Pair) -> None:
    """Let the oil be hot, and both know of it, whatever a test before left behind."""
    pair.turn(machine_oil_temperature_celsius=HOT)
    until(lambda: asked(f"{pair.url}/api/v1/alerts")["data"]["alerts"], "the alert in Prometheus")
    until(lambda: asked(f"{pair.alertmanager_url}/api/v2/alerts"), "the alert in Alertmanager")


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


class _OnThePair(ConnectorLaws):
    pair: ClassVar[Pair]

    @pytest.fixture(autouse=True)
    def _known(self, pair: Pair) -> None:
        type(self).pair = pair
        overheat(pair)


class TestPrometheusItself(_OnThePair, _PrometheusLaws):
    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with http_landscape(self.pair.url, lambda url: {"url": url, "token": "tok-of-the-proxy"}) as land:
            yield land


class TestAlertmanagerItself(_OnThePair, _AlertmanagerLaws):
    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        url = self.pair.alertmanager_url
        name = f"{asked(f'{url}/api/v2/alerts')[0]['fingerprint']}@episode"
        type(self).acts = {act: {**given, "id": name} for act, given in _AlertmanagerLaws.acts.items()}
        with http_landscape(url, lambda url: {"url": url, "token": "tok-of-the-proxy"}, writes=self._writes(url)) as land:
            yield land

    @staticmethod
    def _writes(url: str) -> Callable[[], int]:
        return lambda: len(asked(f"{url}/api/v2/silences"))


def test_an_alert_from_the_oil_to_its_end(pair: Pair) -> None:
    """Hot oil fires, is pushed through its door, polled as the same thing, silenced, unsilenced, and resolved when it cools."""
    metrics = Prometheus("metrics", PrometheusSettings(url=pair.url))
    alerts = Alertmanager("alerts", AlertmanagerSettings(url=pair.alertmanager_url))
    with FaultyRoute(None) as door:
        pair.turn(machine_oil_temperature_celsius=COOL)
        until(lambda: not asked(f"{pair.url}/api/v1/alerts")["data"]["alerts"], "quiet")
        pair.push_to(f"{door.url}/in/alerts", TOKEN)
        pair.turn(machine_oil_temperature_celsius=HOT)
        pushed = until(lambda: news(door, "firing"), "the push")
        polled = alerts.poll("alerts", None)
        seen = metrics.poll("alerts", None)

        (same,) = [one for one in read(Alertmanager, polled.body) if one.external_id == pushed.external_id]
        (rule,) = read(Prometheus, seen.body)
        assert same.data["labels"] == pushed.data["labels"]
        assert (rule.data["status"], rule.data["value"]) == ("firing", HOT)

        arguments = {"id": pushed.external_id, "comment": "TICK-2026-000001", "hours": 1}
        outcome = alerts.act("silence", arguments, key="story/1")
        assert alerts.verify("silence", arguments, outcome).held
        hidden = until(lambda: [one for one in shown(alerts) if one.data["silenced"]], "the silence to show")
        assert hidden[0].data["silenced_by"] == [outcome.external_id]
        alerts.act("unsilence", {"id": pushed.external_id}, key="story/2")
        assert not asked(f"{pair.alertmanager_url}/api/v2/alerts")[0]["status"]["silencedBy"]

        pair.turn(machine_oil_temperature_celsius=COOL)
        ended = until(lambda: news(door, "resolved"), "the end")
        assert ended.external_id == pushed.external_id
        until(lambda: not shown(alerts), "the API to forget it")
        (gone,) = read(Alertmanager, alerts.poll("alerts", polled.cursor).body)
        assert (gone.external_id, gone.data["status"]) == (pushed.external_id, "resolved")
    pair.push_to(None, "")
    for one in (metrics, alerts):
        one.close()


def test_figures_rest_on_real_samples(pair: Pair) -> None:
    """The mean of a steady gauge is that gauge, over as many samples as were scraped; an unknown metric is absent."""
    metrics = Prometheus("metrics", PrometheusSettings(url=pair.url))
    given = {"metric": "machine_cpu_percent", "labels": {"asset": "EQ-0007"}}

    found = until(lambda: _whole(metrics.lookup("mean", given, timeout_s=5).values), "a sample")

    assert (found["mean"], found["lowest"], found["highest"]) == (35.0, 35.0, 35.0)
    counted = metrics.lookup("value", {"query": "count_over_time(machine_cpu_percent[1h])"}, timeout_s=5).values["value"]
    assert 1 <= found["samples"] <= counted
    assert metrics.lookup("mean", {"metric": "nope"}, timeout_s=5).absent
    metrics.close()


def _whole(values: dict[str, Any]) -> dict[str, Any] | None:
    return values if values.get("samples") else None


def news(door: FaultyRoute, status: str) -> Record | None:
    """Return the newest pushed alert of a status; each push has to open the door."""
    for one in reversed(list(door.seen)):
        _opens(one)
        for record in read(Alertmanager, one.body):
            if record.data["status"] == status:
                return record
    return None


def _opens(one: Seen) -> None:
    declared = {"scheme": "header", "header": "Authorization", "prefix": "Bearer "}
    webhooks.verify(declared, {"secret": TOKEN}, one.headers, one.body, now=SystemClock().now())


def read(kind: type[Alertmanager] | type[Prometheus], body: bytes) -> list[Record]:
    return kind.parse(Delivery("rcp_1", "alerts", body, {}, 0), None)


def shown(alerts: Alertmanager) -> list[Record]:
    return read(Alertmanager, alerts.poll("alerts", None).body)
