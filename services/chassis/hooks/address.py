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
CARRYING_IPV4: Final = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))
)
"""IPv6 networks whose addresses lead to IPv4 ones that nobody has looked at (NAT64, 6to4, Teredo)."""
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
        carries = isinstance(ip, ipaddress.IPv6Address) and any(ip in network for network in CARRYING_IPV4)
        return ip.is_global and not ip.is_multicast and not carries

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


def _bare(address: str) -> Ip | None:
    """An IP address, an IPv4 one out of the IPv6 form that only wraps it; None for what is none."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
