"""Laws of trouble: whatever goes wrong out there arrives as one of our families, in time, with the foreign words."""

from __future__ import annotations

import time

from connectors.kit import lawbook
from connectors.kit.lawbook import Landscape
from connectors.kit.lawground import Ground
from core.errors import CredentialsError, RateLimitedError, RefusedError, TransientError


class TroubleLaws(Ground):
    """Every way out meets every bad day."""

    def test_refused_credentials_are_a_credentials_error(self, land: Landscape) -> None:
        """Whatever we do with credentials that are not accepted, a person is told to renew them."""
        for name, touch in self.touches().items():
            assert isinstance(self.raised(land, "unauthorised", touch), CredentialsError), name

    def test_a_far_side_that_is_down_is_transient(self, land: Landscape) -> None:
        """An outage is nobody's fault here: it is tried again."""
        for name, touch in self.touches().items():
            assert isinstance(self.raised(land, "down", touch), TransientError), name

    def test_silence_ends_in_time(self, land: Landscape) -> None:
        """Every request has a timeout, so that a far side that says nothing cannot hold a worker."""
        for name, touch in self.touches().items():
            began = time.monotonic()
            assert isinstance(self.raised(land, "silent", touch), TransientError), name
            assert time.monotonic() - began < self.patience_s, name

    def test_a_wish_to_wait_is_kept(self, land: Landscape) -> None:
        """The seconds of Retry-After arrive at whoever plans the next try."""
        for name, touch in self.touches().items():
            error = self.raised(land, "busy", touch)
            assert isinstance(error, RateLimitedError), name
            assert error.retry_after == lawbook.WAIT_S, name

    def test_a_refusal_keeps_the_foreign_words(self, land: Landscape) -> None:
        """When the far side understood us and said no, its own words reach the operator."""
        acts = {name: touch for name, touch in self.touches().items() if name.startswith("act ")}
        for name, touch in (acts or self.touches()).items():
            error = self.raised(land, "refused", touch)
            assert isinstance(error, RefusedError), name
            assert lawbook.FOREIGN in str(error.as_dict()), name
