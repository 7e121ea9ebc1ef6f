"""A small HTTP client for requests to an emulator: one request per connection, JSON bodies.

Standard library only, and without `http.client`: its import would take a third of the time of the image's health check.
`async_http_client` sends the same requests with asyncio. Callbacks need a pool, which is `connections`.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

_PORTS = {"http": 80, "https": 443}
_CHUNK = 65536
_FINAL = 200  # lower statuses precede the response


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
) -> Iterator[bytes]:
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
    head, separator, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    status = parse_status(line)
    if separator and status < _FINAL:
        return parse_response(body)
    headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    length = headers.get("content-length", str(len(body)))
    try:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, length = _joined(body), "0"
    except ValueError:
        separator = b""
    if not separator or not length.isdecimal() or len(body) < int(length):
        raise HttpClientError("the response is incomplete")
    return HttpResponse(status, line, body if "transfer-encoding" in headers else body[: int(length)])


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


def _joined(chunked: bytes) -> bytes:
    """Decode a chunked body; ValueError when it is incomplete."""
    stream, chunks = BytesIO(chunked), list[bytes]()
    while size := int(stream.readline().partition(b";")[0], 16):
        chunks.append(stream.read(size))
        if stream.readline() != b"\r\n":
            raise ValueError
    while line := stream.readline():  # trailers
        if line == b"\r\n":
            return b"".join(chunks)
    raise ValueError
