"""The laws for a declared kind: made from its manifest and its exchanges, so that a manifest alone is enough to be judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from connectors.kit.declared.connector import Declared
from connectors.kit.declared.exchanges import LOOPBACK, Collection, Exchange, read_exchanges
from connectors.kit.declared.standin import ExchangeServer
from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws


def laws_of(connector: type[Declared], folder: Path) -> type[ConnectorLaws]:
    """Return the class of laws of one declared kind; its samples and its far side are its exchanges."""
    collection = read_exchanges(folder)
    good = [one for one in collection.exchanges if one.expect.error is None]

    class Laws(ConnectorLaws):
        @contextmanager
        def landscape(self) -> Iterator[Landscape]:
            """Give a stand-in made of the exchanges, behind a faulty route."""
            with (
                ExchangeServer(connector.manifest, collection) as server,
                http_landscape(server.url, lambda url: _settings(collection, url), lambda: server.writes) as land,
            ):
                yield land

    Laws.connector = connector
    Laws.examples = 40  # one engine reads all of them
    Laws.acts = {str(one.call.act): one.call.with_ for one in _first(good, "act")}
    Laws.lookups = {str(one.call.lookup): one.call.with_ for one in _first(good, "lookup")}
    Laws.pushed = tuple(orjson.dumps(one.call.push) for one in good if one.call.push is not None)
    unknown = [one for one in collection.exchanges if one.expect.error == "unknown-vocabulary"]
    Laws.unknown_word = orjson.dumps(unknown[0].call.push) if unknown else None
    Laws.__name__ = Laws.__qualname__ = f"Test{connector.__name__}"
    return Laws


def _settings(collection: Collection, url: str) -> dict[str, object]:
    given = {name: one.replace("{server}", url) if isinstance(one, str) else one for name, one in collection.settings.items()}
    return {"allowed_networks": [LOOPBACK], "timeout_s": 0.8, **given}


def _first(exchanges: list[Exchange], word: str) -> list[Exchange]:
    """Return the first exchange of each act or lookup that found something."""
    found: dict[str, Exchange] = {}
    for one in exchanges:
        name = getattr(one.call, word)
        if name is not None and not one.expect.absent:
            found.setdefault(name, one)
    return list(found.values())
