"""Errors outside: RFC 9457, one status per family or case, three sentences, and nothing secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from core.errors import (
    ConflictError,
    CredentialsError,
    DefinitionError,
    InputError,
    MalformedError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    SettingsError,
    TielineError,
)
from gateway import problems
from gateway.refusals import TooLargeError
from tests.gateway.ground import Ground


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MalformedError, 400),
        (NotFoundError, 404),
        (ConflictError, 409),
        (InputError, 422),
        (CredentialsError, 422),
        (DefinitionError, 422),
        (SettingsError, 500),
        (RefusedError, 502),
        (RateLimitedError, 503),
    ],
)
def test_the_family_decides_the_status(error: type[TielineError], status: int) -> None:
    """The nearest class in the table wins; no error knows HTTP."""
    assert problems.status_of(error("What.", why="Why.", fix="Fix.")) == status


def test_a_wish_to_wait_is_passed_on() -> None:
    """Retry-After carries what the far side asked for."""
    assert problems.headers(RateLimitedError("x", why="y", retry_after=17)) == {"Retry-After": "17"}
    assert problems.headers(TooLargeError(5)) == {}


def test_titles_come_in_the_language_of_the_reader(ground: Ground) -> None:
    """Accept-Language decides; the code stays the same."""
    asked = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}
    chinese = ground.call("GET", "/connectors/nothing", headers=asked).get_json()
    english = ground.call("GET", "/connectors/nothing").get_json()

    assert (chinese["title"], english["title"]) == ("未找到", "Not found")
    assert chinese["code"] == english["code"] == "not-found"
    assert english["type"] == "/problems/not-found"
    assert ground.client().get(english["type"]).status_code == 200
    assert english["instance"] == "/api/v1/connectors/nothing"


@pytest.mark.parametrize(
    ("body", "status", "code", "told"),
    [
        (b"", 400, "malformed", "empty"),
        (b"{", 400, "malformed", "line 1"),
        (b'{"name": NaN}', 400, "malformed", "NaN"),
        (b'{"name": 1e999}', 400, "malformed", ""),
        (b'{"name": "a", "name": "b"}', 400, "malformed", "'name'"),
        (b'{"name": "\xff"}', 400, "malformed", ""),
        ('{"name": "x"}'.encode("utf-16"), 400, "malformed", ""),
        (b'{"name": "\\ud800"}', 400, "malformed", ""),
        (b'{"settings":' * 100 + b"1" + b"}" * 100, 400, "malformed", "deep"),
        (b"[" * 500_000, 400, "malformed", ""),
        (b"[]", 422, "validation", ""),
        (b"null", 422, "validation", ""),
        (b'{"name": "x", "kind": "memory", "colour": 1}', 422, "validation", "colour"),
        (b'{"name": 5, "kind": "memory"}', 422, "validation", "name"),
        (b'{"name": "../etc", "kind": "memory"}', 422, "validation", "name"),
        (b'{"name": "x", "kind": "memory", "draft": "yes"}', 422, "validation", "draft"),
        (b'{"name": "x", "kind": "memry"}', 404, "not-found", "'memory'"),
        (b'{"pad": "' + b"x" * (2 << 20) + b'"}', 413, "too-large", "1048576"),
    ],
)
def test_hostile_bodies_get_a_clear_answer(ground: Ground, body: bytes, status: int, code: str, told: str) -> None:
    """Never a 500, never half a registration; the answer names the place or the word."""
    response = post(ground, body)

    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert told in problem["detail"]
    assert response.content_type == problems.CONTENT_TYPE
    assert ground.ok("GET", "/connectors")["items"] == []


def post(ground: Ground, body: bytes, content_type: str = "application/json") -> TestResponse:
    headers = {"Authorization": f"Bearer {ground.key}"}
    return ground.client().post("/api/v1/connectors", data=body, content_type=content_type, headers=headers)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_other_content_types_are_refused(ground: Ground, kind: str) -> None:
    """415 says what to send."""
    response = post(ground, b"{}", kind)

    assert (response.status_code, response.get_json()["code"]) == (415, "unsupported-media")


def test_what_does_not_exist_and_what_is_not_allowed(ground: Ground) -> None:
    """404 and 405 are problems too; 405 lists the methods."""
    missing = ground.call("GET", "/nothing/here")
    wrong = ground.call("PUT", "/connectors")

    assert (missing.status_code, missing.get_json()["code"]) == (404, "not-found")
    assert (wrong.status_code, wrong.get_json()["code"]) == (405, "method-not-allowed")
    assert {"GET", "POST"} <= set(wrong.headers["Allow"].split(", "))


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=ten", "limit=1.5", "limit=1&limit=2", "since=yesterday",
                                   "since=2026-01-01T00:00:00", "state=broken", "colour=red"])  # fmt: skip
def test_a_wrong_parameter_is_named(ground: Ground, query: str) -> None:
    """Unknown, doubled and malformed parameters are 422, each by its name."""
    problem = ground.call("GET", f"/events?{query}").get_json()

    assert problem["status"] == 422
    assert problem["facts"]["faults"][0]["path"] == query.partition("=")[0]


def test_a_secret_in_a_refused_body_is_not_repeated(ground: Ground) -> None:
    """Faults name the place, never the value."""
    body = {"name": "x", "kind": "memory", "settings": {"token": 12345, "world": ["s3cr3t-value"]}}
    response = ground.call("POST", "/connectors", body)

    assert response.status_code == 422
    assert "s3cr3t" not in response.get_data(as_text=True)
    assert "12345" not in response.get_data(as_text=True)
    assert {one["path"] for one in response.get_json()["facts"]["faults"]} == {"settings.token", "settings.world"}


def test_an_unforeseen_error_shows_a_reference_and_nothing_else(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """The log holds the details under the reference that the caller was given."""

    def broken() -> str:
        raise ZeroDivisionError("s3cr3t detail")

    ground.app.add_url_rule("/broken", "broken", broken)
    response = ground.client().get("/broken")

    assert (response.status_code, response.get_json()["code"]) == (500, "internal")
    assert "s3cr3t" not in response.get_data(as_text=True)
    assert response.get_json()["facts"]["reference"] in caplog.text


def test_health_says_alive_and_ready(ground: Ground) -> None:
    """/healthz needs nothing; /readyz needs the database and says what is missing."""
    client = ground.client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200

    ground.db.close()
    database = Path(str(ground.db.url.database))
    for file in database.parent.glob("tieline.db*"):
        file.unlink()

    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["code"]) == (503, "not-ready")
    assert client.get("/healthz").status_code == 200
