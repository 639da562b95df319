"""Where hooks may be sent: https to the public internet, and to networks that the settings name beside it.

An address is looked at when it is registered, what its host resolves to at each connection (`post.py`): who can change
the one's name servers cannot lead us into the other.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from services.chassis.problems import Problematic

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
GIVEN_OUT: Final = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is public; whatever is outside is not: of this machine, of a house, or it leads to IPv4 addresses
that nobody has looked at (translated, NAT64)."""
SPECIAL: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
"""What is set aside of the rest (found: the IANA registries of special-purpose addresses, RFC 6890): private, shared,
of examples and measurements, of one link, for many, for later; of IPv6 what is protocols' own, with Teredo, and 6to4.
It is said here and not left to the interpreter, whose list is another with each version."""
SECURE: Final = "https"
PLAIN: Final = "http"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which addresses may be connected to: public ones, and those of these networks."""

    networks: Sequence[Network] = ()

    def connects(self, address: str, *, plain: bool) -> bool:
        """Whether an IP address may be connected to; `plain`: without TLS, which only this machine may be."""
        ip = _bare(address)
        if ip is None or (plain and not ip.is_loopback):
            return False
        if any(ip in network for network in self.networks if network.version == ip.version):
            return True
        return _is_public(ip)

    def check(self, address: str) -> None:
        """Raises Problematic 422 unless hooks may be registered at this address."""
        try:
            said = urlsplit(address)
            host, port = said.hostname or "", said.port
        except ValueError:
            raise Problematic(422, "webhook.address") from None
        ascii_alone = address.isascii() and address.isprintable() and " " not in address
        if not ascii_alone or not host or port == 0 or "@" in said.netloc or "#" in address or "\\" in address:
            raise Problematic(422, "webhook.address")
        if said.scheme not in (SECURE, PLAIN):
            raise Problematic(422, "webhook.https")
        here = _bare("127.0.0.1" if host == "localhost" else host)
        plain = said.scheme == PLAIN
        if plain and (here is None or not here.is_loopback):
            raise Problematic(422, "webhook.https")
        if here is not None and not self.connects(str(here), plain=plain):
            raise Problematic(422, "webhook.private")


def _is_public(ip: Ip) -> bool:
    """Whether an address is reachable from the whole internet, and of nobody's own."""
    if ip.version == 6 and ip not in GIVEN_OUT:
        return False
    return ip.is_global and not any(ip in network for network in SPECIAL if network.version == ip.version)


def _bare(address: str) -> Ip | None:
    """An IP address, an IPv4 one out of the IPv6 form that only wraps it; None for what is none."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
