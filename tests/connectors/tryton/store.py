"""A stand-in store and a connector on it, for the tests of this kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.tryton.connector import Tryton
from connectors.tryton.kind import TrytonSettings
from core.clock import FixedClock
from core.words import Delivery, Page, Record
from lab.standins.tryton import Tryton as StandIn


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Return settings that sign in to the stand-in."""
    return {"url": url, "database": "lab", "username": "gateway", "password": "Gw-lab-2026!", **more}


def connector(url: str, **more: Any) -> Tryton:
    """Return a connector on a stand-in."""
    return Tryton("erp", TrytonSettings.model_validate(settings(url, timeout_s=2, **more)), clock=FixedClock())


@contextmanager
def store(**more: Any) -> Iterator[tuple[StandIn, Tryton]]:
    """Give a running stand-in with the demo store, and a connector on it."""
    with StandIn().demo() as standin:
        made = connector(standin.url, **more)
        yield standin, made
        made.close()


def records(made: Tryton, page: Page) -> list[Record]:
    """Parse a page as the inbox would."""
    return made.parse(Delivery("rcp_1", made.name, page.body, {}, 0), made.settings)
