"""Every declared kind of the catalogue: its manifest is valid, its exchanges replay, its sheet claims no more than that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.kit.declared.exchanges import Exchange, Script, read_exchanges, replay
from connectors.registry import CATALOGUE, connector_class, declared_names

FOUND = [(kind, one) for kind in declared_names() for one in read_exchanges(CATALOGUE / kind).exchanges]


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    """Give the server that speaks one exchange at a time."""
    with Script() as running:
        yield running


@pytest.mark.parametrize(("kind", "exchange"), FOUND, ids=[f"{kind}: {one.exchange}" for kind, one in FOUND])
def test_the_exchange_is_replayed(kind: str, exchange: Exchange, script: Script) -> None:
    """Our request is the one of the cited source, and its answer means what stands there."""
    common = read_exchanges(CATALOGUE / kind).settings
    faults = replay(connector_class(kind), exchange, common, script)
    assert not faults, "\n".join(faults)
