"""
One token engine: a token is renewed before it ends, by one worker of all, and a wrong credential is never tried twice.

Where tokens are kept is somebody else's business (``Tokens``): rows for a registered connector, so that every process
sees the same one; a place in memory for one that is not registered yet. Who wants to renew claims a lease with a
fence first, reads again under it (somebody may just have done it), asks the far side, and keeps what came. Everybody
else waits for that. So a refresh token that may be used once is used once.

*Expired* is renewed. *Wrong* (the far side says that the credentials themselves are not good) is remembered: until the
settings change or a person asks for a check, nothing is sent. Anything else cools down, longer each time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.clock import SECOND, Clock, SystemClock
from core.errors import CredentialsError, TielineError, TransientError
from core.words import Micros

COOL_S = (5, 30, 60, 300, 900)
"""Seconds of rest after the first, second … failed renewal."""

EXHAUSTED_AFTER_S = 4 * 86_400
"""A renewal that has failed for this long is no longer an outage: a person has to look."""

_TRY_AGAIN = "See why it fails over there; then `tieline connectors check NAME` tries once more."


@dataclass(frozen=True, slots=True)
class Token:
    """What the far side gave: ``access`` and whatever else was taken, and when it ends (None: nobody knows)."""

    values: dict[str, str] = field(repr=False)
    expires_at: Micros | None = None

    @property
    def access(self) -> str:
        """The value that opens the far side."""
        return self.values["access"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last renewal failed, and how long nobody should try."""

    what: str
    why: str
    fix: str
    wrong: bool
    failures: int
    since: Micros
    cool_until: Micros | None  #: None: until a person does something


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept now: a token, or the trouble with getting one, or neither; ``fence`` counts the claims."""

    token: Token | None = None
    trouble: Trouble | None = None
    fence: int = 0


class Tokens(Protocol):
    """
    A place where one connector's token is kept. ``seed`` is the fingerprint of the credentials that a token comes
    from: with other credentials, what is kept counts for nothing.
    """

    def now(self) -> Micros: ...

    def read(self, seed: str) -> Kept: ...

    def claim(self, seed: str, lease_s: float) -> int | None:
        """Return a fence if nobody else is renewing; the lease ends by itself."""

    def keep(self, seed: str, fence: int, token: Token) -> bool:
        """Keep a new token and give the lease back; False if the lease was lost to somebody else."""

    def fail(self, fence: int, trouble: Trouble) -> None: ...

    def release(self, fence: int) -> None: ...


class PrivateTokens:
    """Tokens in memory: for a connector that is being tried out, and for tests."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._kept, self._seed = Kept(), ""
        self._lease_ends = 0.0

    @property
    def held(self) -> tuple[str, Token] | None:
        """The token that is kept, with the fingerprint of its credentials."""
        with self._lock:
            return None if self._kept.token is None else (self._seed, self._kept.token)

    def now(self) -> Micros:
        """Return this machine's time."""
        return self._clock.now()

    def read(self, seed: str) -> Kept:
        """Return what is kept for these credentials."""
        with self._lock:
            return self._kept if seed == self._seed else Kept(fence=self._kept.fence)

    def claim(self, seed: str, lease_s: float) -> int | None:
        """Claim the renewal."""
        with self._lock:
            if time.monotonic() < self._lease_ends:
                return None
            if seed != self._seed:
                self._kept, self._seed = Kept(fence=self._kept.fence), seed
            self._lease_ends = time.monotonic() + lease_s
            self._kept = Kept(self._kept.token, self._kept.trouble, self._kept.fence + 1)
            return self._kept.fence

    def keep(self, seed: str, fence: int, token: Token) -> bool:
        """Keep it, if the lease is still ours."""
        with self._lock:
            if fence != self._kept.fence:
                return False
            self._kept, self._lease_ends = Kept(token, None, fence), 0.0
            return True

    def fail(self, fence: int, trouble: Trouble) -> None:
        """Remember the trouble."""
        with self._lock:
            if fence == self._kept.fence:
                self._kept, self._lease_ends = Kept(self._kept.token, trouble, fence), 0.0

    def release(self, fence: int) -> None:
        """Give the lease back."""
        with self._lock:
            if fence == self._kept.fence:
                self._lease_ends = 0.0


class WrongCredentialsError(CredentialsError):
    """The far side says that the credentials themselves are wrong: trying again is useless."""

    code = "credentials-wrong"
    title, title_zh = "The credentials are wrong", "凭据错误"


class Keeper:
    """Gives the current token of one connector to any number of threads."""

    def __init__(
        self, tokens: Tokens, seed: str, fetch: Callable[[Token | None], Token], *, system: str, margin_s: int, timeout_s: float
    ) -> None:
        self._tokens, self._seed, self._fetch = tokens, seed, fetch
        self._system, self._margin, self._timeout_s = system, margin_s * SECOND, timeout_s
        self._last: Token | None = None

    def current(self, refused: str | None = None, *, wait_s: float | None = None) -> Token:
        """Return a token that is good for a while; ``refused`` is one that the far side has just not taken."""
        now = self._tokens.now()
        last = self._last
        if last is not None and self._usable(last, refused, now):
            return last
        ends = time.monotonic() + (wait_s if wait_s is not None else 2 * self._timeout_s)
        pause = 0.01
        while True:
            kept = self._tokens.read(self._seed)
            now = self._tokens.now()
            if kept.token is not None and self._usable(kept.token, refused, now):
                self._last = kept.token
                return kept.token
            if kept.trouble is not None:
                self._stop(kept.trouble, now)
            fence = self._tokens.claim(self._seed, 2 * self._timeout_s + 5)
            if fence is not None:
                return self._renew(fence, refused)
            if time.monotonic() >= ends:
                raise TransientError(
                    f"The token of {self._system} is being renewed by another worker.",
                    why="It takes longer than this request may wait.",
                    retry_after=1.0,
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.2)

    def _usable(self, token: Token, refused: str | None, now: Micros) -> bool:
        if refused is not None and token.access == refused:
            return False
        return token.expires_at is None or now < token.expires_at - self._margin

    def _stop(self, trouble: Trouble, now: Micros) -> None:
        if trouble.wrong:
            raise WrongCredentialsError(trouble.what, why=trouble.why, fix=trouble.fix)
        if trouble.cool_until is not None and now < trouble.cool_until:
            raise TransientError(trouble.what, why=trouble.why, retry_after=max((trouble.cool_until - now) / SECOND, 0.001))

    def _renew(self, fence: int, refused: str | None) -> Token:
        """Renew under the lease; read again first, because somebody may have done it between our look and our claim."""
        kept = self._tokens.read(self._seed)
        if kept.token is not None and self._usable(kept.token, refused, self._tokens.now()):
            self._tokens.release(fence)
            self._last = kept.token
            return kept.token
        try:
            made = self._fetch(kept.token)
        except TielineError as error:
            self._tokens.fail(fence, self._trouble(error, kept.trouble))
            raise
        except BaseException:
            self._tokens.release(fence)
            raise
        if not self._tokens.keep(self._seed, fence, made):
            newer = self._tokens.read(self._seed).token
            made = newer if newer is not None and newer.access != refused else made
        self._last = made
        return made

    def _trouble(self, error: TielineError, before: Trouble | None) -> Trouble:
        now = self._tokens.now()
        failures = (before.failures if before else 0) + 1
        since = before.since if before else now
        exhausted = now - since > EXHAUSTED_AFTER_S * SECOND
        wrong = exhausted or isinstance(error, CredentialsError)
        asked = getattr(error, "retry_after", None) or 0
        rest = max(COOL_S[min(failures, len(COOL_S)) - 1], asked)
        until = None if wrong else now + round(rest * SECOND)
        return Trouble(error.what, error.why, _TRY_AGAIN if exhausted else error.fix, wrong, failures, since, until)
