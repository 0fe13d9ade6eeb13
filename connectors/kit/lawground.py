"""What the conformance laws stand on: the hooks a kind's test fills in, and the ways a connector reaches out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest

from connectors.kit import lawbook
from connectors.kit.contract import Connector, Kind, Settings
from connectors.kit.lawbook import Landscape
from connectors.kit.shapes import shaped
from core.errors import TielineError
from core.words import Delivery, Json, Origin, Record


class Ground:
    """What a kind's test fills in, and what every law stands on."""

    connector: ClassVar[type[Connector]]
    acts: ClassVar[Mapping[str, Mapping[str, Json]]] = {}
    lookups: ClassVar[Mapping[str, Mapping[str, Json]]] = {}
    pushed: ClassVar[Sequence[bytes]] = ()
    unknown_word: ClassVar[bytes | None] = None
    patience_s: ClassVar[float] = 6.0
    examples: ClassVar[int] = 150  #: hostile bodies that `parse` is tried with

    def landscape(self) -> AbstractContextManager[Landscape]:
        """Give a running foreign system."""
        raise NotImplementedError

    def trouble(self, land: Landscape, word: str) -> None:
        """Make the foreign system misbehave in one of the ways of ``lawbook.TROUBLES`` until it is calmed."""
        if land.trouble is not None:
            land.trouble(word)
        elif land.route is not None:
            lawbook.http_trouble(land.route, word)

    @property
    def kind(self) -> Kind:
        """The kind under test."""
        return self.connector.kind

    @pytest.fixture
    def land(self) -> Iterator[Landscape]:
        """Give the landscape of one test; close what was built on it."""
        with self.landscape() as land:
            yield land
            for one in land.connectors:
                one.close()

    def settings(self, land: Landscape) -> Settings:
        """Build the settings of the landscape, impatient where the kind knows a timeout."""
        given = dict(land.settings)
        if "timeout_s" in self.kind.settings.model_fields:
            given.setdefault("timeout_s", 1)
        return self.kind.settings.model_validate(given)

    def build(self, land: Landscape) -> Connector:
        """Build a connector on the landscape."""
        made = self.connector("under-law", self.settings(land))
        land.connectors.append(made)
        return made

    def touches(self) -> dict[str, Callable[[Connector], object]]:
        """Return every way this kind reaches out: polls, sample lookups, sample acts."""
        found: dict[str, Callable[[Connector], object]] = {}
        for stream in self.kind.streams:
            if stream.polled:
                found[f"poll {stream.name}"] = lambda made, name=stream.name: made.poll(name, None, 10)  # type: ignore[misc]
        for name, inputs in self.lookups.items():
            found[f"lookup {name}"] = lambda made, name=name, inputs=inputs: made.lookup(name, inputs, timeout_s=1)  # type: ignore[misc]
        for name, arguments in self.acts.items():
            found[f"act {name}"] = lambda made, name=name, given=arguments: made.act(name, given, key=f"law/{name}")  # type: ignore[misc]
        return found

    def raised(self, land: Landscape, word: str, touch: Callable[[Connector], object]) -> TielineError:
        """Return the error of one touch in trouble; anything that is not ours fails the law."""
        made = self.build(land)
        self.trouble(land, word)
        try:
            with pytest.raises(TielineError) as caught:
                touch(made)
        finally:
            land.calm()
        assert caught.value.what, "an error says what happened"
        assert caught.value.why, "an error says why"
        assert caught.value.fix, "an error says what to do"
        return caught.value

    def pages(self, land: Landscape) -> dict[str, bytes]:
        """Return the first page of each polled stream."""
        made = self.build(land)
        return {stream.name: made.poll(stream.name, None, 10).body for stream in self.kind.streams if stream.polled}

    def deliveries(self, land: Landscape) -> list[Delivery]:
        """Return what systems of this kind push, and the first pages."""
        found = [as_delivery(body, None) for body in self.pushed]
        return found + [as_delivery(body, stream) for stream, body in self.pages(land).items()]

    def in_shape(self, record: Record) -> None:
        """Hold a record against its stream."""
        stream = self.kind.stream(record.stream)
        assert isinstance(record.external_id, str)
        assert record.external_id
        shaped(record.data, stream.fields, stream.name)


def as_delivery(body: bytes, stream: str | None) -> Delivery:
    origin = Origin.PUSH if stream is None else Origin.POLL
    return Delivery("rcp_law", "under-law", body, {"content-type": "application/json"}, 1_767_225_600_000_000, origin, stream)
