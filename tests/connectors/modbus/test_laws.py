"""The kind modbus keeps every law of the kit that a protocol without users and words can keep, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kit.lawbook import Landscape
from connectors.kit.laws import ConnectorLaws
from connectors.modbus.connector import Modbus
from tests.connectors.modbus.press import Press
from tests.connectors.tcp_route import TcpRoute


class TestModbus(ConnectorLaws):
    connector = Modbus
    acts = {"write": {"point": "speed", "value": 75.5}}  # noqa: RUF012 - as in the laws
    lookups = {"reading": {"point": "oil_temperature"}}  # noqa: RUF012
    test_refused_credentials_are_a_credentials_error = None  # type: ignore[assignment]  # Modbus knows no users
    test_a_wish_to_wait_is_kept = None  # type: ignore[assignment]  # nor "when"
    test_a_refusal_keeps_the_foreign_words = None  # type: ignore[assignment]  # it has codes: see test_readings.py

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Press() as press, TcpRoute(press.port) as route:
            # it knows no users, so a day without credentials is a day on which it does not answer
            bad_day = lambda word: route.trouble("down" if word == "unauthorised" else word)  # noqa: E731
            yield Landscape(press.settings(route.port), trouble=bad_day, calm=route.calm)
