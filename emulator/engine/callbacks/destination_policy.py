"""Permitted destinations of callbacks, decided on addresses, never on names alone. This module does not connect.

Loopback and private networks are the normal use. The operator must allow any other destination by name, and some
addresses (most clouds' metadata service is link-local) are always forbidden: a client that can create a subscription
must not use the emulator to reach services that only this machine can reach.
"""

from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from emulator.wire.hosts import name_of

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))  # RFC 1918, RFC 4193
_THIS_NETWORK = ip_network("0.0.0.0/8")  # RFC 1122, 3.2.1.3
_NAT64 = ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48")  # RFC 6052, RFC 8215
# In private ranges: metadata services of AWS (credentials are at more than one address) and of Google Cloud.
METADATA = ip_network("fd00:ec2::/32"), ip_network("fd20:ce::254/128")
_LOW_32_BITS = 0xFFFF_FFFF

# Destinations that no option allows: reason and predicate.
_NEVER: tuple[tuple[str, Callable[[Address], bool]], ...] = (
    ("the unspecified address", lambda address: address.is_unspecified or _in(address, _THIS_NETWORK)),
    ("link-local, where clouds keep their metadata", lambda address: address.is_link_local),
    ("where clouds keep their metadata", lambda address: _in(address, *METADATA)),
    ("multicast", lambda address: address.is_multicast),
    ("reserved", lambda address: address.is_reserved and not address.is_loopback and not _in(address, *_NAT64)),
    ("site-local", lambda address: isinstance(address, IPv6Address) and address.is_site_local),
)


def refusal(host: str, address: str, allowed: Collection[str]) -> str | None:
    """Return why callbacks to an address of a host are forbidden; None if they are permitted.

    Args:
        host: the name or address in the URL.
        address: an address of the host.
        allowed: permitted names and addresses besides loopback and private ones, in lower case.
    """
    where = ip_address(address)
    if isinstance(where, IPv6Address) and where.ipv4_mapped is not None:
        return f"{where} is an IPv4-mapped address, which is never called"
    for inner in (where, *_embedded(where)):
        for kind, is_forbidden in _NEVER:
            if is_forbidden(inner):
                return f"{_shown(where, inner)} is {kind}, which is never called"
    name = name_of(host)
    if where.is_loopback or _in(where, *_PRIVATE) or name in allowed or str(where) in allowed:
        return None
    return f"{where} is neither loopback nor private; the option callback_hosts can allow {name}"


def _in(address: Address, *networks: Network) -> bool:
    return any(address in network for network in networks)


def _embedded(address: Address) -> list[IPv4Address]:
    """Return the IPv4 addresses to which a tunnel or translator would map an address."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.sixtofour, *(address.teredo or ())]
    if _in(address, *_NAT64):
        found.append(IPv4Address(int(address) & _LOW_32_BITS))
    return [each for each in found if each is not None]


def _shown(address: Address, inner: Address) -> str:
    return str(address) if inner is address else f"{address} leads to {inner}, which"
