"""A stand-in with one technician's ticket, and a connector on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.roundup.connector import Roundup
from connectors.roundup.kind import RoundupSettings
from core.clock import FixedClock
from core.words import Delivery, Record
from lab.standins.roundup import Roundup as Standin


@dataclass
class Desk:
    """The ticket desk of a test: its stand-in, our connector, and a clock that both follow."""

    standin: Standin
    connector: Roundup
    clock: FixedClock

    @property
    def settings(self) -> RoundupSettings:
        """The connector's settings."""
        found: RoundupSettings = self.connector.settings
        return found

    def open(self, **fields: Any) -> str:
        """Open a ticket as the technician."""
        return self.standin.tracker.create("issue", {"title": "Noise", **fields}, "tech")

    def issue(self, number: str) -> dict[str, Any]:
        """Return an issue in plain words."""
        found: dict[str, Any] = self.standin.tracker.news(number, None)["issue"]
        return found

    def poll(self, cursor: Any, limit: int = 500) -> tuple[list[Record], Any, bool]:
        """Read one page and parse it."""
        page = self.connector.poll("issues", cursor, limit)
        records = self.connector.parse(Delivery("rcp_1", "tickets", page.body, {}, 0, stream="issues"), self.settings)
        assert len(records) == page.count
        return records, page.cursor, page.more


def at(url: str, **more: Any) -> RoundupSettings:
    """Return settings for the gateway's user."""
    given = {"url": url, "username": "tieline", "password": "gw-pass-2026", "timeout_s": 2, **more}
    return RoundupSettings.model_validate(given)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Give a running desk."""
    clock = FixedClock()
    with Standin(clock=lambda: clock.at / 1_000_000) as standin:
        connector = Roundup("tickets", at(standin.url), clock=clock)
        yield Desk(standin, connector, clock)
        connector.close()
