"""Parses proxy requests and decides which are allowed. No sockets here.

`CONNECT` to Twilio's host names is served by this process. Programs on this machine may also open tunnels to it and to
private networks. Everything else is rejected: a program under test must not reach the real Twilio or any other
unintended host through the proxy, and other machines must not reach hosts that only this machine can.
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from emulator.engine.callbacks.destination_policy import METADATA
from emulator.wire.hosts import is_host, is_twilio, parse_authority

MAX_HEAD = 16 * 1024
_SHOWN = 100  # characters of a host name in an error text
_NEAR = tuple(map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")))
_NEVER = (*map(ip_network, ("169.254.0.0/16", "fe80::/10")), *METADATA)  # cloud metadata services hold secrets
_REQUEST_LINE = re.compile(rb"([A-Z]+) ([\x21-\x7e]+) HTTP/1\.[01]\r")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00\r\n]*)\r")
_ABSOLUTE = re.compile(r"http://([^/?#]*)(.*)", re.IGNORECASE)
_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"host"})
_TLS = b"\x16\x03"
_HTTP = 80


class TunnelTarget(NamedTuple):
    """The destination of a tunnel."""

    host: str
    port: int


class ProxyRequest(NamedTuple):
    """The head of a proxy request."""

    method: str
    target: str
    fields: Sequence[tuple[bytes, bytes]]


class RefusedError(Exception):
    """A rejected request; str() is the reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status

    def reply(self) -> bytes:
        """The complete response. The reason is also in the status line, which clients show for a rejected CONNECT."""
        body = f"{self}\n".encode()
        return b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
            self.status,
            str(self).encode(),
            len(body),
            body,
        )


class HeadReader:
    """Parses the head of a request incrementally, each byte once."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._skipped = 0  # bytes of empty lines before the request (RFC 9112, 2.2)
        self._searched = 0  # offset where the search for the next line end continues
        self._line = 0  # offset of the current line
        self._request_line: tuple[str, str] | None = None
        self._fields: list[tuple[bytes, bytes]] = []

    def receive(self, data: bytes) -> tuple[ProxyRequest, bytes] | None:
        """Return the request and the bytes after its head; None while the head is incomplete.

        Raises:
            RefusedError: the head is malformed or too large.
        """
        if not self._head:
            received, data = data, data.lstrip(b"\r\n")
            self._skipped += len(received) - len(data)
        self._head += data
        if self._head.startswith(_TLS):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "the proxy uses plain HTTP: its URL in HTTPS_PROXY must begin with http://",
            )
        while (end := self._head.find(b"\n", self._searched)) >= 0:
            line = bytes(self._head[self._line : end])
            self._line = self._searched = end + 1
            self._check_size(self._line)
            if line == b"\r" and self._request_line is not None:
                return ProxyRequest(*self._request_line, self._fields), bytes(self._head[self._line :])
            self._read_line(line)
        self._searched = len(self._head)
        self._check_size(self._searched)
        return None

    def _read_line(self, line: bytes) -> None:
        if self._request_line is None:
            match = _REQUEST_LINE.fullmatch(line)
            if match is None:
                raise RefusedError(HTTPStatus.BAD_REQUEST, "the proxy received data that is not an HTTP request")
            self._request_line = match[1].decode(), match[2].decode()
            return
        field = _FIELD.fullmatch(line)
        if field is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the proxy received a malformed header")
        self._fields.append((field[1], field[2].lstrip(b" \t")))

    def _check_size(self, size: int) -> None:
        if self._skipped + size > MAX_HEAD:
            raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head exceeds {MAX_HEAD // 1024} KiB")


def read_authority(text: str) -> TunnelTarget:
    """Parse `host:port`.

    Raises:
        RefusedError: the text has another form.
    """
    authority = parse_authority(text)
    if authority is None or not authority.port or not is_host(authority.host):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"CONNECT requires host:port, not {text[:_SHOWN]}")
    return TunnelTarget(authority.host, authority.port)


def to_origin(request: ProxyRequest) -> bytes:
    """Rewrite a plain http request to Twilio for the origin server, with `Connection: close`.

    Raises:
        RefusedError: the request is not for Twilio.
    """
    match = _ABSOLUTE.fullmatch(request.target)
    authority = parse_authority(match[1]) if match else None
    if match is None or authority is None:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "this is the emulator's proxy, not the emulator: set HTTPS_PROXY to it"
        )
    host, path = authority.host, match[2]
    if not is_twilio(host) or authority.port not in (None, _HTTP):
        raise RefusedError(
            HTTPStatus.NOT_IMPLEMENTED,
            f"the proxy forwards plain http:// to Twilio only, with or without passthrough: add {host[:_SHOWN]} "
            "to NO_PROXY, or unset HTTP_PROXY, which only twilio-node requires",
        )
    path = path if path.startswith("/") else "/" + path
    kept = b"".join(b"%b: %b\r\n" % field for field in request.fields if field[0].lower() not in _HOP_BY_HOP)
    return f"{request.method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode() + kept + b"\r\n"


def _read_ip(address: str) -> IPv4Address | IPv6Address:
    ip = ip_address(address.partition("%")[0])
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def is_local(address: str) -> bool:
    """Whether an IP address is a loopback address."""
    return _read_ip(address).is_loopback


def is_near(address: str) -> bool:
    """Whether an IP address is a loopback address, or in a private network."""
    return _is_of(address, _NEAR) and not _is_of(address, _NEVER)


def _is_of(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    ip = _read_ip(address)
    return any(ip in network for network in networks)


def refuse_from_elsewhere(host: str, peer: str | None) -> None:
    """Allow tunnels to hosts other than Twilio's only to programs on this machine.

    Raises:
        RefusedError: the peer is on another machine.
    """
    if peer is None or not is_local(peer):
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            f"the proxy connects programs on other machines to Twilio only; add {host[:_SHOWN]} to NO_PROXY",
        )


def allowed(host: str, found: Sequence[str], *, passthrough: bool) -> list[str]:
    """The addresses of a host that a tunnel may connect to.

    Raises:
        RefusedError: no address is allowed.
    """
    chosen = [address for address in found if is_near(address) or (passthrough and not _is_of(address, _NEVER))]
    if chosen:
        return chosen
    if passthrough and found:
        raise RefusedError(HTTPStatus.FORBIDDEN, f"the proxy never connects to link-local addresses: {host[:_SHOWN]}")
    if passthrough:
        raise RefusedError(HTTPStatus.BAD_GATEWAY, f"the proxy cannot resolve {host[:_SHOWN]}")
    raise RefusedError(
        HTTPStatus.FORBIDDEN,
        f"the proxy does not connect to {host[:_SHOWN]}, which is neither Twilio nor in a private network; "
        "proxy_passthrough (EMULATOR_PROXY_PASSTHROUGH) allows it",
    )
