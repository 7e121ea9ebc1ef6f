"""Host names: Twilio's, and those of this machine, its containers and its private network."""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

DOMAIN = "twilio.com"

PRIVATE_DOMAINS = (
    "localhost",  # RFC 6761, 6.3
    "test",  # RFC 6761, 6.2
    "local",  # RFC 6762, 3; also cluster.local, the default of Kubernetes
    "home.arpa",  # RFC 8375
    "internal",  # reserved for private use: ICANN board, 29 July 2024
)
"""Top-level names that no public DNS server resolves, so an attacker cannot point a name below them at this machine."""

MAX_AUTHORITY = 262
"""255 characters of the host (RFC 3986, 3.2.2), a colon and a port."""

# RFC 3986, 3.2, without user information, which a recipient should treat as an error (RFC 9110, 4.2.4).
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]{1,255})(?::([0-9]{0,5}))?")
_MAX_PORT = 0xFFFF
# Docker also generates names with underscores.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


class Authority(NamedTuple):
    """A host with an optional port.

    Attributes:
        uri_host: lower case, with the brackets of an IPv6 address and the trailing dot of the root.
        port: None if absent or empty.
    """

    uri_host: str
    port: int | None

    @property
    def host(self) -> str:
        """The name or address, without brackets and trailing dot."""
        return self.uri_host.strip("[]").removesuffix(".")


def parse_authority(text: str) -> Authority | None:
    """Parse `uri-host [":" port]` (RFC 9110, 7.2); None if the text does not match.

    The emulator parses every host with this function, so that all modules agree about a request's destination.
    """
    return _parse(text) if len(text) <= MAX_AUTHORITY else None


@lru_cache(maxsize=1024)  # clients send the same host with every request
def _parse(text: str) -> Authority | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    uri_host, port = match[1].lower(), int(match[2]) if match[2] else None
    if port is not None and port > _MAX_PORT:
        return None
    if uri_host.startswith("["):
        return Authority(uri_host, port) if ":" in uri_host and _is_address(uri_host[1:-1]) else None
    return None if uri_host == "." else Authority(uri_host, port)


def name_of(host: str) -> str:
    """The name in a `Host` header in lower case, without port, brackets and trailing dot.

    Returns the text unchanged if it is not `uri-host [":" port]`: it then never matches a local name.
    """
    authority = parse_authority(host)
    return host.lower() if authority is None else authority.host


def is_twilio(host: str) -> bool:
    """Whether a host name is Twilio's; edges and regions add any number of labels in front."""
    name = host.lower().removesuffix(".")
    return name == DOMAIN or name.endswith("." + DOMAIN)


def is_loopback(name: str) -> bool:
    """Whether a name always means this machine (RFC 6761, 6.3 for names under `localhost`)."""
    if _is_address(name):
        return ipaddress.ip_address(name).is_loopback
    return is_name(name) and f".{name}".endswith(".localhost")


def is_local(name: str) -> bool:
    """Whether a host is an IP literal, a name without a dot (a compose service), or under a name without public DNS."""
    if name == "" or _is_address(name):
        return True
    return is_name(name) and ("." not in name or name.endswith(tuple(f".{domain}" for domain in PRIVATE_DOMAINS)))


def is_host(name: str) -> bool:
    """Whether a text is a host name, in lower case, or an IP address."""
    return is_name(name) or _is_address(name)


def is_name(name: str) -> bool:
    """Whether a text has the form of a host name, in lower case."""
    return _NAME.fullmatch(name) is not None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
