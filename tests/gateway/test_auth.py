"""Keys: who is calling, and what they may do."""

from __future__ import annotations

import hashlib
import re

import pytest
from sqlalchemy import select

from core.clock import SECOND
from core.tables import api_key
from gateway import auth
from tests.gateway.ground import Ground


def test_a_key_is_stored_only_as_its_hash(ground_on_each: Ground) -> None:
    """The row holds prefix and SHA-256; the key itself is nowhere."""
    made = ground_on_each.ok("POST", "/keys", {"name": "agent", "scopes": ["read"]})

    assert re.fullmatch(r"tl_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}", made["key"])
    with ground_on_each.db.read() as conn:
        row = conn.execute(select(api_key).where(api_key.c.prefix == made["prefix"])).mappings().one()
    assert row["sha256"] == hashlib.sha256(made["key"].encode()).hexdigest()
    assert made["key"][12:] not in str(dict(row))
    assert made["key"][12:] not in ground_on_each.call("GET", "/keys").get_data(as_text=True)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (None, "No key came"),
        ("Basic dXNlcjpwYXNz", "The scheme 'Basic'"),
        ("Bearer nonsense", "does not look like a key"),
        ("Bearer tl_abcdefgh_" + "x" * 43, "No such key"),
    ],
)
def test_without_a_good_key_nothing_is_answered(ground: Ground, header: str | None, why: str) -> None:
    """Every refusal is 401, says why, and names the scheme to use."""
    headers = {"Authorization": header} if header else {}
    response = ground.client().get("/api/v1/connectors", headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.get_json()["code"] == "unauthenticated"
    assert why in response.get_json()["why"]


def test_the_secret_part_of_a_key_decides(ground: Ground) -> None:
    """A known prefix with another secret is refused exactly like an unknown one."""
    forged = ground.key[:-1] + ("a" if ground.key[-1] != "a" else "b")

    one = ground.call("GET", "/connectors", key=forged).get_json()
    other = ground.call("GET", "/connectors", key="tl_zzzzzzzz_" + "y" * 43).get_json()

    assert one["why"] == other["why"] == "No such key."


def test_a_missing_scope_is_named(ground: Ground) -> None:
    """403 says which scope is needed and which the key has."""
    response = ground.call("POST", "/connectors", {"name": "x", "kind": "memory"}, key=ground.make_key("read", name="reader"))

    problem = response.get_json()
    assert response.status_code == 403
    assert problem["facts"] == {"needed": "connectors:write", "held": ["read"]}
    assert "'connectors:write'" in problem["why"]
    assert "'reader'" in problem["what"]


def test_every_write_needs_its_scope_and_reading_never_suffices(ground: Ground) -> None:
    """No operation that changes anything is open to a key that may only read."""
    from gateway.api import SUBJECTS

    writes = [one for subject in SUBJECTS for one in subject.operations if one.scope != "read"]
    assert len(writes) > 10
    assert all(one.scope in auth.SCOPES for subject in SUBJECTS for one in subject.operations)
    key = ground.make_key("read")
    for one in writes:
        path = re.sub(r"<\w+>", "x", one.path)
        response = ground.call(one.method, path, {}, key=key)
        assert response.status_code == 403, one.name
        assert response.get_json()["facts"]["needed"] == one.scope


def test_a_revoked_key_ends_at_once_and_stays_listed(ground_on_each: Ground) -> None:
    """The next call is refused and says since when; the list still shows it."""
    made = ground_on_each.ok("POST", "/keys", {"name": "agent", "scopes": ["read"]})
    ground_on_each.ok("GET", "/connectors", key=made["key"])

    revoked = ground_on_each.ok("DELETE", f"/keys/{made['prefix']}")

    response = ground_on_each.call("GET", "/connectors", key=made["key"])
    assert response.status_code == 401
    assert revoked["revoked_at"] in response.get_json()["why"]
    assert ground_on_each.call("DELETE", f"/keys/{made['prefix']}").status_code == 409
    assert made["prefix"] in [one["prefix"] for one in ground_on_each.ok("GET", "/keys")["items"]]


def test_a_key_expires_at_its_time(ground: Ground) -> None:
    """It works until then and not at that moment."""
    made = ground.ok("POST", "/keys", {"name": "guest", "scopes": ["read"], "expires_at": "2026-01-01T01:00:00Z"})
    ground.clock.move(3599)
    assert ground.call("GET", "/connectors", key=made["key"]).status_code == 200

    ground.clock.move(1)

    assert "expired" in ground.call("GET", "/connectors", key=made["key"]).get_json()["why"]


def test_use_is_noted_at_most_once_a_minute(ground: Ground) -> None:
    """A busy key costs one write a minute, not one a call."""

    def noted() -> int:
        with ground.db.read() as conn:
            return int(conn.execute(select(api_key.c.last_used_at).where(api_key.c.prefix == ground.key[:11])).scalar_one())

    ground.ok("GET", "/connectors")
    first = noted()
    ground.clock.move(59)
    ground.ok("GET", "/connectors")
    assert noted() == first

    ground.clock.move(1)
    ground.ok("GET", "/connectors")

    assert noted() == first + 60 * SECOND


@pytest.mark.parametrize("scopes", [["everything"], ["read", "reed"]])
def test_a_key_cannot_have_a_scope_that_does_not_exist(ground: Ground, scopes: list[str]) -> None:
    """The unknown one is named, and the known ones are listed."""
    problem = ground.call("POST", "/keys", {"name": "x", "scopes": scopes}).get_json()

    assert problem["status"] == 422
    assert "events:replay" in problem["facts"]["faults"][0]["what"]
