"""The first record of a TLS connection, as far as the server name in it (RFC 8446, 4.1.2; RFC 6066, 3)."""

from emulator.wire.hosts import is_host, parse_authority

RECORD_HEADER = 5
MAX_RECORD = 0x4000  # RFC 8446, 5.1
MAX_NAME = 255  # as OpenSSL
_CLIENT_HELLO = 1
_SERVER_NAME = b"\x00\x00"
_BEFORE_SESSION = 1 + 3 + 2 + 32  # message type, its length, version, random

UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
"""A record with the fatal alert unrecognized_name (112)."""


def is_whole(received: bytes) -> bool:
    """Whether the first record is there, or is none that could be waited for."""
    if len(received) < RECORD_HEADER:
        return False
    size = int.from_bytes(received[3:RECORD_HEADER])
    return size > MAX_RECORD or len(received) >= RECORD_HEADER + size


def server_name(record: bytes) -> bytes | None:
    """The server name that a ClientHello asks for; None when there is none, or the record cannot be read."""
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
            # The first name, behind its type; only one type is defined, host_name.
            return bytes(_vector(names[1:], 2)[0]) or None
    return None


def _vector(data: memoryview, width: int) -> tuple[memoryview, memoryview]:
    """A vector whose length is given in so many bytes, and what follows it."""
    end = width + int.from_bytes(data[:width])
    return data[width:end], data[end:]


def is_valid_name(name: bytes) -> bool:
    """Whether a server name can be one; clients also send addresses, which RFC 6066 does not allow."""
    text = name.decode("latin-1")
    if len(name) > MAX_NAME:
        return False
    authority = parse_authority(text)
    return is_host(text) or (authority is not None and authority.port is None)
