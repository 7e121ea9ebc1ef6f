"""Status lines and headers of responses, and how a response's body is framed (RFC 9112, 6)."""

from collections.abc import Iterable
from enum import Enum, auto
from http import HTTPStatus

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"connection: close\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Framing(Enum):
    """How the client finds the end of a body."""

    NONE = auto()  # no body
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, _phrase(status)) for status in range(100, 600)}


def framing_of(status: int, length: int | None, *, method: str, version: str) -> Framing:
    """Choose the framing of a body whose Content-Length is `length`, None when the application set none."""
    if method == "HEAD" or status in _WITHOUT_BODY:
        return Framing.NONE
    if length is not None:
        return Framing.LENGTH
    return Framing.CLOSE if version == "1.0" else Framing.CHUNKED


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The Content-Length that an application set."""
    return next((int(value) for name, value in headers if name.lower() == b"content-length"), None)


def asks_to_close(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether an application set `Connection: close`."""
    return any(name.lower() == b"connection" and value.lower() == b"close" for name, value in headers)


def render(status: int, headers: Iterable[tuple[bytes, bytes]], framing: Framing, *, close: bool) -> bytes:
    """Serialize a head, including its empty line."""
    lines = [STATUS_LINES[status], *(b"%b: %b\r\n" % header for header in headers)]
    if framing is Framing.CHUNKED:
        lines.append(b"transfer-encoding: chunked\r\n")
    if close:
        lines.append(CLOSE)
    return b"".join([*lines, b"\r\n"])


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; empty for empty data, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
