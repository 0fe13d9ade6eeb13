"""What an answer means: rules over status and body, decoding, and every bad day as the right error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from connectors.kit.declared.decoding import rows_of
from connectors.kit.declared.judging import QuotaError
from connectors.kit.declared.wire import Decode
from connectors.kit.faults import FaultyRoute
from connectors.kit.tokens import WrongCredentialsError
from core.errors import (
    CredentialsError,
    InputError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    TielineError,
    TransientError,
)
from tests.connectors.declared.small import bent, made

ANSWER = """
answer:
  success: {at: errcode, text_one_of: ["0"]}
  words: errmsg
  classify:
    - {when: {body_has: 非法token}, as: auth_expired}
    - {when: {at: errcode, equals: 1}, as: auth_wrong, fix: "Correct them."}
    - {when: {at: errcode, one_of: [2, "2"]}, as: rate_limited, wait: {at: wait_ms, unit: ms}}
    - {when: {at: errcode, equals: 3}, as: quota_exhausted}
    - {when: {at: errcode, equals: 4}, as: permission}
    - {when: [{status: 200}, {at: errcode, equals: 5}, {at: errmsg, has: Busy}], as: transient}
    - {when: {at: errcode, equals: 5}, as: permanent}
    - {when: {at: errcode, equals: 6}, as: duplicate_ok}
"""


@pytest.fixture
def far() -> Iterator[FaultyRoute]:
    """Give a far side that says what it is told to say."""
    with FaultyRoute() as route:
        yield route


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ({"errcode": 1, "errmsg": "no"}, WrongCredentialsError, "Correct them."),
        ({"errcode": "2", "errmsg": "slow", "wait_ms": 1500}, RateLimitedError, "slow"),
        ({"errcode": 3, "errmsg": "bought out"}, QuotaError, "bought out"),
        ({"errcode": 4, "errmsg": "not yours"}, PermissionDeniedError, "not yours"),
        ({"errcode": 5, "errmsg": "we are BUSY"}, TransientError, "BUSY"),
        ({"errcode": 5, "errmsg": "locked"}, RefusedError, "locked"),
        ({"errcode": 9, "errmsg": "whatever"}, RefusedError, "whatever"),
        ("<html>maintenance</html>", TransientError, "not JSON"),
        ("非法token", CredentialsError, "非法token"),
    ],
)
def test_an_answer_of_200_that_is_none(far: FaultyRoute, body: Any, error: type[TielineError], says: str) -> None:
    """HTTP 200 with an error body becomes the right family, with the far side's own words."""
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    far.next(status=200, body=raw, times=2)
    with pytest.raises(error) as caught:
        made(bent(extra=ANSWER), far.url).poll("things", None)
    assert says in str(caught.value.as_dict())
    if error is RateLimitedError:
        assert caught.value.retry_after == 1.5  # type: ignore[attr-defined] # it is a RateLimitedError


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401}, CredentialsError), ({"status": 403}, PermissionDeniedError), ({"status": 404}, RefusedError),
        ({"status": 409}, RefusedError), ({"status": 429, "headers": {"Retry-After": "7"}}, RateLimitedError),
        ({"status": 500}, TransientError), ({"status": 503}, TransientError), ({"drop": True}, TransientError),
        ({"hang_s": 9}, TransientError), ({"status": 200, "body": b'{"things": [{"id": 1'}, TransientError),
    ],
)  # fmt: skip
def test_every_bad_day_is_one_of_the_families(far: FaultyRoute, fault: dict[str, Any], error: type[TielineError]) -> None:
    """401, 403, 404, 409, 429, 5xx, a cut connection, silence and half a body."""
    far.next(**fault)
    with pytest.raises(error):
        made(bent(), far.url, timeout_s=0.5).poll("things", None)


@pytest.mark.parametrize(
    ("step", "body", "rows"),
    [
        ({"zip": {"names": ["id", "at"]}}, [[1, 2], [3, 4]], [{"id": 1, "at": 2}, {"id": 3, "at": 4}]),
        ({"zip": {"rows": "data", "names_at": "column_meta"}}, {"data": [[1]], "column_meta": [["ts", "INT", 4]]}, [{"ts": 1}]),
        ({"zip": {"rows": "d", "names_at": "m", "name_in": "n"}}, {"d": [[1]], "m": [{"n": "x"}]}, [{"x": 1}]),
        ({"named": {"at": "hosts", "name_as": "host"}}, {"hosts": {"a": {"up": 1}, "b": 2}},
         [{"up": 1, "host": "a"}, {"host": "b", "value": 2}]),
        ({"json_in": ["tags"]}, [{"tags": '{"a": 1}'}, {"tags": "no"}], [{"tags": {"a": 1}}, {"tags": None}]),
        ({"pairs": {"at": "tags", "name": "tag"}}, [{"tags": [{"tag": "a", "value": "1"}]}], [{"tags": {"a": "1"}}]),
        ({"points": "value"}, [{"value": [1.5, "7"]}], [{"value": {"time": 1.5, "value": "7"}}]),
        ({"blank": [False]}, [{"a": False, "b": 0}], [{"a": None, "b": 0}]),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)  # fmt: skip
def test_decoding_by_name(step: dict[str, Any], body: Any, rows: Any) -> None:
    """Arrays with names, maps by name, JSON in texts, pairs, points, blanks."""
    assert rows_of(body, "$", [Decode.model_validate(step)], "it") == rows


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ({"zip": {"names": ["a", "b"]}}, [[1]]),
        ({"zip": {"names_at": "m"}}, {"m": 1}),
        ({"named": {}}, []),
        ({"json_in": ["a"]}, [1]),
    ],
)
def test_what_does_not_decode_is_a_shape_error(step: dict[str, Any], body: Any) -> None:
    """A row of another length, a list where an object was, are told; nothing is guessed."""
    with pytest.raises(InputError):
        rows_of(body, "$", [Decode.model_validate(step)], "it")


@pytest.mark.parametrize(
    ("read", "body"),
    [("csv", b"id,at\n1,2\n3,4\n"), ("ndjson", b'{"id": 1, "at": 2}\n{"id": 3, "at": 4}\n')],
)
def test_other_forms_than_json(far: FaultyRoute, read: str, body: bytes) -> None:
    """CSV and lines of JSON are records too."""
    kind = bent(("    records: things\n", "    records: $\n"), extra=f"answer: {{read: {read}}}\n")
    far.next(status=200, body=body)
    page = made(kind, far.url).poll("things", None)
    assert [int(one["id"]) for one in orjson.loads(page.body)["records"]] == [1, 3]


def test_a_request_before_the_request(far: FaultyRoute) -> None:
    """A token against forgery is got first, kept for its time, and a value of it is sent along."""
    kind = bent(
        ("request: {path: things,", "request: {path: things, before: csrf, headers: {x-csrf-token: '{before.csrf}'},"),
        extra="before:\n  csrf: {request: {path: token}, take: {csrf: 'header:x-csrf-token'}, keep_s: 60}\n",
    )
    far.next(status=200, headers={"X-CSRF-Token": "csrf-of-today"})
    one = made(kind, far.url)
    one.poll("things", None)
    one.poll("things", None)
    assert [(seen.path.split("?")[0], seen.headers.get("x-csrf-token")) for seen in far.seen] == [
        ("/api/token", None), ("/api/things", "csrf-of-today"), ("/api/things", "csrf-of-today"),
    ]  # fmt: skip


def test_a_budget_is_kept(far: FaultyRoute) -> None:
    """Who comes too often waits a little, and then is told when to come again."""
    one = made(bent(extra="budget: {calls: 2, per_s: 30}\n"), far.url)
    for _ in range(2):
        one.poll("things", None)
    with pytest.raises(RateLimitedError) as caught:
        one.poll("things", None)
    assert 10 < (caught.value.retry_after or 0) <= 15
    assert len(far.seen) == 2
