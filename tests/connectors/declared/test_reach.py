"""A connector reaches the public internet and what an admin allowed; no spelling, name or redirect gets it elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.kit.faults import FaultyRoute
from connectors.kit.http import Client
from connectors.kit.reach import ForbiddenPlaceError, Reach, read_networks
from core.errors import SetupError, TielineError
from tests.connectors.declared.small import bent, made

INNER = [
    "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "0.0.0.0", "[::]",
    "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200", "224.0.0.1", "255.255.255.255",
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[FaultyRoute]:
    """Give something on this machine that must not be reached."""
    with FaultyRoute() as route:
        yield route


@pytest.mark.parametrize("host", INNER)
def test_no_spelling_of_an_inner_place_is_reached(host: str, server: FaultyRoute) -> None:
    """Decimal, hexadecimal, octal, short, IPv6-mapped, NAT64, 6to4: judged by the address they lead to."""
    port = server.url.rpartition(":")[2]
    with pytest.raises(TielineError) as caught:
        Client(f"http://{host}:{port}", reach=Reach(), timeout_s=1).get()
    assert isinstance(caught.value, ForbiddenPlaceError) or caught.value.code == "unreachable"
    assert server.seen == []


def test_an_admin_may_allow_a_network(server: FaultyRoute) -> None:
    """What is allowed is reached, and nothing beside it."""
    assert Client(server.url, reach=Reach(read_networks(["127.0.0.0/8"]))).get().status == 200
    with pytest.raises(ForbiddenPlaceError, match="allowed_networks"):
        Client(server.url, reach=Reach(read_networks(["10.0.0.0/8"]))).get()


def test_a_name_that_changes_its_address_finds_no_gap(server: FaultyRoute, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was judged: a second answer of the name service is never asked for."""
    asked = 0

    def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        there = "93.184.215.14" if asked == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (there, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    connected: list[Any] = []

    def connecting(place: Any, **_: Any) -> Any:
        connected.append(place)
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", connecting)
    with pytest.raises(TielineError):
        Client(server.url.replace("127.0.0.1", "rebinding.example"), reach=Reach(), timeout_s=1).get()
    assert asked == 1
    assert [place[0] for place in connected] == ["93.184.215.14"]


def test_one_inner_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a public and an inner address is not tried until one answers."""
    several = [(2, 1, 6, "", ("93.184.215.14", 80)), (2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: several)
    with pytest.raises(ForbiddenPlaceError):
        Client("http://two-faced.example", reach=Reach()).get()


def test_a_declared_kind_is_guarded_unless_allowed(server: FaultyRoute) -> None:
    """Without allowed_networks the check says what is refused; with it the same settings pass."""
    kind = bent()
    refused = kind("small", kind.kind.settings.model_validate({"url": server.url})).check()
    assert not refused.ok
    assert "inner network" in refused.steps[0].detail
    assert made(kind, server.url).check().ok


def test_an_answer_cannot_lead_elsewhere(server: FaultyRoute) -> None:
    """A redirect is not followed, and a next page at another host is refused before anything is sent there."""
    server.next(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    with pytest.raises(SetupError, match=r"169\.254\.169\.254"):
        made(bent(), server.url).poll("things", None)
    linked = bent(("paging: {by: offset, size: 5}", "paging: {by: link, next: next}"))
    server.next(status=200, body=b'{"things": [{"id": 1, "at": 1}], "next": "http://evil.example/things"}')
    page = made(linked, server.url).poll("things", None)
    with pytest.raises(SetupError, match=r"evil\.example"):
        made(linked, server.url).poll("things", page.cursor)
    assert len(server.seen) == 2


def test_networks_are_read_as_an_admin_writes_them() -> None:
    """One text with commas, or a list; what is no network is named."""
    model = bent().kind.settings
    given = model.model_validate({"url": "http://x", "allowed_networks": "10.0.0.0/8, ::1"})
    assert given.model_dump()["allowed_networks"] == ["10.0.0.0/8", "::1"]
    with pytest.raises(ValueError, match="no network"):
        model.model_validate({"url": "http://x", "allowed_networks": ["the cellar"]})
