"""Laws of form: what a kind declares, its settings and secrets, its check, its quality sheet."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import ValidationError

from connectors.kit import lawbook
from connectors.kit.contract import Field, Kind
from connectors.kit.lawbook import Landscape
from connectors.kit.lawground import Ground
from connectors.registry import connector_class, kind_names, sheet_of
from core.errors import NotFoundError, TielineError

_PROVES = re.compile(r"^(reachable|tls|credentials|clock|version|(permission|sample|field|lookup|setting):\S.*)$")
_SECRET = re.compile(r"(?i)secret|password|token|api_?key")


class FormLaws(Ground):
    """What a kind says about itself is true, strict, explained and keeps its secrets."""

    def test_the_kind_is_registered_and_described(self) -> None:
        """The registry finds this class by its kind's name, and every name in it is explained, once."""
        assert self.kind.name in kind_names()
        assert connector_class(self.kind.name) is self.connector
        assert self.kind.title.en
        assert re.search(r"[\u4e00-\u9fff]", self.kind.title.zh)
        for offered in (self.kind.streams, self.kind.lookups, self.kind.acts):
            names = [one.name for one in offered]
            assert len(set(names)) == len(names)
            assert all(one.help for one in offered)
        for fields in _field_lists(self.kind):
            assert len({one.name for one in fields}) == len(fields)

    def test_what_is_declared_is_offered_and_nothing_else(self, land: Landscape) -> None:
        """Every declared act and lookup has a sample here; a name that is not declared is answered with the known ones."""
        assert set(self.acts) == {one.name for one in self.kind.acts}
        assert set(self.lookups) == {one.name for one in self.kind.lookups}
        assert bool(self.pushed) == any(one.pushed for one in self.kind.streams)
        made = self.build(land)
        calls: list[Callable[[], object]] = []
        if self.kind.acts:
            calls.append(lambda: made.act("no such act", {}, key="k"))
        if self.kind.lookups:
            calls.append(lambda: made.lookup("no such lookup", {}, timeout_s=1))
        if any(one.polled for one in self.kind.streams):
            calls.append(lambda: made.poll("no such stream", None))
        for call in calls:
            with pytest.raises(NotFoundError):
                call()

    def test_settings_are_strict_and_explained(self, land: Landscape) -> None:
        """The example builds; an unknown field is refused; every field has titles in both languages; secrets are secret."""
        model = self.kind.settings
        model.model_validate(land.settings)
        with pytest.raises(ValidationError):
            model.model_validate({**land.settings, "no_such_setting": 1})
        for name, field in model.model_fields.items():
            assert field.title, f"{name} has no title"
            extra = field.json_schema_extra
            assert isinstance(extra, dict), f"{name} has no Chinese title"
            assert re.search(r"[\u4e00-\u9fff]", str(extra.get("zh"))), f"{name} has no Chinese title"
            if _SECRET.search(name):
                assert "Secret" in str(field.annotation), f"{name} looks like a secret and is not one"
        assert model.model_json_schema()["additionalProperties"] is False

    def test_no_secret_is_ever_shown(self, land: Landscape) -> None:
        """Neither a repr nor an error nor a check report shows a secret, even when the far side echoes it."""
        settings, made = self.settings(land), self.build(land)
        secrets = lawbook.secrets_of(settings)
        shown = [repr(made), str(made), repr(settings), str(settings), str(made.check().as_dict())]
        for status in (400, 401, 403, 429, 500):
            for touch in self.touches().values() if land.route is not None else ():
                impatient = self.build(land)
                assert land.route is not None
                land.route.next(status=status, body=f"you sent {' and '.join(secrets)}".encode(), times=20)
                try:
                    touch(impatient)
                except TielineError as error:
                    shown += [repr(error), str(error.as_dict())]
                finally:
                    land.calm()
        for secret in secrets:
            assert not [text for text in shown if secret in text]

    def test_check_says_what_it_proves_and_only_reads(self, land: Landscape) -> None:
        """On a good day every needed step holds, each is named for what it proves, and nothing was written."""
        made = self.build(land)
        before = land.writes() if land.writes else 0
        report = made.check()
        assert report.ok, report.as_dict()
        names = [step.name for step in report.steps]
        assert len(set(names)) == len(names)
        assert all(_PROVES.match(name) for name in names), names
        assert (land.writes() if land.writes else 0) == before

    @pytest.mark.parametrize("word", ["unauthorised", "down", "silent"])
    def test_check_reports_a_bad_day_with_the_fix(self, land: Landscape, word: str) -> None:
        """On a bad day check returns a report, not an exception, and its failed step says what to do, in time."""
        made = self.build(land)
        self.trouble(land, word)
        began = time.monotonic()
        report = made.check()
        land.calm()
        assert time.monotonic() - began < self.patience_s * 2
        failed = [step for step in report.steps if not step.ok]
        assert not report.ok
        assert failed
        assert all(step.detail and step.fix for step in failed)

    def test_the_quality_sheet_is_complete(self) -> None:
        """Every rule is done, or todo or exempt with its reason; evidence has a date and a version."""
        assert sheet_of(self.kind.name).evidence


def _field_lists(kind: Kind) -> Iterator[tuple[Field, ...]]:
    yield from (one.fields for one in kind.streams)
    yield from (one.arguments for one in kind.acts)
    for one in kind.lookups:
        yield one.inputs
        yield one.outputs
