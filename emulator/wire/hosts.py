"""Host names: Twilio's own, and those of this machine and its containers."""

import ipaddress

DOMAIN = "twilio.com"


def name_of(host: str) -> str:
    """The name in a `Host` header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return (host.rpartition(":")[0] if ":" in host else host).lower().rstrip(".")


def is_twilio(host: str) -> bool:
    """Whether a host name is Twilio's; edges and regions put any number of labels before it."""
    name = host.lower().rstrip(".")
    return name == DOMAIN or name.endswith("." + DOMAIN)


def is_loopback(name: str) -> bool:
    """Whether a name can only be this very machine (RFC 6761 §6.3 for what is under `localhost`)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def is_local(name: str) -> bool:
    """Loopback and local names, IP literals, and names without a dot, as compose calls its services."""
    return "." not in name or name.endswith((".localhost", ".internal")) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
