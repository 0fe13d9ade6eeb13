"""The kind opcua keeps every law of the kit, on a real server with a user and a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from connectors.kit.lawbook import Landscape
from connectors.kit.laws import ConnectorLaws
from connectors.opcua.connector import OpcUa
from tests.connectors.opcua.press import PASSWORD, Press
from tests.connectors.tcp_route import TcpRoute


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press() as made:
        yield made


class TestOpcUa(ConnectorLaws):
    connector = OpcUa
    acts = {"write": {"point": "temperature", "value": 75.5}}  # noqa: RUF012 - as in the laws
    lookups = {"reading": {"point": "temperature"}}  # noqa: RUF012
    test_a_wish_to_wait_is_kept = None  # type: ignore[assignment]  # OPC UA says "too many", but never "until when"
    test_a_refusal_keeps_the_foreign_words = None  # type: ignore[assignment]  # its words are status codes: test_readings.py
    press: ClassVar[Press]

    @pytest.fixture(autouse=True)
    def _there(self, press: Press) -> None:
        type(self).press = press

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with TcpRoute(self.press.port) as route:

            def trouble(word: str) -> None:
                if word == "unauthorised":
                    self.press.people.password = "changed"
                else:
                    route.trouble(word)

            def calm() -> None:
                self.press.people.password = PASSWORD
                route.calm()

            yield Landscape(self.press.settings(route.port), trouble=trouble, calm=calm)
