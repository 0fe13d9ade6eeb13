"""Every declared kind of the catalogue: its manifest is valid, its exchanges replay, its sheet claims no more than that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.kit.declared.connector import Declared
from connectors.kit.declared.evidence import highest
from connectors.kit.declared.exchanges import Collection, Exchange, Script, read_exchanges, replay
from connectors.kit.quality import read_sheet
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


@pytest.mark.parametrize("kind", declared_names())
def test_a_sheet_claims_no_more_than_its_exchanges_carry(kind: str) -> None:
    """*Documented* needs a sourced exchange of the check and of every stream, lookup and act, and one of an error."""
    made = connector_class(kind)
    assert issubclass(made, Declared)
    claimed = read_sheet(kind).level
    assert claimed == highest(made.manifest, read_exchanges(CATALOGUE / kind))


def test_recalled_facts_cap_the_level() -> None:
    """One exchange of low confidence, one part without an exchange, or a manifest of low confidence leave *declared*."""
    made = connector_class("zendesk")
    assert issubclass(made, Declared)
    whole = read_exchanges(CATALOGUE / "zendesk")
    assert highest(made.manifest, whole) == "documented"
    recalled = tuple(
        one.model_copy(update={"confidence": "low"}) if one.subject == "stream tickets" else one for one in whole.exchanges
    )
    assert highest(made.manifest, Collection(whole.settings, recalled)) == "declared"
    without = tuple(one for one in whole.exchanges if one.subject != "act create_ticket")
    assert highest(made.manifest, Collection(whole.settings, without)) == "declared"
    no_errors = tuple(one for one in whole.exchanges if one.expect.error is None)
    assert highest(made.manifest, Collection(whole.settings, no_errors)) == "declared"
    assert highest(made.manifest.model_copy(update={"confidence": "low"}), whole) == "declared"
