"""The check names what is missing and what to do; it writes nothing."""

from __future__ import annotations

import pytest

from connectors.kit.contract import CheckReport
from connectors.roundup.connector import Roundup
from tests.connectors.roundup.conftest import Desk, at


def steps(report: CheckReport) -> dict[str, tuple[bool, str]]:
    """Return name -> (holds, fix)."""
    return {one.name: (one.ok, one.fix) for one in report.steps}


def test_a_good_tracker_proves_each_thing(desk: Desk) -> None:
    """Reachability, credentials, the five fields, a sample, and what we may create, without a write."""
    before = desk.standin.tracker.writes
    report = desk.connector.check()

    assert report.ok
    assert {"reachable", "credentials", "field:tieline_ref", "sample:issues", "permission:issue.create"} <= set(steps(report))
    assert desk.standin.tracker.writes == before


def test_without_the_reference_field_the_connector_is_not_saved(desk: Desk) -> None:
    """tieline_ref is needed, because without it a ticket could be opened twice; the other fields are a warning."""
    del desk.standin.tracker.schema["issue"]["part"]
    assert desk.connector.check().ok
    assert not steps(desk.connector.check())["field:part"][0]

    del desk.standin.tracker.schema["issue"]["tieline_ref"]
    report = desk.connector.check()
    assert not report.ok
    assert "tieline_ref=String()" in steps(report)["field:tieline_ref"][1]


def test_a_role_that_may_not_create_is_found_before_the_first_ticket(desk: Desk) -> None:
    """The permission is proven by a request that cannot create anything."""
    desk.standin.tracker.may_create = {"msg"}
    report = desk.connector.check()

    assert not report.ok
    assert not steps(report)["permission:issue.create"][0]
    assert steps(report)["permission:msg.create"][0]
    assert not desk.standin.tracker.rows["issue"]


def test_a_user_without_rest_access_is_told_which_permission(desk: Desk) -> None:
    """403 Forbidden of the whole interface has its own fix."""
    desk.standin.tracker.may_use_rest = {"admin"}
    report = desk.connector.check()

    assert "Rest Access" in steps(report)["credentials"][1]


@pytest.mark.parametrize(
    ("more", "failing", "fix"),
    [
        ({"password": "wrong"}, "credentials", "Correct"),
        ({"username": "nobody"}, "credentials", "Correct"),
        ({"public_url": "https://elsewhere.example/demo/"}, "credentials", "public_url"),
    ],
)
def test_each_wrong_setting_fails_its_own_step(desk: Desk, more: dict[str, str], failing: str, fix: str) -> None:
    """A wrong password, an unknown user and a foreign Origin are told apart."""
    connector = Roundup("tickets", at(desk.standin.url, **more))
    report = connector.check()
    connector.close()

    assert not report.ok
    assert not steps(report)[failing][0]
    assert fix in steps(report)[failing][1]


def test_an_address_without_a_tracker_is_said_to_be_one(desk: Desk) -> None:
    """A server that answers 404 is reachable, but no tracker."""
    connector = Roundup("tickets", at(f"{desk.standin.origin}/nope/"))
    report = connector.check()
    connector.close()

    assert "tracker's own address" in steps(report)["reachable"][1]


def test_a_password_over_plain_http_is_a_warning(desk: Desk) -> None:
    """Loopback needs no TLS; anywhere else the password would travel in the clear."""
    assert steps(desk.connector.check())["tls"][0]
