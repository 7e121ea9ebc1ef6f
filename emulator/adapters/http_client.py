"""A small HTTP client for requests to an emulator: one request per connection, JSON bodies.

Standard library only, and without `http.client`: its import would take a third of the time of the image's health check.
`async_http_client` sends the same requests with asyncio. Callbacks need a pool, which is `connections`.
"""

import json
import re
import socket
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

_PORTS = {"http": 80, "https": 443}
_CHUNK = 65536
_FINAL = 200  # lower statuses precede the response
_HEX = re.compile(rb"[0-9a-fA-F]+")


class HttpClientError(Exception):
    """No usable response was received; str() is the reason, and `__cause__` the error of the socket, if any."""


class NotConnectedError(HttpClientError):
    """No connection could be opened."""


class Origin(NamedTuple):
    """Where requests go.

    Attributes:
        authority: host and port as in the URL, for the header `Host`.
        path: prefix of all paths.
    """

    scheme: str
    host: str
    port: int
    authority: str
    path: str


class HttpRequest(NamedTuple):
    """A request.

    Attributes:
        target: path and query.
        body: JSON value; None = no body.
        token: bearer token.
    """

    method: str
    target: str
    body: object = None
    token: str | None = None

    def encode(self, origin: Origin) -> bytes:
        """Serialize as HTTP/1.1."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        headers = {"Host": origin.authority, "Connection": "close", "Content-Length": str(len(body))}
        if body:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        lines = [f"{self.method} {origin.path}{self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


class HttpResponse(NamedTuple):
    """A response; `status_line` is its first line."""

    status: int
    status_line: str
    body: bytes


def parse_url(url: str) -> Origin:
    """Parse the URL of an emulator.

    Raises:
        ValueError: it is not an http or https URL.
    """
    parts = urlsplit(url)
    port = parts.port
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise ValueError("expected a URL like http://127.0.0.1:2010")
    authority = parts.netloc.rpartition("@")[2]
    return Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], authority, parts.path.rstrip("/"))


def send(origin: Origin, request: HttpRequest, timeout: float, tls: "ssl.SSLContext | None" = None) -> HttpResponse:
    """Send a request and return the response.

    Args:
        origin: where to connect.
        request: the request.
        timeout: seconds for the whole exchange.
        tls: context for https.

    Raises:
        NotConnectedError: no connection could be opened.
        HttpClientError: the response is missing, incomplete or not HTTP.
    """
    end, received = time.monotonic() + timeout, bytearray()
    with connect(origin, timeout, tls) as connection:
        try:
            connection.sendall(request.encode(origin))
            while data := _receive(connection, end):
                received += data
        except OSError as error:
            raise HttpClientError(str(error)) from error
    return parse_response(bytes(received))


def _receive(connection: socket.socket, end: float) -> bytes:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    connection.settimeout(left)
    return connection.recv(_CHUNK)


def stream(
    origin: Origin, request: HttpRequest, timeout: float, tls: "ssl.SSLContext | None" = None
) -> Generator[bytes, None, None]:
    """Send a request and yield the bytes of the response as they arrive, until the server closes the connection.

    Args:
        origin: where to connect.
        request: the request.
        timeout: seconds for connecting, and for each part of the response.
        tls: context for https.

    Raises:
        HttpClientError: the connection failed, or timed out.
    """
    with connect(origin, timeout, tls) as connection:
        try:
            connection.sendall(request.encode(origin))
            while data := connection.recv(_CHUNK):
                yield data
        except OSError as error:
            raise HttpClientError(str(error)) from error


@contextmanager
def connect(origin: Origin, timeout: float, tls: "ssl.SSLContext | None" = None) -> Iterator[socket.socket]:
    """Open a connection.

    Raises:
        NotConnectedError: no connection could be opened.
    """
    try:
        connection = socket.create_connection((origin.host, origin.port), timeout)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=origin.host)
    except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
        raise NotConnectedError(str(error)) from error
    with connection:
        yield connection


def parse_response(received: bytes) -> HttpResponse:
    """Parse all bytes of a connection as one response.

    Raises:
        HttpClientError: the response is missing, incomplete or not HTTP.
    """
    found = parse_head(received)
    if found is None:
        parse_status(received.partition(b"\r\n")[0].decode("latin-1"))
        raise _incomplete()
    head, body = found
    if head.is_chunked:
        body, _, is_complete = dechunk(body)
    else:
        length = head.fields.get("content-length", str(len(body)))
        is_complete = length.isdecimal() and len(body) >= int(length)
        body = body[: int(length)] if is_complete else b""
    if not is_complete:
        raise _incomplete()
    return HttpResponse(head.status, head.line, body)


class ResponseHead(NamedTuple):
    """A status line, and fields by their names in lower case."""

    status: int
    line: str
    fields: Mapping[str, str]

    @property
    def is_chunked(self) -> bool:
        """Whether the body is sent in chunks."""
        return self.fields.get("transfer-encoding", "").lower() == "chunked"


def parse_head(received: bytes) -> tuple[ResponseHead, bytes] | None:
    """Return the head of a response and the bytes after it; None while it is incomplete. Interim responses are skipped.

    Raises:
        HttpClientError: it is not HTTP.
    """
    while True:
        head, separator, received = received.partition(b"\r\n\r\n")
        if not separator:
            return None
        line, *fields = head.decode("latin-1").split("\r\n")
        status = parse_status(line)
        if status >= _FINAL:
            pairs = (field.partition(":") for field in fields)
            return ResponseHead(
                status, line, {name.strip().lower(): value.strip() for name, _, value in pairs}
            ), received


def dechunk(received: bytes) -> tuple[bytes, bytes, bool]:
    """Return the content of complete chunks, the bytes after them, and whether the body has ended (RFC 9112, 7.1).

    Raises:
        HttpClientError: the chunks are malformed.
    """
    content, at = bytearray(), 0
    while (end := received.find(b"\r\n", at)) >= 0:
        start, size = end + 2, _chunk_size(received[at:end])
        if not size:  # trailers may follow
            has_ended = received.startswith(b"\r\n", start) or received.find(b"\r\n\r\n", start) >= 0
            return bytes(content), received[at:], has_ended
        following = start + size
        if len(received) < following + 2:
            break
        if received[following : following + 2] != b"\r\n":
            raise _incomplete()
        content += received[start:following]
        at = following + 2
    return bytes(content), received[at:], False


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _HEX.fullmatch(digits):
        raise _incomplete()
    return int(digits, 16)


def _incomplete() -> HttpClientError:
    return HttpClientError("the response is incomplete")


def parse_status(line: str) -> int:
    """Return the status code of a status line.

    Raises:
        HttpClientError: it is not a status line.
    """
    version, _, rest = line.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
        raise HttpClientError("the response is not HTTP" if line else "the connection was closed without a response")
    return int(status)
