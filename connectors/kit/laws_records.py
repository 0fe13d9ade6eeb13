"""Laws of records and writes: parse is pure and total, shapes are as declared, one key has one effect."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned

from connectors.kit import lawbook
from connectors.kit.contract import Repeat
from connectors.kit.lawbook import Landscape
from connectors.kit.lawground import Ground, as_delivery
from connectors.kit.shapes import shaped
from core.errors import InputError


class RecordLaws(Ground):
    """What comes in has the declared shape; what goes out happens once and can be read back."""

    def test_parse_is_pure(self, land: Landscape) -> None:
        """The same bytes give the same records, on any connector, with the network gone."""
        settings = self.settings(land)
        deliveries = self.deliveries(land)
        once = [self.connector.parse(one, settings) for one in deliveries]
        self.trouble(land, "silent")
        assert [self.connector.parse(one, settings) for one in deliveries] == once
        land.calm()

    def test_parse_is_total(self, land: Landscape) -> None:
        """A hostile body gives an InputError, or records of the declared shape: never anything else."""
        settings, deliveries = self.settings(land), self.deliveries(land)
        streams = sorted({one.stream for one in deliveries}, key=str) or [None]

        @tuned(max_examples=self.examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(lawbook.hostile_bodies([one.body for one in deliveries]))
        def hostile(body: bytes) -> None:
            for stream in streams:
                try:
                    records = self.connector.parse(as_delivery(body, stream), settings)
                except InputError:
                    continue
                for one in records:
                    self.in_shape(one)

        hostile()

    def test_pages_come_back_as_declared_records(self, land: Landscape) -> None:
        """What a poll stored parses into as many records as it counted, each with declared fields of their types only."""
        made, settings = self.build(land), self.settings(land)
        for stream in self.kind.streams:
            if not stream.polled:
                continue
            page = made.poll(stream.name, None, 10)
            records = self.connector.parse(as_delivery(page.body, stream.name), settings)
            assert len(records) == page.count > 0, f"{stream.name}: the landscape must hold at least one record"
            for one in records:
                assert one.stream == stream.name
                self.in_shape(one)

    def test_pushed_bodies_become_declared_records(self, land: Landscape) -> None:
        """A push is normalised into the shape of the polled stream of that name."""
        for body in self.pushed:
            records = self.connector.parse(as_delivery(body, None), self.settings(land))
            assert records
            for one in records:
                assert self.kind.stream(one.stream).pushed
                self.in_shape(one)

    def test_an_unknown_word_is_an_error(self, land: Landscape) -> None:
        """A word outside a closed list is named with the known ones, and never becomes a default."""
        words = [field.name for stream in self.kind.streams if stream.pushed for field in stream.fields if field.words]
        assert bool(words) == (self.unknown_word is not None), "give unknown_word when pushed fields have closed lists"
        if self.unknown_word is not None:
            with pytest.raises(InputError) as caught:
                self.connector.parse(as_delivery(self.unknown_word, None), self.settings(land))
            assert caught.value.code == "unknown-vocabulary"

    def test_the_cursor_moves_past_what_was_read(self, land: Landscape) -> None:
        """Polling on from a page's cursor ends, and does not give the same page for ever."""
        made = self.build(land)
        for stream in self.kind.streams:
            cursor, rounds = None, 0
            while stream.polled:
                page = made.poll(stream.name, cursor, 1)
                rounds += 1
                assert rounds < 200, f"{stream.name} never ends"
                if not page.more:
                    break
                assert page.cursor != cursor, f"{stream.name}: more waits, but the cursor stands still"
                cursor = page.cursor

    def test_lookups_answer_with_declared_fields(self, land: Landscape) -> None:
        """An answer holds the declared outputs, says where it comes from, and what age it has."""
        made = self.build(land)
        for name, inputs in self.lookups.items():
            offered = self.kind.lookup(name)
            shaped(dict(inputs), offered.inputs, f"sample of {name}")
            found = made.lookup(name, inputs, timeout_s=5)
            assert found.source, name
            if not found.absent:
                assert found.at is not None, name
                shaped(found.values, offered.outputs, f"answer of {name}")

    def test_the_same_key_has_one_effect(self, land: Landscape) -> None:
        """Sent twice with one key, an act is done once and says so, unless its kind admits that it may repeat."""
        made = self.build(land)
        for name, arguments in self.acts.items():
            offered = self.kind.act(name)
            shaped(dict(arguments), offered.arguments, f"sample of {name}")
            before = land.writes() if land.writes else 0
            first = made.act(name, arguments, key=f"law/{name}/1")
            between = land.writes() if land.writes else 0
            second = made.act(name, arguments, key=f"law/{name}/1")
            if offered.repeat is Repeat.MAY_REPEAT:
                continue
            assert second.external_id == first.external_id, name
            if land.writes and offered.repeat is not Repeat.IDEMPOTENT:
                assert between > before, f"{name}: the landscape's writes() does not count it"
                assert land.writes() == between, f"{name}: a second effect"

    def test_what_was_written_can_be_read_back(self, land: Landscape) -> None:
        """After an act, verify sees its effect."""
        made = self.build(land)
        for name, arguments in self.acts.items():
            outcome = made.act(name, arguments, key=f"law/{name}/2")
            verified = made.verify(name, arguments, outcome)
            assert verified.held or not verified.final, f"{name}: {verified.why}"
