"""The tryton kind keeps every law of the kit, on its stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.tryton.connector import Tryton
from lab.standins.tryton import Tryton as StandIn
from tests.connectors.tryton.store import settings


class TestTryton(ConnectorLaws):
    connector = Tryton
    lookups = {"stock": {"code": "SEAL-80"}}  # noqa: RUF012 - the laws declare it as a ClassVar

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with StandIn().demo() as standin, http_landscape(standin.url, settings) as land:
            yield land
