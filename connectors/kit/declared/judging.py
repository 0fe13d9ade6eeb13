"""What an answer is: success, one of the named sorts, or what its status says; and the error each becomes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.kit import outcomes
from connectors.kit.answers import Response, UnreadableAnswerError
from connectors.kit.declared.paths import path
from connectors.kit.declared.predicates import Test, every
from connectors.kit.declared.wire import Answer, Rule, Wait
from connectors.kit.redact import Redactor
from connectors.kit.tokens import WrongCredentialsError
from core.errors import (
    CredentialsError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
)
from core.words import Json

_WORDS = 500


class QuotaError(SetupError):
    """What was bought of the other system is used up."""

    code = "quota"
    title, title_zh = "The quota of the other system is used up", "对方系统的配额已用尽"


class ExpiredError(CredentialsError):
    """The far side no longer takes our token; it is renewed once before anybody hears of it."""

    code = "credentials-expired"
    title, title_zh = "The token is no longer accepted", "令牌已失效"


@dataclass(frozen=True, slots=True)
class Got:
    """An answer that is no error: ``sort`` is ok, duplicate_ok or not_found."""

    answer: Response
    body: Json
    sort: str = "ok"


class Judge:
    """One compiled ``answer:``; safe to share."""

    def __init__(self, own: Answer | None, common: Answer) -> None:
        own = own or Answer()
        self._read = own.read or common.read or "json"
        success = own.success if "success" in own.model_fields_set else common.success
        self._success = every(success) if success else None
        self._rules: list[tuple[Test, Rule]] = [(every(rule.when), rule) for rule in (*own.classify, *common.classify)]
        conditions = [*success, *(one for _, rule in self._rules for one in rule.when)]
        self._wants_text = any(one.reads_text for one in conditions)
        words = own.words or common.words
        self._words = path(words) if words else None

    def judge(self, answer: Response, system: str, redact: Redactor, *, renewable: bool) -> Got:
        """Return what came, or raise what it means; ``renewable`` says whether a 401 may be an expired token."""
        body, broken = _decoded(answer, self._read)
        text = answer.text if self._wants_text else ""
        for test, rule in self._rules:
            if test(answer.status, body, text):
                if rule.as_ in ("duplicate_ok", "not_found"):
                    return Got(answer, body, rule.as_)
                raise self._error(rule, answer, body, system, redact)
        if not 200 <= answer.status < 300:
            raise _of_status(answer, system, redact, self._said(answer, body, redact), renewable=renewable)
        if broken is not None:
            raise broken
        if self._success is not None and not self._success(answer.status, body, text):
            raise RefusedError(
                f"{system} refused ({answer.place}).",
                why=self._why(answer, body, redact),
                fix="Change what is sent, or the other system's rules; then retry.",
                status=answer.status,
                foreign=self._said(answer, body, redact),
            )
        return Got(answer, body)

    def _said(self, answer: Response, body: Json, redact: Redactor) -> str:
        if self._words is not None and (said := self._words(body)) not in (None, "", []):
            shown = said if isinstance(said, str) else orjson.dumps(said).decode()
            return redact(" ".join(shown.split()))[:_WORDS]
        return outcomes.foreign_words(answer, redact)

    def _why(self, answer: Response, body: Json, redact: Redactor) -> str:
        said = self._said(answer, body, redact)
        return f"It answered {answer.status}: {said}" if said else f"It answered {answer.status}."

    def _error(self, rule: Rule, answer: Response, body: Json, system: str, redact: Redactor) -> TielineError:
        why = self._why(answer, body, redact)
        facts: dict[str, Any] = {"status": answer.status, "foreign": self._said(answer, body, redact)}
        return _MADE[rule.as_](rule, f"{system}", answer.place, why, _waited(rule.wait, answer, body), facts)


def _decoded(answer: Response, read: str) -> tuple[Json, TielineError | None]:
    if read == "nothing" or not answer.body:
        return None, None
    if read == "text":
        return answer.text, None
    if read == "json":
        try:
            return orjson.loads(answer.body), None
        except orjson.JSONDecodeError:
            return None, _unreadable(answer)
    try:
        if read == "ndjson":
            return [orjson.loads(line) for line in answer.body.splitlines() if line.strip()], None
        rows = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), strict=True)
        return [{str(name): value for name, value in row.items()} for row in rows], None
    except (orjson.JSONDecodeError, csv.Error) as error:
        return None, UnreadableAnswerError(
            f"{answer.system} answered {answer.place} with something that is not {read.upper()}.", why=f"{error}."
        )


def _unreadable(answer: Response) -> TielineError:
    try:
        answer.json()
    except TielineError as error:
        return error
    raise AssertionError("it was not JSON a moment ago")


def _of_status(answer: Response, system: str, redact: Redactor, said: str, *, renewable: bool) -> TielineError:
    if answer.status == 401 and renewable:
        return ExpiredError(
            f"{system} no longer takes our token ({answer.place}).",
            why=f"It answered 401: {said}" if said else "It answered 401.",
            fix="Authorise the connector again, or give it new credentials.",
            status=401,
            foreign=said,
        )
    error = outcomes.from_status(answer, system, redact)
    if said and said != error.facts.get("foreign"):
        error.why, error.facts["foreign"] = f"It answered {answer.status}: {said}", said
        error.args = (f"{error.what} {error.why} {error.fix}".strip(),)
    return error


def _waited(wait: Wait | float | None, answer: Response, body: Json) -> float | None:
    if isinstance(wait, int | float):
        return float(wait)
    if wait is None:
        return outcomes.retry_after(answer)
    given = answer.headers.get(wait.header.lower()) if wait.header else path(wait.at or "$")(body)
    try:
        number = float(given)  # type: ignore[arg-type] # what is no number raises, and then nobody said how long
    except (TypeError, ValueError):
        return outcomes.retry_after(answer)
    if wait.unit == "until_s":
        import time

        return max(number - time.time(), 0.0)
    return max(number / (1000 if wait.unit == "ms" else 1), 0.0)


_Made = Callable[[Rule, str, str, str, float | None, dict[str, Any]], TielineError]
_RENEW = "Authorise the connector again, or give it new credentials."
_REFUSED = "Change what is sent, or the other system's rules; then retry."
_MADE: dict[str, _Made] = {
    "auth_expired": lambda rule, who, place, why, _wait, facts: ExpiredError(
        f"{who} no longer takes our token ({place}).", why=why,
        fix=rule.fix or _RENEW, **facts,
    ),
    "auth_wrong": lambda rule, who, place, why, _wait, facts: WrongCredentialsError(
        f"{who} says that our credentials are wrong ({place}).", why=why,
        fix=rule.fix or "Correct the connector's credentials.", **facts,
    ),
    "rate_limited": lambda _rule, who, place, why, wait, facts: RateLimitedError(
        f"{who} asks us to slow down ({place}).", why=why, retry_after=wait, **facts
    ),
    "quota_exhausted": lambda rule, who, place, why, _wait, facts: QuotaError(
        f"The quota at {who} is used up ({place}).", why=why, fix=rule.fix or "Buy more of it, or call less often.", **facts
    ),
    "permission": lambda rule, who, place, why, _wait, facts: PermissionDeniedError(
        f"{who} knows us, but does not let us do this ({place}).", why=why,
        fix=rule.fix or "Give the connector's user this permission there.", **facts,
    ),
    "transient": lambda _rule, who, place, why, wait, facts: TransientError(
        f"{who} cannot serve us now ({place}).", why=why, retry_after=wait, **facts
    ),
    "permanent": lambda rule, who, place, why, _wait, facts: RefusedError(
        f"{who} refused ({place}).", why=why, fix=rule.fix or _REFUSED, **facts
    ),
}  # fmt: skip
