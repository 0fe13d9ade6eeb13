"""
Where a connector may connect to: the public internet, and what an admin allowed for it. Decided on addresses.

A name is resolved here, every address of it is judged, and the connection goes to one of the addresses that were
judged: a name that changes its address between the check and the use finds no gap. So all spellings of a forbidden
place (decimal numbers, IPv6 forms of IPv4 addresses, names that point there, redirects) meet the same judgement.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from core.errors import SetupError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")


class ForbiddenPlaceError(SetupError):
    """An address inside a network that this connector may not reach."""

    code = "forbidden-place"
    title, title_zh = "This connector may not connect there", "不允许连接到该地址"


def inner(address: Address) -> Address:
    """
    Return the IPv4 address that an IPv6 address carries inside, or the address itself.

    >>> str(inner(ipaddress.ip_address("::ffff:127.0.0.1"))), str(inner(ipaddress.ip_address("64:ff9b::7f00:1")))
    ('127.0.0.1', '127.0.0.1')
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address in _SIX_TO_FOUR:
            return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
        if address.teredo is not None:
            return address.teredo[1]
        if int(address) >> 32 == 0 and int(address) > 1:  # ::a.b.c.d, the oldest form
            return ipaddress.IPv4Address(int(address))
    return address


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """
    Read networks as an admin writes them; one address is a network too.

    >>> read_networks(["10.0.0.0/8", "::1"])
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'))
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise ValueError(f"{text!r} is no network; write one like 10.20.0.0/16 or 192.168.1.7") from None
    return tuple(found)


def _listed(given: object) -> object:
    """Networks may come as one text, as a command line gives them."""
    return [one for one in given.replace(",", " ").split() if one] if isinstance(given, str) else given


def _valid(texts: list[str]) -> list[str]:
    read_networks(texts)
    return texts


AllowedNetworks = Annotated[
    list[str],
    BeforeValidator(_listed),
    AfterValidator(_valid),
    Field(
        max_length=50,
        title="Inner networks it may reach",
        description="Such as 10.20.0.0/16. Without it only public addresses; an admin sets it.",
        json_schema_extra={"zh": "允许访问的内网网段（仅管理员可设置）"},
    ),
]


@dataclass(frozen=True, slots=True)
class Reach:
    """What one connector may reach."""

    allowed: tuple[Network, ...] = ()

    def permits(self, address: Address) -> bool:
        """
        Say whether an address may be connected to.

        >>> Reach().permits(ipaddress.ip_address("169.254.169.254"))
        False
        """
        real = inner(address)
        if any(real in network for network in self.allowed if network.version == real.version):
            return True
        if any(address in network for network in self.allowed if network.version == address.version):
            return True
        return real.is_global and not real.is_multicast

    def resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return the addresses of a host that may be connected to, or refuse; a name without any address is an OSError."""
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        places = list(dict.fromkeys((str(one[4][0]), int(one[4][1])) for one in found))
        refused = [place for place, _ in places if not self.permits(ipaddress.ip_address(place.partition("%")[0]))]
        if refused:
            raise ForbiddenPlaceError(
                f"The host {host!r} may not be connected to.",
                why=f"Its address {refused[0]} lies in an inner network: this machine, the local network, a metadata service.",
                fix="If it is meant, let an admin add the network to allowed_networks of the connector; else correct it.",
                address=refused[0],
            )
        return places
