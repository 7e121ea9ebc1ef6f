"""Parses the server name from the first record of a TLS connection (RFC 8446, 4.1.2; RFC 6066, 3)."""

from emulator.wire.hosts import is_host, parse_authority

RECORD_HEADER = 5
MAX_RECORD = 0x4000  # RFC 8446, 5.1
MAX_NAME = 255  # as in OpenSSL
_CLIENT_HELLO = 1
_SERVER_NAME = b"\x00\x00"
_BEFORE_SESSION = 1 + 3 + 2 + 32  # message type, its length, version, random

UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
"""A record with the fatal alert unrecognized_name (112)."""


def is_whole(received: bytes) -> bool:
    """Whether the first record is complete, or is too long to wait for."""
    if len(received) < RECORD_HEADER:
        return False
    size = int.from_bytes(received[3:RECORD_HEADER])
    return size > MAX_RECORD or len(received) >= RECORD_HEADER + size


def server_name(record: bytes) -> bytes | None:
    """The server name in a ClientHello; None when it has none, or when the record is malformed."""
    hello = memoryview(record)[RECORD_HEADER : RECORD_HEADER + int.from_bytes(record[3:RECORD_HEADER])]
    if hello[:1] != bytes((_CLIENT_HELLO,)):
        return None
    _, hello = _vector(hello[_BEFORE_SESSION:], 1)  # session
    _, hello = _vector(hello, 2)  # cipher suites
    _, hello = _vector(hello, 1)  # compression methods
    extensions, _ = _vector(hello, 2)
    while extensions:
        kind = extensions[:2]
        content, extensions = _vector(extensions[2:], 2)
        if kind == _SERVER_NAME:
            names, _ = _vector(content, 2)
            # The first name, after its type; host_name is the only defined type.
            return bytes(_vector(names[1:], 2)[0]) or None
    return None


def _vector(data: memoryview, width: int) -> tuple[memoryview, memoryview]:
    """Split off a vector with a length prefix of `width` bytes; return its content and the rest."""
    end = width + int.from_bytes(data[:width])
    return data[width:end], data[end:]


def is_valid_name(name: bytes) -> bool:
    """Whether a server name is a host name or an IP address; clients send addresses although RFC 6066 forbids it."""
    text = name.decode("latin-1")
    if len(name) > MAX_NAME:
        return False
    authority = parse_authority(text)
    return is_host(text) or (authority is not None and authority.port is None)
