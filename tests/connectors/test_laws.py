"""The laws can fail: a connector that breaks one is caught by the law it breaks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.kit.contract import CheckReport, Settings
from connectors.kit.lawbook import Landscape
from connectors.memory.connector import Memory
from core.errors import TielineError, TransientError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified
from tests.connectors.test_memory import TestMemory as _Lawful


class Forgetful(Memory):
    """Breaks every law that a subclass of the twin can break."""

    count = 0

    def __repr__(self) -> str:
        return f"<Forgetful with {self.settings.token.get_secret_value() if self.settings.token else ''}>"

    def check(self) -> CheckReport:
        self.world.writes += 1
        return super().check()

    @classmethod
    def parse(cls, delivery: Delivery, settings: Settings) -> list[Record]:
        if delivery.body.startswith(b"["):
            raise KeyError("lists")
        cls.count += 1
        return [replace(one, version=str(cls.count), data={**one.data, "x": 1}) for one in super().parse(delivery, settings)]

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        try:
            return replace(super().poll(stream, None, limit), more=True)
        except TielineError as error:
            raise RuntimeError("raw") from error

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        try:
            return replace(super().lookup(name, inputs, timeout_s=timeout_s), values={"surprise": 1}, absent=False)
        except TransientError:
            time.sleep(0.3)
            raise

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        Forgetful.count += 1
        return super().act(name, arguments, key=f"{key}/{Forgetful.count}")

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        return Verified(held=False, why="I never look.")


class _Broken(_Lawful):
    connector = Forgetful
    patience_s = 0.2
    __test__ = False


@pytest.mark.parametrize(
    "law",
    [
        "test_the_kind_is_registered_and_described",
        "test_no_secret_is_ever_shown",
        "test_refused_credentials_are_a_credentials_error",
        "test_silence_ends_in_time",
        "test_parse_is_pure",
        "test_parse_is_total",
        "test_pages_come_back_as_declared_records",
        "test_pushed_bodies_become_declared_records",
        "test_the_cursor_moves_past_what_was_read",
        "test_lookups_answer_with_declared_fields",
        "test_the_same_key_has_one_effect",
        "test_what_was_written_can_be_read_back",
        "test_check_says_what_it_proves_and_only_reads",
    ],
)
def test_a_broken_law_is_noticed(law: str) -> None:
    """The law fails on a connector that breaks it, and holds on the twin it was broken from."""
    for suite, breaks in ((_Lawful(), False), (_Broken(), True)):
        with suite.landscape() as land:
            if breaks:
                with pytest.raises(BaseException):  # noqa: B017, PT011 - an assertion, or the raw error it let out
                    _run(suite, law, land)
            else:
                _run(suite, law, land)


def _run(suite: _Lawful, law: str, land: Landscape) -> None:
    test = getattr(suite, law)
    test() if law == "test_the_kind_is_registered_and_described" else test(land)
