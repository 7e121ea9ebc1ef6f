"""Host names: Twilio's own, and those of this machine, its containers and its private network."""

import ipaddress
import re

DOMAIN = "twilio.com"

PRIVATE_DOMAINS = (
    "localhost",  # RFC 6761, 6.3
    "test",  # RFC 6761, 6.2
    "local",  # RFC 6762, 3; also cluster.local, the default of Kubernetes
    "home.arpa",  # RFC 8375
    "internal",  # reserved for private use: ICANN board, 29 July 2024
)
"""No public DNS server answers for names under these, so that nobody outside can point one at this machine."""

_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]*))(?::[0-9]*)?")
# Docker also makes names with underscores.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def name_of(host: str) -> str:
    """The name in a `Host` header, without port, brackets and the dot of the root, in lower case.

    Returns the text itself when it is no `uri-host [":" port]` (RFC 9110, 7.2): such a text is never a local name.
    """
    host = host.lower()
    match = _HOST.fullmatch(host)
    if match is None:
        return host
    address, name = match.groups()
    if address is not None:
        return address if ":" in address and _is_address(address) else host
    return name.removesuffix(".") or host


def is_twilio(host: str) -> bool:
    """Whether a host name is Twilio's; edges and regions put any number of labels before it."""
    name = host.lower().rstrip(".")
    return name == DOMAIN or name.endswith("." + DOMAIN)


def is_loopback(name: str) -> bool:
    """Whether a name can only be this very machine (RFC 6761, 6.3 for what is under `localhost`)."""
    if _is_address(name):
        return ipaddress.ip_address(name).is_loopback
    return is_name(name) and f".{name}".endswith(".localhost")


def is_local(name: str) -> bool:
    """IP literals, names without a dot, as compose calls its services, and names that no public DNS server has."""
    if name == "" or _is_address(name):
        return True
    return is_name(name) and ("." not in name or name.endswith(tuple(f".{domain}" for domain in PRIVATE_DOMAINS)))


def is_name(name: str) -> bool:
    """Whether a text has the form of a host name, in lower case."""
    return _NAME.fullmatch(name) is not None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
