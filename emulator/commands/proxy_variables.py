"""The proxy that environment variables set for a URL, as Python's requests and urllib evaluate them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LONGEST_PREFIX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyVariable:
    """A variable whose proxy receives the requests to a host.

    Attributes:
        name: the variable.
        host: the host.
        no_proxy: a NO_PROXY value that adds the host to the current entries, so that requests to it are direct.
    """

    name: str
    host: str
    no_proxy: str

    def __str__(self) -> str:
        return (
            f"{self.name} is set and NO_PROXY does not include {self.host}: clients send requests for it to that proxy"
        )


def proxy_variable(url: str, environ: Mapping[str, str]) -> ProxyVariable | None:
    """The variable that routes requests to a URL through a proxy; None when they are direct."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    name = _set_name(parts.scheme, environ) or _set_name("all", environ)
    entries = _no_proxy(environ)
    if name is None or _is_direct(parts, entries):
        return None
    return ProxyVariable(name=name, host=host, no_proxy=",".join(dict.fromkeys([*entries, *LOOPBACK, host])))


def _set_name(scheme: str, environ: Mapping[str, str]) -> str | None:
    """The variable that applies: lower case takes precedence, even if empty."""
    lower, upper = f"{scheme}_proxy", f"{scheme}_proxy".upper()
    if lower in environ:
        return lower if environ[lower] else None
    # In a CGI script, HTTP_PROXY is the request header `Proxy` (CVE-2016-1000110).
    is_header = scheme == "http" and "REQUEST_METHOD" in environ
    return upper if environ.get(upper) and not is_header else None


def _no_proxy(environ: Mapping[str, str]) -> list[str]:
    value = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return [entry for part in value.split(",") if (entry := part.strip())]


def _is_direct(url: SplitResult, entries: list[str]) -> bool:
    return entries == ["*"] or any(_covers(entry, url) for entry in entries)


def _covers(entry: str, url: SplitResult) -> bool:
    host = url.hostname or ""
    if _is_ipv4(host):
        names = [host]  # an entry with a port does not cover an address
        if _in_network(host, entry):
            return True
    else:
        names = [host, f"{host}:{url.port}"] if url.port else [host]
    suffix = "." + entry.lstrip(".").lower()
    return any(f".{name}".endswith(suffix) for name in names)


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _in_network(address: str, entry: str) -> bool:
    network, _, prefix = entry.partition("/")
    if not (_is_ipv4(network) and prefix.isdecimal() and 1 <= int(prefix) <= _LONGEST_PREFIX):
        return False
    return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(entry, strict=False)
