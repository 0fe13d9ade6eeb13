"""The real systems, a Tieline between them, and the people around. Whoever cannot run them is told why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import TielineError
from lab.gateway import Gateway
from lab.real.landscape import SYSTEMS, Landscape
from lab.real.roundup.drive import Technician
from lab.real.tryton.drive import Storekeeper
from lab.real.zabbix.drive import Floor
from tests.real.plant import Plant

SLOWEST_S = 900
"""The first test also installs and builds what is not there yet."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder talks to the real systems, and may wait for them."""
    for item in items:
        if "tests/real" in item.path.as_posix():
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.timeout(SLOWEST_S))


@pytest.fixture(scope="session")
def landscape() -> Iterator[Landscape]:
    """
    Start the three systems, back in their seeded state; what did not run before is stopped afterwards.

    They are the ones of `make lab`: tickets and stock that somebody made there by hand are gone after this.
    """
    found = Landscape()
    started = [name for name in SYSTEMS if found.system(name).status()["runs"] == "no"]
    try:
        for name in SYSTEMS:
            found.system(name).up(lambda _: None)
        for name in ("roundup", "tryton"):
            found.system(name).reset()
    except TielineError as error:
        pytest.skip(f"The real systems cannot run here. {error.what} {error.why} {error.fix}")
    yield found
    found.roundup.push_to("", "")
    Floor(found.zabbix).stop_pushing()
    for name in started:
        found.system(name).down()


@pytest.fixture(scope="session")
def gateway(landscape: Landscape, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Start one Tieline with the three connectors registered, both packs applied, and both sides pushing to it."""
    made = Gateway(tmp_path_factory.mktemp("tieline"))
    try:
        made.start()
        Plant(landscape, made).connect()
        yield made
    finally:
        made.stop()


@pytest.fixture
def plant(landscape: Landscape, gateway: Gateway) -> Plant:
    """Give a quiet plant: no open problem, no open ticket, nothing that waits in Tieline, and everything running."""
    made = Plant(landscape, gateway)
    if not gateway.runs:
        gateway.start()
    made.quieten()
    return made


@pytest.fixture
def floor(landscape: Landscape) -> Floor:
    """The machines and the control room."""
    return Floor(landscape.zabbix)


@pytest.fixture
def technician(landscape: Landscape) -> Technician:
    """The person who repairs."""
    return Technician(landscape.roundup)


@pytest.fixture
def storekeeper(landscape: Landscape) -> Storekeeper:
    """The person who counts the shelf."""
    return Storekeeper(landscape.tryton)
