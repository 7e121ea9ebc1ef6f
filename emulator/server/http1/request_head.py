"""Checks of a request line and its headers in addition to the parser's (RFC 9112)."""

import re
from functools import lru_cache

from emulator.wire.errors import REQUEST_MALFORMED, TRANSFER_CODING_UNKNOWN, ErrorSpec
from emulator.wire.hosts import parse_authority

Headers = list[tuple[bytes, bytes]]
Fields = dict[bytes, bytes]
"""Headers by name; for a repeated header, the last value."""

_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)(/[^?#]*)?(\?[^#]*)?")
_MAX_AUTHORITY = 300  # a host name of at most 255 characters (RFC 1035, 2.3.4), and a port


class RequestError(Exception):
    """A malformed or unsupported request; `problem` is the error to answer with."""

    def __init__(self, problem: ErrorSpec) -> None:
        super().__init__(problem.name)
        self.problem = problem


def is_authority(value: bytes) -> bool:
    """Whether a string is a host with an optional port, of at most 300 bytes."""
    return len(value) <= _MAX_AUTHORITY and _is_authority(value)


@lru_cache(maxsize=256)
def _is_authority(value: bytes) -> bool:
    return parse_authority(value.decode("latin-1")) is not None


def check_headers(headers: Headers, fields: Fields, version: str) -> bool:
    """Check Host and Transfer-Encoding; return whether the body is chunked.

    Raises:
        RequestError: Host is missing, repeated or invalid (RFC 9112, 3.2), or the transfer coding is not chunked, or
            is used with HTTP/1.0 (6.1).
    """
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":
            raise RequestError(REQUEST_MALFORMED)
    elif host and not is_authority(host):
        raise RequestError(REQUEST_MALFORMED)
    if len(fields) != len(headers) and _count(headers, b"host") > 1:
        raise RequestError(REQUEST_MALFORMED)
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        return False
    if version == "1.0":
        raise RequestError(REQUEST_MALFORMED)
    if coding.lower() != b"chunked" or _count(headers, b"transfer-encoding") > 1:
        raise RequestError(TRANSFER_CODING_UNKNOWN)
    return True


def _count(headers: Headers, wanted: bytes) -> int:
    return sum(name == wanted for name, _ in headers)


def expects_continue(fields: Fields, version: str) -> bool:
    """Whether the client may wait for 100 Continue before it sends the body (RFC 9110, 10.1.1)."""
    return fields.get(b"expect", b"").lower() == b"100-continue" and version == "1.1"


def origin_form(method: bytes, target: bytes, headers: Headers, fields: Fields) -> bytes:
    """Convert a request target to path and query.

    The host of an absolute target replaces the Host header in place (RFC 9112, 3.2.2).

    Raises:
        RequestError: the form of the target is not allowed for the method.
    """
    if target == b"*" and method == b"OPTIONS":
        return target
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not is_authority(match[1]):
        raise RequestError(REQUEST_MALFORMED)
    headers[:] = [header for header in headers if header[0] != b"host"] + [(b"host", match[1])]
    fields[b"host"] = match[1]
    return (match[2] or b"/") + (match[3] or b"")
