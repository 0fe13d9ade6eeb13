"""When an action is tried again: the schedule as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.retry import JITTER, SCHEDULE_S, URGENT_ATTEMPTS, wait_before
from core.clock import SECOND
from core.errors import CredentialsError, InputError, RefusedError, TielineError, TransientError

SLOW = TransientError("It did not answer.", why="Timeout.")


@pytest.mark.parametrize(("attempts", "seconds"), list(enumerate(SCHEDULE_S[1:], 1)))
def test_waits_follow_the_schedule(attempts: int, seconds: int) -> None:
    """After n failures the wait is the n-th of the schedule."""
    assert wait_before(SLOW, attempts) == seconds * SECOND


def test_the_schedule_ends_after_twelve_attempts_and_about_76_hours() -> None:
    """Twelve attempts, then the action is a dead letter."""
    assert wait_before(SLOW, len(SCHEDULE_S)) is None
    assert len(SCHEDULE_S) == 12
    assert 75 * 3600 < sum(SCHEDULE_S) < 77 * 3600


@pytest.mark.parametrize("family", [InputError, RefusedError, CredentialsError])
def test_only_transient_errors_are_tried_again(family: type[TielineError]) -> None:
    """Who would get the same answer again is not asked again."""
    assert wait_before(family("x", why="y", fix="z"), 1) is None


@given(st.integers(1, 11), st.floats(-1, 1), st.booleans())
def test_jitter_stays_within_a_fifth(attempts: int, spread: float, urgent: bool) -> None:
    """Whatever the spread, the wait differs by at most 20 % from the plain one."""
    plain, moved = wait_before(SLOW, attempts, urgent=urgent), wait_before(SLOW, attempts, urgent=urgent, spread=spread)
    assert plain is not None
    assert moved is not None
    assert abs(moved - plain) <= plain * JITTER + 1


@pytest.mark.parametrize(("wish", "seconds"), [(90, 90), (1, 5), (10**9, 86_400)])
def test_the_far_sides_wish_counts_when_it_is_longer_up_to_a_day(wish: float, seconds: int) -> None:
    """Retry-After is obeyed, but nobody can put us off for ever."""
    slow = TransientError("Slow down.", why="429.", retry_after=wish)

    assert wait_before(slow, 1) == seconds * SECOND


def test_urgent_actions_are_tried_every_minute_for_as_long() -> None:
    """An urgent action is not given up sooner than a normal one."""
    assert wait_before(SLOW, 100, urgent=True) == 60 * SECOND
    assert wait_before(SLOW, URGENT_ATTEMPTS, urgent=True) is None
    assert sum(SCHEDULE_S) - 60 < URGENT_ATTEMPTS * 60 <= sum(SCHEDULE_S)
