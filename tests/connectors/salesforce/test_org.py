"""Signing in by three flows, sessions that end, upsert that opens nothing twice, and words that are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.kit.faults import FaultyRoute
from connectors.salesforce.connector import Salesforce
from connectors.salesforce.kind import SalesforceSettings
from core.errors import CredentialsError, InputError, RateLimitedError, RefusedError, SetupError
from core.words import Delivery, Json, Record
from lab.standins.salesforce import KEY, REF, SECRET
from lab.standins.salesforce import Salesforce as Standin


@pytest.fixture
def org() -> Iterator[Standin]:
    with Standin() as made:
        yield made


def connector(url: str, **more: Any) -> Salesforce:
    given = {"url": url, "consumer_key": KEY, "consumer_secret": SECRET, **more}
    return Salesforce("crm", SalesforceSettings.model_validate(given))


def read(made: Salesforce, cursor: Json, limit: int = 500) -> tuple[list[Record], Json]:
    found: list[Record] = []
    while True:
        page = made.poll("cases", cursor, limit)
        found += made.parse(Delivery("r", "crm", page.body, {}, 0, stream="cases"), made.settings)
        cursor = page.cursor
        if not page.more:
            return found, cursor


def test_a_key_of_ours_signs_us_in_without_a_secret(org: Standin) -> None:
    """The assertion is signed RS256 and lives three minutes; a key of somebody else is refused as credentials."""
    ours, theirs = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = ours.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    org.public_key = public.decode()
    for key, right in ((ours, True), (theirs, False)):
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        made = connector(org.url, flow="jwt", username="tieline@acme", private_key=pem.decode(), consumer_secret=None)
        if right:
            assert made.check().ok
        else:
            with pytest.raises(CredentialsError, match="authentication failure"):
                made.poll("cases", None)
    with pytest.raises(SetupError, match="private key"):
        connector(org.url, flow="jwt", username="x", private_key="no key", consumer_secret=None).poll("cases", None)


def test_an_ended_session_is_renewed_once_by_one_thread(org: Standin) -> None:
    """Nobody hears of it; eight threads sign in once."""
    made = connector(org.url)
    made.poll("cases", None)
    org.tokens.clear()
    threads = [threading.Thread(target=made.poll, args=("cases", None)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert org.logins == 2


def test_a_case_is_opened_once_and_found_when_polled(org: Standin) -> None:
    """Salesforce itself honours our reference; the poll brings it with hint and version, each state once."""
    made = connector(org.url)
    ticket = {"title": "press-07 is hot", "tieline_ref": "TICK-2026-000001/α"}
    first, again = (made.act("create_ticket", ticket, key="k") for _ in range(2))
    found, cursor = read(made, None, 1)
    made.act("update_ticket", {"id": first.external_id, "status": "Closed"}, key="k2")
    changed, cursor = read(made, cursor, 1)

    assert (again.external_id, again.repeated, org.written) == (first.external_id, True, 2)
    assert [(one.external_id, one.hint) for one in found] == [(first.external_id, "TICK-2026-000001/α")]
    assert [one.data["status"] for one in changed] == ["Closed"]
    assert read(made, cursor)[0] == []


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_cases_of_one_second_are_all_read(org: Standin, limit: int) -> None:
    """However small the pages, of ours and of theirs."""
    org.page = 2
    for number in range(7):
        org.add("Case", Subject=f"case {number}")
    found, _ = read(connector(org.url), None, limit)
    assert sorted(str(one.data["title"]) for one in found) == [f"case {number}" for number in range(7)]


def test_two_cases_of_one_reference_are_nobodys_guess(org: Standin) -> None:
    """Salesforce answers 300 and writes nothing; so do we."""
    for _ in range(2):
        org.add("Case", Subject="x", **{REF: "TICK-1"})
    with pytest.raises(RefusedError, match="Several cases"):
        connector(org.url).act("create_ticket", {"title": "x", "tieline_ref": "TICK-1"}, key="k")


def test_the_spent_allowance_is_no_missing_permission(org: Standin) -> None:
    """It comes as 403 and is told apart by its code; a restricted word keeps Salesforce's words."""
    case = org.add("Case", Subject="x")
    with FaultyRoute(org.url) as route:
        org.instance = route.url
        made = connector(route.url)
        made.poll("cases", None)
        route.next(status=403, body=b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]')
        with pytest.raises(RateLimitedError):
            made.poll("cases", None)
        with pytest.raises(RefusedError, match="restricted picklist"):
            made.act("update_ticket", {"id": case, "status": "nonsense"}, key="k")


def test_the_token_goes_to_nobody_else(org: Standin) -> None:
    """An instance_url that is not Salesforce's is not believed."""
    org.instance = "https://evil.example"
    with pytest.raises(SetupError, match=r"evil\.example"):
        connector(org.url).poll("cases", None)


@pytest.mark.parametrize("account", ["", "x' OR Name != '", None, "001"])
def test_an_id_never_becomes_a_query(org: Standin, account: str | None) -> None:
    """What is no id is not sent."""
    with pytest.raises(InputError):
        connector(org.url).lookup("interactions", {"account": account}, timeout_s=5)
