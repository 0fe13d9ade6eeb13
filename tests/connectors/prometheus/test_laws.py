"""The kind prometheus keeps every law of the kit, against a stand-in built from recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.prometheus.connector import Prometheus
from lab.standins.prometheus import Prometheus as Standin

RECORDED = Path(__file__).with_name("recorded_2_42_0.json")


class TestPrometheus(ConnectorLaws):
    connector = Prometheus
    lookups = {  # noqa: RUF012 - ClassVar in the laws
        "value": {"query": "vector(1)"},
        "mean": {"metric": "machine_cpu_percent", "labels": {"asset": "EQ-0007"}, "hours": 1},
    }

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with (
            Standin(RECORDED) as standin,
            http_landscape(standin.url, lambda url: {"url": url, "token": "tok-of-the-proxy"}) as land,
        ):
            yield land
