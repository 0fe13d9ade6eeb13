"""Signing in: the token where each version wants it, renewed once, never in a log, never by a crowd."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.faults import FaultyRoute
from connectors.zabbix.connector import SessionEndedError, Zabbix
from connectors.zabbix.kind import ZabbixSettings
from core.errors import CredentialsError, RefusedError, SetupError, TielineError, TransientError
from lab.standins.zabbix import Zabbix as StandIn
from tests.connectors.zabbix.plant import HOT, connector, plant, records

VERSIONS = ["5.0.40", "5.4.9", "6.0.14", "6.4.0", "7.0.5", "7.2.1", "7.4.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_signed_in_to_as_it_wants(version: str) -> None:
    """5.0 wants user, later ones username; up to 6.2 the token is in the body, from 7.2 on only in the header."""
    with plant(version) as (standin, made):
        eventid = standin.world.raise_problem(HOT)
        made.act("acknowledge", {"id": eventid, "message": "seen"}, key="k")
        found = records(made, made.poll("problems", None))

    assert [(one.external_id, one.data["acknowledged"]) for one in found] == [(eventid, True)]
    assert found[0].actor == "gateway"


@pytest.mark.parametrize("version", [one for one in VERSIONS if not one.startswith("5.0")])
def test_an_api_token_needs_no_login(version: str) -> None:
    """An API token is used as it is, wherever the version wants it; nobody logs in, and nobody is logged out."""
    with StandIn(version=version).demo() as standin:
        made = connector(standin.url, api_token=standin.rpc.api_token("gateway"))
        report = made.check()
        made.close()

    assert report.ok, report.as_dict()
    assert standin.rpc.logins == 0
    assert "user.logout" not in [method for method, _ in standin.rpc.calls]


def test_the_version_is_asked_without_a_token() -> None:
    """Zabbix refuses a token with apiinfo.version; it is asked first, and by nobody in particular."""
    with plant() as (standin, made):
        made.poll("problems", None)

    assert [method for method, _ in standin.rpc.calls][:2] == ["apiinfo.version", "user.login"]


def test_an_ended_session_is_renewed_once() -> None:
    """When the session is gone we sign in again and the call is answered; nobody hears of it."""
    with plant() as (standin, made):
        made.poll("problems", None)
        standin.rpc.end_sessions()
        made.poll("problems", None)

        assert standin.rpc.logins == 2


def test_a_session_that_stays_dead_is_a_credentials_error() -> None:
    """A token that is refused again after signing in again is for a person to renew; there is no loop."""
    with StandIn().demo() as standin:
        made = connector(standin.url, api_token="0" * 64)
        with pytest.raises(SessionEndedError) as caught:
            made.poll("problems", None)
        made.close()

    assert isinstance(caught.value, CredentialsError)
    assert len([method for method, _ in standin.rpc.calls if method == "problem.get"]) == 2


def test_many_threads_sign_in_once() -> None:
    """However many threads find the session gone, one of them signs in; each has its own pyzabbix client."""
    with plant() as (standin, made):
        made.poll("problems", None)
        standin.rpc.end_sessions()
        threads = [threading.Thread(target=made.poll, args=("problems", None)) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

        assert standin.rpc.logins == 2


def test_the_session_is_given_back() -> None:
    """A connector that is closed logs out, so that no session is left behind."""
    with plant() as (standin, made):
        made.poll("problems", None)
        made.close()

        assert standin.rpc.sessions == {}


def test_no_log_ever_holds_the_password(caplog: pytest.LogCaptureFixture) -> None:
    """Pyzabbix logs whole requests at DEBUG; with every logger at DEBUG neither password nor session is seen."""
    caplog.set_level(logging.DEBUG)
    with plant() as (standin, made):
        made.poll("problems", None)
        session = next(iter(standin.rpc.sessions))

    assert "Gw-lab-2026!" not in caplog.text
    assert session not in caplog.text


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "api_token, or a username"),
        ({"username": "u"}, "api_token, or a username"),
        ({"api_token": "t", "username": "u", "password": "p"}, "not both"),
        ({"api_token": "t", "time_zone": "Beijing"}, "IANA"),
        ({"api_token": "t", "url": "ftp://zabbix"}, "pattern"),
        ({"api_token": "t", "url": "https://joe:pw@zabbix"}, "pattern"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], what: str) -> None:
    """A form that cannot work is refused with the reason, before anything is saved."""
    with pytest.raises(ValidationError, match=what):
        ZabbixSettings.model_validate({"url": "https://zabbix.example", **given})


@pytest.mark.parametrize("url", ["/", "/api_jsonrpc.php", "/api_jsonrpc.php/", ""])
def test_the_address_may_be_written_in_every_usual_way(url: str) -> None:
    """With or without api_jsonrpc.php and a slash at the end it is the same Zabbix."""
    with StandIn().demo() as standin:
        made = connector(standin.url + url)
        assert made.poll("problems", None).count == 0
        made.close()


@pytest.mark.parametrize(
    ("data", "code", "family"),
    [
        ("Session terminated, re-login, please.", -32602, CredentialsError),
        ("Not authorised.", -32602, CredentialsError),
        ("Incorrect user name or password or account is temporarily blocked.", -32500, CredentialsError),
        ("API token expired.", -32602, CredentialsError),
        ('No permissions to call "event.acknowledge".', -32500, SetupError),
        ("No permissions to referred object or it does not exist!", -32500, SetupError),
        ("Cannot close problem: trigger does not allow manual closing.", -32500, RefusedError),
        ("DBEXECUTE_ERROR", -32500, TransientError),
        ("Internal error", -32603, TransientError),
        ('Incorrect method "host.nope".', -32601, SetupError),
        ('Host "x" cannot be without host group.', -32602, RefusedError),
    ],
)
def test_what_zabbix_says_decides_the_family(data: str, code: int, family: type[TielineError]) -> None:
    """The same code -32602 is a dead session and a wrong parameter: the words tell them apart, and are kept."""
    error = {"code": code, "message": "Some message.", "data": data}
    answers: list[dict[str, Any]] = [
        {"result": "6.0.14"},
        {"result": "s" * 32},
        {"error": error},
    ] * 2  # an ended session is signed in to twice
    with FaultyRoute() as route:
        made = connector(route.url)
        for answer in answers:
            route.next(status=200, body=json.dumps({"jsonrpc": "2.0", "id": 1, **answer}).encode())
        with pytest.raises(family) as caught:
            made.call("host.get", {})
        route.calm()
        made.close()

    assert data in caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize("body", [b"", b"<html>maintenance</html>", b"[]", b'{"jsonrpc":"2.0","id":1}', b'"6.0.14"', b"{}"])
def test_an_answer_that_is_no_answer_is_transient(body: bytes) -> None:
    """A maintenance page with status 200 is no version, no result and no reason to give up."""
    with FaultyRoute() as route:
        made = connector(route.url)
        route.next(status=200, body=body)
        with pytest.raises(UnreadableAnswerError):
            made.poll("problems", None)
        made.close()


def test_a_zabbix_that_is_too_old_is_named() -> None:
    """The bits used here exist since 5.0; an older server is said to be too old, not called wrongly."""
    with plant("4.4.1") as (_, made):
        report = made.check()

    assert "4.4.1 is too old" in report.steps[0].detail


def test_one_zabbix_is_one_class() -> None:
    """The connector's class is what the registry loads."""
    assert Zabbix.kind.name == "zabbix"
